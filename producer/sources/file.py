"""Tweets from a file or from standard input: JSON lines in one of the shapes that X's APIs use."""

import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from handler.tweet import PoisonError
from producer.errors import SourceError
from producer.record import load, to_record
from producer.source import Record, Rejected

_CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longer lines are rejected without being held in memory."""


class FileSource:
    """Read `path`, or standard input for `-`, at up to `rate` tweets a second.

    It reads with `select`, so that one line in a quiet pipe is delivered at once and `close` ends a wait.
    """

    def __init__(self, path: str, rate: float | None) -> None:
        self._path = path
        self._interval = 1 / rate if rate else 0.0
        self._closed = threading.Event()
        self._woken, self._wake = os.pipe()

    def read(self) -> Iterator[Record | Rejected]:
        """Yield each line's tweet, or the reason why it is rejected.

        Raises:
            SourceError: the file cannot be read.
        """
        due = time.monotonic()
        for number, line in enumerate(self._lines(), start=1):
            if line is not None and (not line or line.isspace()):
                continue
            yield _decode(line, f"line {number}")
            if self._interval:
                due = max(due + self._interval, time.monotonic() - 1)  # catch up with at most one second
                self._closed.wait(due - time.monotonic())
            if self._closed.is_set():
                return

    def close(self) -> None:
        """Make `read` return soon."""
        self._closed.set()
        os.write(self._wake, b"\0")

    def _lines(self) -> Iterator[bytes | None]:
        """Yield the lines; None for one that is too long."""
        rest, too_long = b"", False
        for chunk in self._chunks():
            *lines, tail = chunk.split(b"\n")
            for line in lines:
                yield None if too_long else rest + line
                rest, too_long = b"", False
            rest += tail
            if too_long or len(rest) > MAX_LINE_BYTES:
                rest, too_long = b"", True
        if rest or too_long:
            yield None if too_long else rest

    def _chunks(self) -> Iterator[bytes]:
        if self._path == "-" and sys.stdin is None:
            raise SourceError("Standard input is closed: pipe tweets into it, or name a file.")
        try:
            file = sys.stdin.fileno() if self._path == "-" else os.open(Path(self._path), os.O_RDONLY)
            while not self._closed.is_set():
                select.select([file, self._woken], [], [])
                if self._closed.is_set() or not (chunk := os.read(file, _CHUNK_BYTES)):
                    return
                yield chunk
        except OSError as error:
            raise SourceError(f"{self._path} cannot be read: {error.strerror}.") from error


def _decode(line: bytes | None, where: str) -> Record | Rejected:
    if line is None:
        return Rejected(where, f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        return to_record(load(line), "file")
    except PoisonError as error:
        return Rejected(where, str(error))
