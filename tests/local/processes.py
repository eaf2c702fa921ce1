"""The processes that a command has started."""

import os
import signal
from pathlib import Path

from tests.local.aws.test_server import child_processes
from tests.waiting import eventually


def started_by(owner: int) -> set[int]:
    """Return the child processes of a process, and theirs."""
    found: set[int] = set()
    new = {owner}
    while new:
        found |= new
        new = {child for process in new for child in child_processes(process)} - found
    return found - {owner}


def find_module(owner: int, module: str) -> int | None:
    """Return the process among those that runs a module; None while there is none."""
    return next((each for each in started_by(owner) if f"-m {module} " in _command(each)), None)


def kill_module(owner: int, module: str) -> None:
    """Wait for the process among those that runs a module, and kill it."""
    os.kill(eventually(lambda: find_module(owner, module)) or 0, signal.SIGKILL)


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:  # ended while we looked
        return ""
