"""What a person sees in a terminal when a command is interrupted at a prompt, or cannot begin."""

import os
import sys
from pathlib import Path

import pytest

from tests.ops.stack import DeployedStack
from tests.terminal import Terminal

OPS = [sys.executable, "-m", "ops"]


@pytest.mark.parametrize("keys", ["\x03", "n\n"])
def test_no_or_ctrl_c_at_the_question_of_a_replay_ends_it_and_leaves_no_file(
    stack: DeployedStack, keys: str, tmp_path: Path
) -> None:
    with Terminal([*OPS, "replay", "--from", "5m", *stack.options], folder=tmp_path) as terminal:
        terminal.shows("[y/N]:")
        terminal.press(keys)
        code, screen = terminal.ends()
    assert code == 1
    assert screen.endswith("Aborted!\n")
    assert "Traceback" not in screen
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_between_two_looks_ends_watch_below_its_frame(stack: DeployedStack) -> None:
    with Terminal([*OPS, "watch", *stack.options]) as terminal:
        terminal.shows("Ctrl-C ends.")
        terminal.press("\x03")
        code, screen = terminal.ends()
    assert code == 0
    assert "Traceback" not in screen


def test_a_stack_that_nothing_names_is_one_error_with_what_to_give() -> None:
    environment = {**os.environ, "PATH": "/nowhere"}  # without a Pulumi CLI
    with Terminal([*OPS, "status"], environment=environment) as terminal:
        code, screen = terminal.ends()
    assert code == 2
    assert screen.startswith("Error: ")
    assert "--outputs" in screen
    assert "Traceback" not in screen
