"""Events from a file or from standard input: JSON lines."""

import hashlib
import os
import re
import select
import stat
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path

from event.poison import PoisonError
from producer.errors import SourceError
from producer.formats import Format
from producer.sources.lines import LineSplitter
from producer.sources.source import Event, Rejected
from producer.spooling.cursor import Position

_CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longer lines are rejected without being held in memory."""
_BEGINNING_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FileSource:
    """The events of a file or of standard input, decompressed if they are gzip.

    It reads with `select`, so that one line in a quiet pipe is delivered at once and `close` ends a wait.

    Args:
        path: the file; `-` for standard input.
        event_format: how an event is read from a line.
        rate: maximum number of events per second; None for no limit.
        resume: the position of an interrupted run; used if it is in this file, and the file begins as it did then.
        notify: called with messages for the user.
    """

    def __init__(
        self,
        path: str,
        event_format: Format,
        rate: float | None,
        resume: Position | None = None,
        notify: Callable[[str], None] = print,
    ) -> None:
        self._path = path
        self._format = event_format
        self._interval = min(1 / rate, threading.TIMEOUT_MAX / 2) if rate else 0.0
        self._resume = resume
        self._notify = notify
        self._identity = path
        self._number = 0
        self._splitter = LineSplitter(MAX_LINE_BYTES)
        self._closed = threading.Event()
        self._woken, self._wake = os.pipe()

    @property
    def position(self) -> Position:
        """The file's identity, and how many of its lines, and bytes after decompression, were read."""
        return self._identity, self._number, self._splitter.offset

    def read(self) -> Iterator[Event | Rejected]:
        """Yield each line's event, or the reason why it is rejected.

        Raises:
            SourceError: the file cannot be read.
        """
        due = time.monotonic()
        for line in self._lines():
            self._number += 1
            if line and self._number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line is not None and (not line or line.isspace()):
                continue
            yield self._decode(line, f"line {self._number}")
            if self._interval:
                due = max(due + self._interval, time.monotonic() - 1)  # catch up with at most one second
                self._closed.wait(due - time.monotonic())
            if self._closed.is_set():
                return

    def close(self) -> None:
        """Make `read` return soon."""
        self._closed.set()
        os.write(self._wake, b"\0")

    def _decode(self, line: bytes | None, where: str) -> Event | Rejected:
        if line is None:
            return Rejected(where, f"longer than {MAX_LINE_BYTES:,} bytes")
        try:
            return self._format.decode(line)
        except PoisonError as error:
            return Rejected(where, str(error))

    def _lines(self) -> Iterator[bytes | None]:
        """Yield the lines; None for one that is too long."""
        if self._path == "-" and sys.stdin is None:
            plural = self._format.schema.plural
            raise SourceError(f"Standard input is closed: pipe {plural} into it, or name a file.")
        try:
            with _open(self._path) if self._path != "-" else nullcontext(sys.stdin.fileno()) as file:
                done = self._start(file) if self._path != "-" else 0
                if done and os.pread(file, len(_GZIP_MAGIC), 0) != _GZIP_MAGIC:
                    done -= os.lseek(file, done, os.SEEK_SET)
                for chunk in _skip(self._decompressed(self._chunks(file)), done):
                    yield from self._splitter.feed(chunk)
        except OSError as error:
            raise SourceError(f"{self._path} cannot be read: {error.strerror}.") from error
        yield from self._splitter.end()

    def _start(self, file: int) -> int:
        """Return how many bytes of this file an earlier run has read."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return 0
        self._identity = _identify(self._path, file)
        if self._resume is None:
            return 0
        identity, lines, offset = self._resume
        length = _beginning_length(identity)
        if length is None or _identify(self._path, file, length) != identity:
            return 0
        if not _is_after_a_line(file, offset):
            self._notify(
                f"{self._path} has changed since an earlier run was interrupted: reading it from the beginning."
            )
            return 0
        self._identity, self._number, self._splitter.offset = self._resume
        self._notify(
            f"Resuming {self._path} after line {lines:,}, where an earlier run was interrupted; "
            "--start-over reads it from the beginning."
        )
        return offset

    def _decompressed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks, decompressed if they are gzip."""
        start = b""
        while len(start) < len(_GZIP_MAGIC) and (chunk := next(chunks, b"")):
            start += chunk
        if not start.startswith(_GZIP_MAGIC):
            yield start
            yield from chunks
            return
        try:
            yield from _gunzip(chain([start], chunks))
        except (zlib.error, EOFError) as error:
            if not self._closed.is_set():
                raise SourceError(f"{self._path} is gzip, and is damaged or truncated ({error}).") from error

    def _chunks(self, file: int) -> Iterator[bytes]:
        while not self._closed.is_set():
            select.select([file, self._woken], [], [])
            if self._closed.is_set() or not (chunk := os.read(file, _CHUNK_BYTES)):
                return
            yield chunk


def _identify(path: str, file: int, length: int = _BEGINNING_BYTES) -> str:
    """Return a file's identity, which differs from a replaced file's: its path, and a hash of its beginning."""
    beginning = os.pread(file, length, 0)
    name = os.fsencode(Path(path).resolve()).decode(errors="backslashreplace")  # a name may not be UTF-8
    return f"{len(beginning)}:{hashlib.sha256(beginning).hexdigest()}:{name}"


def _beginning_length(identity: str) -> int | None:
    """Return how many bytes an identity has hashed; None if it is not a file's."""
    length = identity.partition(":")[0]
    if not re.fullmatch("[0-9]{1,5}", length):
        return None
    return min(int(length), _BEGINNING_BYTES)


def _is_after_a_line(file: int, offset: int) -> bool:
    """Tell whether a line of the file, or the file, ends at an offset; True for gzip, where it is unknown."""
    if os.pread(file, len(_GZIP_MAGIC), 0) == _GZIP_MAGIC or not offset:
        return True
    return offset == os.fstat(file).st_size or os.pread(file, 1, offset - 1) == b"\n"


def _skip(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Yield the chunks without the first bytes."""
    for chunk in chunks:
        yield chunk[count:]
        count = max(0, count - len(chunk))


@contextmanager
def _open(path: str) -> Iterator[int]:
    # Opening a named pipe would wait for its writer, and nothing could end that wait.
    file = os.open(Path(path), os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.set_blocking(file, True)
        yield file
    finally:
        os.close(file)


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress one or more members, at most one chunk at a time, however highly compressed.

    Raises:
        EOFError: the last member is truncated.
        zlib.error: the data is damaged.
    """
    member = zlib.decompressobj(_GZIP)
    for compressed in chunks:
        data = compressed
        while data:
            if member.eof:
                member = zlib.decompressobj(_GZIP)
            yield member.decompress(data, _CHUNK_BYTES)
            data = member.unconsumed_tail or member.unused_data
    if not member.eof:
        raise EOFError("its end is missing")
