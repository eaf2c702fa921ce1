"""Ctrl-C while AWS is silent: a command ends soon, not when its calls have timed out."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.terminal.interrupt import interruptible, run_parallel
from tests.doubles.relay import relaying
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually

SECONDS = 60
"""A silent call ends after 90 seconds: three attempts of 30. Ctrl-C takes one, on a busy machine some."""


@contextmanager
def silenced(stack: DeployedStack, silent_at: bytes, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command against an AWS that falls silent at a request with these bytes; wait for that."""
    with relaying(stack.aws.endpoint, silent_at) as relay:
        process = stack.ops_process(*arguments, endpoint=relay.url)
        try:
            assert eventually(lambda: relay.silent.is_set() or process.poll() is not None)
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    ("command", "silent_at", "exit_code"),
    [
        ("watch", b"DescribeStreamSummary", 0),
        ("watch --json", b"DescribeStreamSummary", 0),
        ("status", b"DescribeStreamSummary", 1),
        ("explore --follow", b"GetRecords", 0),
        ("explore --top", b"GetRecords", 1),
        ("explore", b"DynamoDB_20120810.Scan", 1),
    ],
)
def test_ctrl_c_ends_a_command_that_only_reads(
    stack: DeployedStack, user: str, command: str, silent_at: bytes, exit_code: int
) -> None:
    stack.put(tweet(user))
    with silenced(stack, silent_at, *command.split()) as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == exit_code, errors
        assert "Traceback" not in errors


def test_ctrl_c_ends_the_lookup_of_a_row_that_is_watched(stack: DeployedStack, user: str) -> None:
    with relaying(stack.aws.endpoint, b"BatchGetItem") as relay:
        process = stack.ops_process("watch", "--json", endpoint=relay.url)
        try:
            while not relay.silent.wait(0.5):  # of what arrived before its first look, it shows a sample
                stack.put(tweet(user))
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, errors
            assert "Traceback" not in errors
        finally:
            process.kill()
            process.communicate()


def test_ctrl_c_ends_the_reading_of_quarantined_objects(stack: DeployedStack) -> None:
    stack.put(b"not json")
    assert stack.quarantined(1)
    request = f"GET /{stack.outputs['quarantine_bucket']}/records".encode()
    with silenced(stack, request, "quarantine", "list") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 1


@pytest.mark.parametrize("silent_at", [b"/invocations", b"GetRecords"])
def test_a_second_ctrl_c_ends_a_replay(
    stack: DeployedStack, user: str, tmp_path: Path, silent_at: bytes
) -> None:
    stack.put(tweet(user))
    assert eventually(lambda: stack.rows(user))
    options = ["--from", "5m", "--yes", "--checkpoint", str(tmp_path / "checkpoint.json")]
    with silenced(stack, silent_at, "replay", *options) as process:
        interrupt_twice(process)
        out, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert "To resume: python -m ops replay --resume" in out


@pytest.mark.parametrize("silent_at", [b"PutRecords", b"GET /"])
def test_a_second_ctrl_c_ends_a_redrive(stack: DeployedStack, silent_at: bytes) -> None:
    stack.put(b"not json", b"not json either")
    assert stack.quarantined(2)
    if silent_at == b"GET /":
        silent_at += f"{stack.outputs['quarantine_bucket']}/records".encode()
    with silenced(stack, silent_at, "quarantine", "redrive") as process:
        interrupt_twice(process)
        out, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert "Interrupted. Of 2 objects" in out


@pytest.mark.usefixtures("ctrl_c_ignored")
def test_a_command_in_a_scripts_background_ignores_ctrl_c_and_ends_at_a_safe_place_by_sigterm() -> None:
    with interruptible() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()


def interrupt_twice(process: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C, read what the command says of a second one, and press it again."""
    assert process.stderr
    process.send_signal(signal.SIGINT)
    assert any("press Ctrl-C again to quit now" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)


def test_parallel_calls_yield_their_results_in_order_and_run_no_further_ahead_than_the_threads() -> None:
    begun: list[int] = []

    def double(number: int) -> int:
        begun.append(number)
        return number * 2

    results = run_parallel(double, range(20), threads=4)
    first = next(results)

    assert len(begun) <= 5
    assert [first, *results] == list(range(0, 40, 2))
