"""Starts Python processes as forks of one that has imported their libraries: imports are most of what a start costs.

    with Forks(folder, ["boto3"]) as forks:
        subprocess.run([forks.python, "-m", "producer"])

`forks.python` takes the place of the interpreter in a command or on PATH. It becomes the real one for whatever a fork
cannot do: an option, another environment of the interpreter.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.forks.client import REPORT

HERE = Path(__file__).parent
LAUNCHER = """\
#!{python} -IS
import runpy
runpy.run_path({client!r})["main"]({socket!r}, {python!r})
"""


class Fork(subprocess.Popen[str]):
    """A process that a server of forks starts; signals go to the fork itself."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], **options: Any) -> None:
        told, report = os.pipe()
        try:
            super().__init__(
                command, env={**env, REPORT: str(report)}, pass_fds=[report], text=True, **options
            )
        finally:
            os.close(report)
        self.fork = int(os.read(told, 32))
        os.close(told)

    def send_signal(self, sig: int) -> None:
        """Send a signal to the fork, unless it has ended."""
        if self.poll() is None:
            os.kill(self.fork, sig)


class Forks:
    """A server of forks, and the command that asks it for one."""

    def __init__(self, folder: Path, libraries: Iterable[str]) -> None:
        """Start the server; `folder` gets its socket, and `python` and `python3` in a folder `bin`."""
        self.folder = folder / "bin"
        self.folder.mkdir()
        address = str(folder / "forks")
        client = str(HERE / "client.py")
        for name in ("python", "python3"):
            launcher = self.folder / name
            launcher.write_text(LAUNCHER.format(python=sys.executable, client=client, socket=address))
            launcher.chmod(0o755)
        self.python = str(self.folder / "python")
        self._server = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), address, *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout
        assert self._server.stdout.read() == b"", "the server closes its output when it listens"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()

    def start(self, *arguments: str, env: Mapping[str, str], **options: Any) -> Fork:
        """Start `python ARGUMENTS` with the options of `subprocess.Popen`."""
        return Fork([self.python, *arguments], env, **options)

    def first_on_path(self, environment: dict[str, str]) -> dict[str, str]:
        """Return an environment whose `python` and `python3` are forks."""
        return environment | {"PATH": f"{self.folder}{os.pathsep}{environment['PATH']}"}
