"""What a person sees in a terminal when the demo is interrupted, or something of it fails, at each stage."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.processes import kill_module
from tests.producer.conftest import tweets
from tests.terminal import Terminal

INTERRUPTED = "Interrupted; everything that was started has stopped.\n"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    """The demo with a few tweets."""
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweets(range(9)))
    with Terminal([sys.executable, "-m", "local", "demo", "--source", "file", "--file", str(file)]) as demo:
        yield demo


@pytest.mark.parametrize(
    "stage",
    [
        "Start AWS and X on this machine",
        "Deploy the dev stack",
        "Stream 9 tweets",
        "Explore the table",
        "Destroy the stack",
    ],
)
def test_ctrl_c_at_a_stage_ends_the_demo_with_one_sentence(demo: Terminal, stage: str) -> None:
    demo.shows(stage)
    demo.press("\x03")
    code, screen = demo.ends()
    assert code == 130, screen
    assert screen.endswith(INTERRUPTED)
    assert "Traceback" not in screen
    assert "Error" not in screen


@pytest.mark.parametrize(
    ("stage", "module", "error"),
    [
        (
            "Deploy the dev stack",
            "local.aws.ministack.server",
            "Error: the local AWS server ended by itself: ",
        ),
        ("Stream 9 tweets", "producer", "Check failed: the producer ended with -9"),
        ("Explore the table", "local.aws.ministack.server", "Error: the local AWS server ended by itself: "),
    ],
)
def test_a_part_that_fails_at_a_stage_is_one_error_at_the_end(
    demo: Terminal, stage: str, module: str, error: str
) -> None:
    demo.shows(stage)
    kill_module(demo.process.pid, module)
    code, screen = demo.ends()
    assert code == 1, screen
    assert screen.count(error) == 1
    assert "Traceback" not in screen
    assert "cannot follow the mappings" not in screen
