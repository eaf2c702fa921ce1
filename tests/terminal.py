"""A command in a terminal, as a person starts, reads and interrupts it."""

import codecs
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from stack.project import PROJECT

COLUMNS, LINES = 80, 24
_SCROLLED = 10_000
"""Lines that are kept after they have left the screen."""
_MOST_SECONDS = 600
"""A demo takes a quarter of a minute; on a machine that is busy with much else, it has taken some minutes."""

# A session of its own has no terminal until it takes one, as a login shell does; then Ctrl-C becomes a signal.
_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs a command until the end of a `with` block.

    As xterm and VTE do, it gives a spacing mark (of Tamil, Bengali, Hindi) a column of its own, and shows it as ◌.

    Attributes:
        process: the command.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path = PROJECT,
        environment: Mapping[str, str] = os.environ,
        columns: int = COLUMNS,
        lines: int = LINES,
    ) -> None:
        self._ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen = pyte.HistoryScreen(columns, lines, history=_SCROLLED, ratio=1 / lines)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._changed = threading.Condition()
        self._is_open = True
        sizeless = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *command],
            cwd=folder,
            env={**sizeless, "TERM": "xterm-256color"},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()
        self._reader.join()
        os.close(self._ours)

    def _read(self) -> None:
        while data := self._receive():
            with self._changed:
                self._stream.feed("".join(map(_drawn, self._decoder.decode(data))))
                self._changed.notify_all()
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def _receive(self) -> bytes:
        try:
            return os.read(self._ours, 65_536)
        except OSError:  # how Linux says that nobody has the terminal open any more
            return b""

    @property
    def text(self) -> str:
        """What is on the screen, below what has scrolled out of it, without blanks at the ends of lines."""
        with self._changed:
            scrolled = [
                "".join(line[x].data for x in range(self._screen.columns))
                for line in self._screen.history.top
            ]
            lines = [line.rstrip() for line in (*scrolled, *self._screen.display)]
        return "\n".join(lines).rstrip() + "\n"

    def shows(self, text: str) -> None:
        """Wait until a text is shown; a line's end must not break it."""
        with self._changed:
            self._changed.wait_for(lambda: text in self.text or not self._is_open, _MOST_SECONDS)
        assert text in self.text, self.text

    def press(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._ours, keys.encode())

    def ends(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what is shown then."""
        code = self.process.wait()
        self._reader.join()
        return code, self.text


def _drawn(character: str) -> str:
    """Return what pyte draws as wide as a terminal does: it takes every mark for nothing that it can draw."""
    category = unicodedata.category(character)
    return "\N{DOTTED CIRCLE}" if category == "Mc" else "" if category == "Mn" else character
