"""The Pulumi CLI that `python -m delivery` runs."""

import os
import sys
from pathlib import Path

from tests.terminal import Terminal

RUN = "from delivery.cli import pulumi; pulumi('file://state', 'up')"
CLI = """#!/bin/bash
trap 'sleep 1; echo The CLI has unlocked the stack.; exit 1' INT
echo The CLI updates.
while :; do sleep 0.1; done
"""


def test_ctrl_c_lets_the_cli_end_what_it_has_begun(tmp_path: Path) -> None:
    cli = tmp_path / "pulumi"
    cli.write_text(CLI)
    cli.chmod(0o700)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with Terminal([sys.executable, "-c", RUN], environment=environment) as terminal:
        terminal.shows("The CLI updates.")
        terminal.press("\x03")
        _, screen = terminal.ends()
    assert "The CLI has unlocked the stack." in screen
    assert "KeyboardInterrupt" in screen
