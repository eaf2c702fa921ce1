"""What a person sees in a terminal when the producer is interrupted, or fails, at each stage of its run."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.stubs.kinesis import away
from tests.producer.conftest import Producer, Stream, is_foreign, tweets
from tests.terminal import Terminal
from tests.waiting import eventually

ENVIRONMENT = {name: value for name, value in os.environ.items() if not is_foreign(name)}
Start = Callable[..., Terminal]


@pytest.fixture
def start(producer: Producer, tmp_path: Path) -> Iterator[Start]:
    """Starts the producer in a terminal, with three tweets in a file."""
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweets(range(3)))
    command = [sys.executable, "-m", "producer", "--source", "file", str(file), "--config"]
    with ExitStack() as running:

        def start_with(*options: str, config: Path = producer.config) -> Terminal:
            terminal = Terminal([*command, str(config), *options], environment=ENVIRONMENT)
            return running.enter_context(terminal)

        yield start_with


def test_a_missing_configuration_is_one_error_with_the_command_that_writes_it(start: Start) -> None:
    code, screen = start(config=Path("/nowhere/config.json")).ends()
    assert code == 2
    assert screen.replace("\n", "") == (
        "Error: `region` is missing in /nowhere/config.json: run `python -m producer configure` to take it "
        "from the deployed stack, or set the environment variable PRODUCER_REGION."
    )


def test_ctrl_c_while_tweets_are_read_ends_with_the_summary_of_what_was_sent(
    start: Start, stream: Stream
) -> None:
    terminal = start("--rate", "0.01")
    eventually(lambda: stream.ids)
    terminal.press("\x03")
    code, screen = terminal.ends()
    assert code == 0
    assert "Stopping: sending queued tweets for up to 10 s; press Ctrl-C again to quit now." in screen
    assert "\nDone: received 1 = sent 1 + spooled 0 + rejected 0; retried 0; " in screen
    assert "Traceback" not in screen


def test_a_second_ctrl_c_while_the_rest_is_sent_ends_with_the_place_of_what_was_not(
    start: Start, stream: Stream, producer: Producer
) -> None:
    stream.stub.faults = away
    terminal = start()
    terminal.shows("Sending paused: ")
    terminal.press("\x03")
    terminal.shows("Stopping: ")
    terminal.press("\x03")
    code, screen = terminal.ends()
    assert code == 1
    assert "\nDone: received 3 = sent 0 + spooled 3 + rejected 0; " in screen
    assert f"3 tweets remain in {producer.spool}" in screen.replace("\n", "")
    assert "Traceback" not in screen
