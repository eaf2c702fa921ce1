"""A terminal of a size, on which a command runs as for a user."""

import codecs
import fcntl
import os
import pty
import struct
import subprocess
import termios
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

_ONE_COLUMN = "\N{DOTTED CIRCLE}"


class Terminal:
    """The screen of a terminal, which gives a spacing mark (of Tamil, Bengali, Hindi) a column as xterm and VTE do.

    Attributes:
        lines: what is on the screen, without the blanks at the end of a line.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @contextmanager
    def running(self, command: list[str], **options: object) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a command on the terminal until the block ends."""
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", self._screen.lines, self._screen.columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        process = subprocess.Popen(  # type: ignore[call-overload]
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment | {"TERM": "xterm-256color"},
            start_new_session=True,
            **options,
        )
        os.close(slave)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            os.close(self._master)

    def read(self) -> bool:
        """Show what the command writes next; return False once it has ended."""
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the command has closed the terminal
            data = b""
        for character in self._decoder.decode(data):
            self._show(character)
        return bool(data)

    def wait_for(self, text: str) -> None:
        """Read until a text is on the screen."""
        while text not in self.text:
            assert self.read(), f"the command ended without {text}:\n{self.text}"

    def _show(self, character: str) -> None:
        category = unicodedata.category(character)
        if category == "Mc":
            self._stream.feed(_ONE_COLUMN)
        elif category != "Mn":  # which needs no column, and which pyte cannot draw
            self._stream.feed(character)
