"""Reads a file or standard input as lines or JSON values, from where an interrupted run has left off."""

import hashlib
import os
import re
import select
import stat
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path

from event.schema import Schema
from producer.errors import FormError, SourceError
from producer.formats import archive
from producer.sources.forms import Form, check_readable, recognise
from producer.sources.lines import LineSplitter
from producer.sources.values import ValueSplitter
from producer.spooling.cursor import Position

CHUNK_BYTES = 1024 * 1024
_BEGINNING_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"


class UnitReader:
    """The units of a file, decompressed if it is gzip: lines, or JSON values if its first bytes show such a form.

    It reads with `select`, so that one unit in a quiet pipe is delivered at once and `close` ends a wait.

    Args:
        path: the file; `-` for standard input.
        schema: that of the events.
        resume: the position of an interrupted run; used if it is in this file, and the file begins as it did then.
        notify: called with messages for the user.
        max_bytes: limit of a unit.
        only_lines: whatever the first bytes are.
        username: the author of the tweets in X's archive.

    Attributes:
        form: of the file, once a unit was read.
        number: of the unit yielded last; its reader counts it.
        identity: of the file: its path, and a hash of its beginning.
        splitter: yields the units; it has the positions in bytes, after decompression, of the one yielded last.
        rest: what is left, at the end, of an array or a value whose own end is missing.
        username: the author of the tweets in X's archive, once a unit was read.
        closed: set by `close`.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        resume: Position | None,
        notify: Callable[[str], None],
        *,
        max_bytes: int,
        only_lines: bool,
        username: str | None,
    ) -> None:
        self.path = path
        self.form = Form.LINES
        self.number = 0
        self.rest: bytes | None = None
        self.username = username
        self.closed = threading.Event()
        self._schema = schema
        self._resume = resume
        self._notify = notify
        self._max_bytes = max_bytes
        self._only_lines = only_lines
        self.identity = path
        self.splitter: LineSplitter | ValueSplitter = LineSplitter(max_bytes)
        self._woken, self._wake = os.pipe()

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return "standard input" if self.path == "-" else Path(self.path).name

    def read(self) -> Iterator[bytes | None]:
        """Yield the units; None for one that is too long.

        Raises:
            FormError: the file must be converted first, or an option is missing.
            SourceError: it cannot be read.
        """
        if self.path == "-" and sys.stdin is None:
            raise SourceError(
                f"Standard input is closed: pipe {self._schema.plural} into it, or name a file."
            )
        try:
            with _open(self.path) if self.path != "-" else nullcontext(sys.stdin.fileno()) as file:
                chunks = self._decompressed(self._chunks(file))
                start = self._recognise(chunks)
                chunks = chain([start], chunks)
                done = self._find_start(file) if self.path != "-" else 0
                yield from (self._lines if self.form is Form.LINES else self._values)(file, chunks, done)
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """Make `read` return soon."""
        self.closed.set()
        os.write(self._wake, b"\0")

    def _recognise(self, chunks: Iterator[bytes]) -> bytes:
        """Read the first chunks until they tell the file's form; return them."""
        start = b""
        form = None
        while form is None:
            start += (chunk := next(chunks, b""))
            check_readable(start, self.path)
            form = recognise(start, is_whole=not chunk, max_line=self._max_bytes, chunk_bytes=CHUNK_BYTES)
        if self._only_lines:
            return start
        self.form = form
        if form is Form.ARCHIVE:
            self.username = archive.find_username(start, self.path, self.username, self._schema)
            parts = len(archive.find_parts(self.path))
            self._notify(
                f"{self.name}: X's archive, {parts} {'part' if parts == 1 else 'parts'}, by {self.username}."
            )
        elif self.username:
            raise FormError(f"--username is for X's archive, and {self.path} is none.")
        elif form is not Form.LINES:
            self._notify(f"{self.name}: {form.value}.")
        return start

    def _find_start(self, file: int) -> int:
        """Return how many bytes of this file an earlier run has read, after decompression."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return 0
        self.identity = _identify(self.path, file)
        if self._resume is None:
            return 0
        identity, _, offset = self._resume
        length = _beginning_length(identity)
        if length is None or _identify(self.path, file, length) != identity:
            return 0
        return offset

    def _lines(self, file: int, chunks: Iterator[bytes], done: int) -> Iterator[bytes | None]:
        if done and not _is_after_a_line(file, done):
            self._report_change()
            done = 0
        if done and self._resume:
            self.identity, self.number, self.splitter.offset = self._resume
            self._report_resumption()
            if os.pread(file, len(_GZIP_MAGIC), 0) != _GZIP_MAGIC:
                os.lseek(file, done, os.SEEK_SET)
                chunks, done = self._chunks(file), 0
        for chunk in _skip(chunks, done):
            yield from self.splitter.feed(chunk)
        if not self.closed.is_set():
            yield from self.splitter.end()

    def _values(self, file: int, chunks: Iterator[bytes], done: int) -> Iterator[bytes | None]:
        values = self._split(chunks)
        if done:  # whether an offset is in an array is known only from all that is before it
            while self.splitter.offset < done:
                if next(values, b"") == b"":
                    break
                self.number += 1
            if self.splitter.offset == done:
                self._report_resumption()
            else:
                self._report_change()
                self.number = 0
                os.lseek(file, 0, os.SEEK_SET)
                values = self._split(self._decompressed(self._chunks(file)))
        yield from values

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes | None]:
        """Yield the values of all parts of the file."""
        self.splitter = splitter = ValueSplitter(self._max_bytes)
        for chunk in chain(_without_head(chunks), *map(self._read_part, archive.find_parts(self.path)[1:])):
            yield from splitter.feed(chunk)
        if self.closed.is_set():
            return
        if splitter.in_array or splitter.in_value:
            self.rest = b"".join(value or b"" for value in splitter.end())
        else:
            yield from splitter.end()

    def _read_part(self, path: Path) -> Iterator[bytes]:
        with _open(str(path)) as file:
            yield from _without_head(self._chunks(file))

    def _report_resumption(self) -> None:
        unit = "line" if self.form is Form.LINES else "value"
        self._notify(
            f"Resuming {self.path} after {unit} {self.number:,}, where an earlier run was interrupted; "
            "--start-over reads it from the beginning."
        )

    def _report_change(self) -> None:
        self._notify(
            f"{self.path} has changed since an earlier run was interrupted: reading it from the beginning."
        )

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
            if not self.closed.is_set():
                raise SourceError(f"{self.path} is gzip, and is damaged or truncated ({error}).") from error

    def _chunks(self, file: int) -> Iterator[bytes]:
        while not self.closed.is_set():
            select.select([file, self._woken], [], [])
            if self.closed.is_set() or not (chunk := os.read(file, CHUNK_BYTES)):
                return
            yield chunk


def absolute(path: str) -> str:
    """Return the whole path of a file as text, whatever bytes its name has."""
    return os.fsencode(Path(path).resolve()).decode(errors="backslashreplace")


def _identify(path: str, file: int, length: int = _BEGINNING_BYTES) -> str:
    """Return a file's identity, which differs from a replaced file's: its path, and a hash of its beginning."""
    beginning = os.pread(file, length, 0)
    return f"{len(beginning)}:{hashlib.sha256(beginning).hexdigest()}:{absolute(path)}"


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


def _without_head(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks of JSON, or of a part of X's archive."""
    yield archive.remove_head(next(chunks, b""))
    yield from chunks


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

    Zeros after a member are padding, as for gzip itself: block devices and tapes leave them.

    Raises:
        EOFError: the last member is truncated.
        zlib.error: the data is damaged.
    """
    member = zlib.decompressobj(_GZIP)
    for compressed in chunks:
        data = compressed
        while data:
            if member.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                member = zlib.decompressobj(_GZIP)
            yield member.decompress(data, CHUNK_BYTES)
            data = member.unconsumed_tail or member.unused_data
    if not member.eof:
        raise EOFError("its end is missing")
