"""``python -m local demo``, run and interrupted as by a user."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from event.types import event_types
from stack.project import PROJECT
from tests.local.aws.test_server import alive
from tests.local.demo.outline import outline
from tests.local.processes import find_module, started_by
from tests.producer.conftest import tweet, tweets
from tests.waiting import eventually
from tests.widths import check_width
from tools.docs.record import DEMO, WIDTH

# What a user's shell may export for other programs, and must not change the demo.
FOREIGN = {
    "region": "eu-west-1",
    "aws_endpoint": "http://127.0.0.1:1",
    "PRODUCER_STREAM_NAME": "another",
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}


class Demo:
    """The command, with a folder of its own for temporary files."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], width: int) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "demo", *arguments],
            cwd=PROJECT,
            env={**os.environ, **FOREIGN, "TMPDIR": str(self.temporary), "COLUMNS": str(width)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,  # as a terminal's shell starts it: Ctrl-C goes to the group
        )

    def ends(self) -> tuple[int, str]:
        """Return its exit code and output."""
        output, _ = self.process.communicate()
        return self.process.returncode, output


Start = Callable[..., Demo]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    """Starts the command."""
    running: list[Demo] = []

    def start(*arguments: str, width: int = 100) -> Demo:
        running.append(Demo(tmp_path, arguments, width))
        return running[-1]

    yield start
    for each in running:
        with each.process:  # closes its output, read or not, and waits for its end
            each.process.kill()


def test_the_figures_of_a_demo_with_an_own_file_add_up(demo: Start, tmp_path: Path) -> None:
    own, too_large = tmp_path / "own.jsonl", tweet(200, text="x" * 410_000)
    own.write_text(tweets(range(200)) + "not a tweet\n" + tweets(range(20)) + too_large)
    command = demo("--source", "file", "--file", str(own), width=80)
    code, output = command.ends()
    assert code == 0, output
    check_width(output, 80)
    assert "received 222 = sent 221 + spooled 0 + rejected 1" in output
    assert re.search(r"^ *Rejected line 201: ", output, re.MULTILINE)
    assert "sent 221 = 200 rows + 20 duplicates + 1 in quarantine" in output
    assert "(status counts duplicates in one batch; one in a later batch replaces its row)" in output
    assert not re.search(r"\brepeats?\b", output)
    assert output.count(" denied ") == 3
    assert "200 rows deleted, 0 left" in output
    assert "221 records = 221 handled by the function + 0 quarantined." in output
    assert "the same 200 rows are back" in output
    assert "the account is empty" in output
    assert "All checks passed" in output
    assert list(command.temporary.iterdir()) == []


def test_a_demo_that_is_kept_serves_the_producer_that_it_prints_and_is_that_of_the_picture(
    demo: Start,
) -> None:
    command = demo("--keep", width=WIDTH)
    assert command.process.stdout
    shown: list[str] = []
    for line in command.process.stdout:
        shown.append(line)
        if "bin/python -m producer" in line:
            break
    produce = shown.pop().strip()
    ended = subprocess.run(
        ["bash", "-c", produce],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "received 100 = sent 100" in ended.stderr
    os.killpg(command.process.pid, signal.SIGINT)
    code, output = command.ends()
    assert code == 0, output
    assert "All checks passed" in output
    folder = Path(shlex.split(produce)[4]).parent
    assert [path.name for path in folder.iterdir()] == ["spool"]
    shutil.rmtree(folder)
    drawn = outline(DEMO.read_text().splitlines())
    assert outline(shown + output.splitlines()) == drawn, "run `make record-docs`"


def test_an_empty_file_fails_the_checks_with_exit_code_1(demo: Start, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    code, output = demo("--source", "file", "--file", str(tmp_path / "empty.jsonl"), width=140).ends()
    assert code == 1
    check_width(output, 140)
    assert "Check failed: the table is empty" in output
    assert "All checks passed" not in output


@pytest.mark.parametrize(
    ("ending", "once", "code"),
    [
        pytest.param(signal.SIGINT, "producer", 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, "local.aws.ministack.server", 130, id="SIGTERM"),
        pytest.param(signal.SIGKILL, "producer", -signal.SIGKILL, id="SIGKILL"),
    ],
)
def test_a_demo_that_is_interrupted_leaves_nothing(
    demo: Start, ending: signal.Signals, once: str, code: int
) -> None:
    command = demo()
    eventually(lambda: find_module(command.process.pid, once))
    started = started_by(command.process.pid)
    os.killpg(command.process.pid, ending)
    ended, output = command.ends()
    assert ended == code, output
    check_width(output, 100)
    eventually(lambda: not alive(started))
    eventually(lambda: not list(command.temporary.iterdir()))


def test_the_demo_of_another_event_type_streams_what_its_samples_say(demo: Start) -> None:
    code, output = demo("--event", "order", width=80).ends()
    assert code == 0, output
    check_width(output, 80)
    assert "on AWS: python -m local events order | python -m producer --source file -" in output
    assert "received 3,000 = sent 2,999 + spooled 0 + rejected 1" in output
    assert "sent 2,999 + planted 1 = 2,999 rows + 0 duplicates + 1 in quarantine" in output
    assert "Total: an order costs something, or nothing" in output
    assert "the same 2,999 rows are back" in output
    assert "All checks passed" in output


def test_an_unknown_event_type_is_a_wrong_usage_that_lists_what_there_is(demo: Start) -> None:
    code, output = demo("--event", "ordr").ends()
    assert code == 2
    assert all(f"'{name}'" in output for name in event_types())


def test_x_brings_no_orders(demo: Start) -> None:
    code, output = demo("--event", "order", "--source", "x").ends()
    assert code == 2
    assert "X brings tweets only" in output
