"""A fork does what the interpreter does with the same command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Forks
from tests.forks.client import FORKING
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not FORKING, reason="a fork cannot use all libraries on macOS")

SHOWN = """
import json, os, signal, sys

shown = [
    sys.argv[1:], sys.path[0], os.getcwd(), dict(os.environ), __name__, sys.stdin.read(), os.getpgid(0),
    str(signal.getsignal(signal.SIGINT)), str(signal.getsignal(signal.SIGPIPE)), sys.stdout.write_through,
]
print(json.dumps(shown))
print("decimal" in sys.modules, file=sys.stderr)
sys.exit(3)
"""
WAITING = """
import os, signal, sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks"), ["decimal"]) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of programs."""
    (tmp_path / "shown.py").write_text(SHOWN)
    (tmp_path / "waiting.py").write_text(WAITING)
    return tmp_path


def shows(python: str, folder: Path, *command: str, **variables: str) -> tuple[int, Any, bool]:
    """Return the exit code of a command, what it shows, and whether it is a fork."""
    ended = subprocess.run(
        [python, *command, "a b", ""],
        cwd=folder,
        env=os.environ | variables,
        input="input",
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout), ended.stderr == "True\n"


@pytest.mark.parametrize("command", [("shown.py",), ("-m", "shown"), ("-u", "shown.py")], ids=" ".join)
def test_a_fork_is_given_what_the_interpreter_is_given(
    forks: Forks, folder: Path, command: tuple[str, ...]
) -> None:
    code, shown, forked = shows(forks.python, folder, *command, GIVEN="é")
    assert (code, shown, False) == shows(sys.executable, folder, *command, GIVEN="é")
    assert forked


@pytest.mark.usefixtures("ctrl_c_ignored")
def test_a_fork_ignores_the_signals_that_whoever_asks_ignores(forks: Forks, folder: Path) -> None:
    code, shown, forked = shows(forks.python, folder, "shown.py")
    assert (code, shown, False) == shows(sys.executable, folder, "shown.py")
    assert forked


def test_what_no_fork_can_do_is_done_by_the_interpreter(forks: Forks, folder: Path) -> None:
    for command, variables in ((("-B", "shown.py"), {}), (("shown.py",), {"PYTHONDEVMODE": "1"})):
        code, shown, forked = shows(forks.python, folder, *command, **variables)
        assert (code, shown, False) == shows(sys.executable, folder, *command, **variables)
        assert not forked


def waiting(forks: Forks, folder: Path) -> tuple["subprocess.Popen[str]", int]:
    """Start the program that waits; return the process and the id of its fork."""
    process = subprocess.Popen([forks.python, "waiting.py"], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, int(process.stdout.readline())


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_fork_gets_the_signals_of_the_process_that_stands_for_it(forks: Forks, folder: Path) -> None:
    process, _ = waiting(forks, folder)
    process.terminate()
    process.communicate()
    assert process.returncode == 5


def test_a_process_that_stands_for_a_fork_ends_by_the_same_signal(forks: Forks, folder: Path) -> None:
    process, fork = waiting(forks, folder)
    os.kill(fork, signal.SIGALRM)
    process.communicate()
    assert process.returncode == -signal.SIGALRM


def test_a_fork_ends_with_the_process_that_stands_for_it_and_with_the_server(
    folder: Path, tmp_path: Path
) -> None:
    with Forks(tmp_path, []) as server:
        killed, fork = waiting(server, folder)
        killed.kill()
        killed.communicate()
        eventually(lambda: not exists(fork))
        left, fork = waiting(server, folder)
    eventually(lambda: not exists(fork))
    left.communicate()
    assert left.returncode


def test_signals_to_a_fork_that_its_starter_knows_are_sent_to_the_fork_itself(
    forks: Forks, folder: Path
) -> None:
    pipe = subprocess.PIPE
    for number, code in ((signal.SIGTERM, 5), (signal.SIGKILL, -signal.SIGKILL)):
        process = forks.start("waiting.py", env=os.environ, cwd=folder, stdout=pipe)
        assert process.stdout
        assert int(process.stdout.readline()) == process.fork != process.pid
        process.send_signal(number)
        process.communicate()
        assert process.returncode == code
        assert not exists(process.fork)


def test_a_program_that_no_fork_can_run_is_started_all_the_same(forks: Forks, folder: Path) -> None:
    process = forks.start("-c", WAITING, env=os.environ, cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout
    assert int(process.stdout.readline()) == process.fork == process.pid
    process.terminate()
    process.communicate()
    assert process.returncode == 5
