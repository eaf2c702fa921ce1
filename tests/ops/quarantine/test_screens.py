"""What a person sees of the quarantine's commands in a terminal."""

import json
import sys
from pathlib import Path

import pytest

from ops.quarantine.presentation import key_lines, show_command
from tests.ops.stack import DeployedStack
from tests.terminal import Terminal
from tests.waiting import eventually

KEY = "records/not-json/2026-11-29/shardId-000000000000/49612345678901234567890123456789012345678901234567890123.json"


def test_the_bar_of_a_redrive_is_gone_before_its_result(stack: DeployedStack) -> None:
    stack.put(b"not json")
    eventually(stack.objects)
    command = [sys.executable, "-m", "ops", "quarantine", "redrive", *stack.options]
    with Terminal(command) as terminal:
        code, screen = terminal.ends()
    assert code == 0
    assert screen.splitlines()[-1].startswith("Of 1 object: 1 object (1 record) redriven")
    assert "Redriving" not in screen


def test_the_json_of_a_redrive_goes_to_a_file_though_its_bar_is_on_the_terminal(
    stack: DeployedStack, tmp_path: Path
) -> None:
    stack.put(b"not json")
    eventually(stack.objects)
    file = tmp_path / "result.json"
    command = ["bash", "-c", 'exec "$@" > result.json', "-", sys.executable, "-m", "ops", "quarantine"]
    with Terminal([*command, "redrive", "--json", *stack.options], folder=tmp_path) as terminal:
        code, screen = terminal.ends()
    assert code == 0, screen
    assert json.loads(file.read_text())["redriven"] == 1
    assert "{" not in screen


@pytest.mark.parametrize("width", [60, 80, 120, 10_000])
def test_a_key_is_broken_before_its_last_part_only_and_the_command_has_that(width: int) -> None:
    assert "".join(line.strip() for line in key_lines(KEY, width)) == KEY
    command = show_command(KEY, ["--stack=dev"], width)
    shown = command.replace(" \\\n ", "").split()
    assert shown[:5] == ["python", "-m", "ops", "quarantine", "show"]
    assert shown[-1] == "--stack=dev"
    assert shown[5] == (KEY if width > 200 else KEY.rpartition("/")[2])
