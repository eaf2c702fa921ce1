"""What a person sees in a terminal when a command of `python -m local` is interrupted, or fails, at each stage."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.processes import kill_module
from tests.producer.conftest import is_foreign, tweets
from tests.terminal import Terminal

LOCAL = [sys.executable, "-m", "local"]
UP = [*LOCAL, "up", "--port", "0", "--x-port", "0"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not is_foreign(name)}


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Something that listens on a port, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_ctrl_c_while_up_deploys_takes_everything_back() -> None:
    with Terminal([*UP, "--deploy"]) as terminal:
        terminal.shows("Deploying the dev stack ...")
        terminal.press("\x03")
        assert terminal.ends() == (0, "Stopped; its state is lost.\n")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--port", "{}"], "port {} is in use: choose another, or 0 for any free one"),
        (["--x-port", "{}"], "port {} is in use, choose another: "),
    ],
)
def test_a_port_that_is_taken_is_one_error(options: list[str], advice: str, silent: socket.socket) -> None:
    port = silent.getsockname()[1]
    with Terminal([*UP, *(option.format(port) for option in options)]) as terminal:
        code, screen = terminal.ends()
    assert code == 1
    assert screen.startswith("Error: " + advice.format(port))
    assert "Traceback" not in screen


def test_local_aws_that_ends_by_itself_is_one_error_with_its_log() -> None:
    with Terminal(UP) as terminal:
        terminal.shows("Nothing is deployed yet.")
        kill_module(terminal.process.pid, "local.aws.ministack.server")
        code, screen = terminal.ends()
    assert code == 1
    assert "Error: the local AWS server ended by itself: run the command again; the end of its log" in (
        screen.replace("\n", " ")
    )
    assert "Traceback" not in screen


def test_ctrl_c_while_local_aws_does_not_answer_ends_a_job(silent: socket.socket) -> None:
    endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with Terminal([*LOCAL, "job", "deploy", "dev", "--endpoint", endpoint]) as terminal:
        asked, _ = silent.accept()
        with asked:
            terminal.press("\x03")
            assert terminal.ends() == (1, "^C\nAborted!\n")


def test_a_producer_outlives_local_aws_with_all_that_it_could_not_send(tmp_path: Path) -> None:
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweets(range(9)))
    with Terminal([*UP, "--deploy"]) as up:
        up.shows("replay --outputs")
        (config,) = re.findall(r"--config (\S+?/config.json) --source", up.text.replace("\n", ""))
        producer = [sys.executable, "-m", "producer", "--config", config, "--source", "file", str(file)]
        with Terminal([*producer, "--rate", "2"], environment=ENVIRONMENT) as running:
            running.shows("file → stream dev-EventStream")
            up.press("\x03")
            _, stopped = up.ends()
            running.shows("Sending paused: ")
            running.press("\x03")
            running.shows("Stopping: ")
            running.press("\x03")
            code, screen = running.ends()
    spool = Path(config).parent / "spool"
    assert f"The producer's spool stays in {spool}" in stopped.replace("\n", "")
    assert code == 1
    assert f" remain in {spool}" in screen.replace("\n", "")
    assert list(spool.rglob("*"))
    shutil.rmtree(spool.parent)
