"""Ctrl-C while a command imports what it needs, which takes most of its first second."""

import os
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal

BIN = Path(sys.executable).parent
COMMANDS = {
    "stream-ops": ["status"],
    "twitter2kinesis": ["--track", "cat"],
    "python -m ops": ["status"],
    "python -m producer": ["--track", "cat"],
    "python -m local": ["demo"],
    "python -m delivery": ["account", "octo/tweets"],
}
# Python imports a module of this name at its start.
INTERRUPT = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("module", ["click", "stack.project"])
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_during_an_import_ends_a_command_without_a_word(
    command: str, module: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT.format(module=module))
    program, *arguments = command.split() + COMMANDS[command]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with Terminal([str(BIN / program), *arguments], environment=environment) as terminal:
        assert terminal.ends() == (130, "\n")
