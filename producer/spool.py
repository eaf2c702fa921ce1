"""The spool: records that the stream has not acknowledged yet, on disk; the queue between reader and publisher.

It is an append-only log in segments, each named by the position of its first byte. A record is one line,
`<CRC-32 in hex> <JSON>`. `cursor.json` holds the lowest position not yet acknowledged, and the acknowledged
ones above it. A segment is deleted once all of it is acknowledged. SQLite in WAL mode does the same for four
times the CPU time, or half as much again if it may lose 499 records (benchmarks/README.md), and damage costs
it more than a line.

What survives: a record is in the kernel's page cache before it counts as received, so `kill -9` loses none.
Under load that is a write for some records together; a single record is written at once.
`sync`, called once a second, bounds what a power failure can take to a second's worth of waiting records.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from zlib import crc32

import orjson

from producer.errors import SpoolError
from producer.folder import Folder
from producer.record import MAX_RECORD_BYTES, partition_key

SEGMENT_BYTES = 8 * 1024 * 1024
_SEGMENTS = "[0-9]" * 20 + ".log"
_CURSOR = "cursor.json"
_CHUNK_BYTES = 2 * MAX_RECORD_BYTES  # always holds at least one whole line
_CRC_WIDTH = len(b"00000000 ")
_GROUP_BYTES = 64 * 1024  # a write for each record is a sixth of the producer's CPU time
_GROUP_SECONDS = 0.001
_RETRY_SECONDS = 0.5  # between attempts to write to a full disk


@dataclass(slots=True)
class Entry:
    """A record of the spool: its position, and what is put on the stream.

    `size` is in bytes as Kinesis counts them: data and partition key.
    """

    position: int
    partition_key: str
    data: bytes
    size: int


class Spool:
    """One thread appends, one takes and acknowledges, any thread may read the numbers.

    Attributes:
        replayed: records found at the start, left by an earlier run.
        appended: records added since, and written.
        refused: records that could never be written; known after `close`.
        acknowledged: records of both kinds that the stream accepted.
        blocked: the reason why the appending thread waits, or None.

    Raises:
        SpoolError: the folder cannot be read or written.
    """

    def __init__(self, folder: Folder, limit: int, notify: Callable[[str], None]) -> None:
        self.folder = folder
        self._limit = limit
        # Small enough that acknowledged records are freed well below the limit.
        self._segment_bytes = min(SEGMENT_BYTES, limit // 8)
        self._notify = notify
        self._changed = threading.Condition()
        self._closed = self._stopping = False
        self._synced = True
        self._segments: deque[int] = deque()  # first position of each; the last one grows
        self._end = 0  # the position after the last record
        self._unread = 0  # records not yet taken
        self._wanted = 1  # how many unread records the taking thread waits for
        self._cursor = 0  # the lowest position not acknowledged
        self._acknowledged_above: set[int] = set()
        self._pending: list[bytes] = []  # lines not yet written
        self._pending_bytes = 0
        self._flushed = 0.0
        self._in_flight: deque[int] = deque()  # positions taken, from the lowest not acknowledged on
        self._taken = 0  # the position after the last record taken
        self._next: Entry | None = None  # read, but too large for the last take
        self.appended = self.refused = self.acknowledged = self.replayed = 0
        self.blocked: str | None = None
        try:
            self._open()
        except OSError as error:
            raise SpoolError(f"The spool {folder} cannot be used: {error}.") from error

    @property
    def waiting(self) -> int:
        """Records not yet acknowledged."""
        return self.replayed + self.appended - self.acknowledged

    @property
    def unread(self) -> int:
        """Records not yet taken."""
        return self._unread

    @property
    def size(self) -> int:
        """Bytes of the segments."""
        return self._end - self._segments[0]

    # The appending thread

    def append(self, data: bytes) -> None:
        """Add a record; wait, and notify, when the limit is reached or the disk is full.

        Records that arrive within a millisecond are written together, the last of them by `flush`.
        """
        line = b"%08x %b\n" % (crc32(data), data)
        with self._changed:
            self._pending.append(line)
            self._pending_bytes += len(line)
            if self._pending_bytes < _GROUP_BYTES and time.monotonic() - self._flushed < _GROUP_SECONDS:
                return
            while not (self._flush() or self._stopping):
                self._changed.wait(_RETRY_SECONDS)

    def flush(self) -> None:
        """Write pending records if possible; called from any thread, several times a second."""
        with self._changed:
            if self._pending and not self._closed:
                self._flush()

    def stop(self) -> None:
        """Stop waiting in `append`: its current record is added even above the limit."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _flush(self) -> bool:
        full = self.size + self._pending_bytes > self._limit and self.waiting
        if full and not self._stopping:
            self._block(f"the spool has reached its limit of {self._limit:,} bytes")
            return False
        try:
            self._write(b"".join(self._pending))
        except OSError as error:
            self._block(f"the spool cannot be written: {error.strerror}")
            return False
        if self.blocked:
            self.blocked = None
            self._notify("Reading resumed.")
        self.appended += len(self._pending)
        self._unread += len(self._pending)
        self._pending, self._pending_bytes, self._flushed = [], 0, time.monotonic()
        if self._unread >= self._wanted:
            self._changed.notify_all()
        return True

    def _block(self, reason: str) -> None:
        if self.blocked != reason:
            self.blocked = reason
            self._notify(
                f"Reading paused: {reason}. Nothing is lost; reading resumes as the stream accepts the backlog."
            )

    def _write(self, lines: bytes) -> None:
        if self._end - self._segments[-1] >= self._segment_bytes:
            self._start_segment(self._end)
        base = self._segments[-1]
        self.folder.append(_name(base), lines, self._end - base)
        self._end += len(lines)
        self._synced = False

    # The taking thread

    def wait(self, count: int, timeout: float) -> bool:
        """Wait until `count` records are unread or `stop`, up to `timeout` seconds; return False on timeout."""
        with self._changed:
            self._wanted = count
            return self._changed.wait_for(lambda: self._unread >= count or self._stopping, timeout)

    def take(self, count: int, size: int) -> list[Entry]:
        """Take the next records in order: up to `count`, up to `size` bytes of data and keys."""
        entries: list[Entry] = []
        while len(entries) < count and (entry := self._next or next(self._reading)):
            self._next = None
            size -= entry.size
            if size < 0 and entries:
                self._next = entry
                break
            self._in_flight.append(entry.position)
            self._taken = entry.position + _CRC_WIDTH + len(entry.data) + 1
            if entry.position not in self._acknowledged_above:
                entries.append(entry)
        with self._changed:
            self._unread -= len(entries)
        return entries

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Forget records that the stream accepted. Has no effect once closed."""
        with self._changed:
            if self._closed:
                return
            above, in_flight = self._acknowledged_above, self._in_flight
            count = len(above)
            above.update(entry.position for entry in entries)
            self.acknowledged += len(above) - count
            while in_flight and in_flight[0] in above:
                above.discard(in_flight.popleft())
            self._cursor = in_flight[0] if in_flight else self._taken
            while len(self._segments) > 1 and self._segments[1] <= self._cursor:
                self._drop_first_segment()
            self._changed.notify_all()

    def _read(self) -> Iterator[Entry | None]:
        """Yield the records from the cursor on; None when there are no more for now."""
        position = self._cursor
        while True:
            segments = list(self._segments)
            base = max((base for base in segments if base <= position), default=segments[0])
            size = min(_CHUNK_BYTES, self._end - position)  # never a partially written line
            chunk = self.folder.read_at(_name(base), position - base, size)
            if not chunk:
                later = [base for base in segments if base > position]
                if later:
                    position = later[0]
                else:
                    yield None
            for line in chunk[: chunk.rfind(b"\n") + 1].split(b"\n")[:-1]:
                data = line[_CRC_WIDTH:]
                key = partition_key(data)
                yield Entry(position, key, data, len(data) + len(key.encode()))
                position += len(line) + 1

    # Any thread

    def sync(self) -> None:
        """Save the cursor, and flush waiting records to the disk itself.

        The cursor may be a second old after `kill -9`: that much is sent again, which is harmless.
        """
        with self._changed:
            if self._closed:
                return
            self._save_cursor()
            if self._synced or not self.waiting:
                return
            flush = self.folder.flush()
            self._synced = True
        flush()

    def close(self) -> None:
        """Settle the numbers and unlock the directory; unacknowledged records stay."""
        with self._changed:
            if self._closed:
                return
            self._stopping = True
            if self._pending and not self._flush():
                self.refused = len(self._pending)
            self._closed = True
            self._save_cursor()
            while not self.waiting and self._segments:
                self._drop_first_segment()
            if not self._segments:
                self.folder.remove(_CURSOR)
            self.folder.close()

    # Files

    def _open(self) -> None:
        self._cursor, self._acknowledged_above = self._load_cursor()
        for name, size in self.folder.sizes(_SEGMENTS).items():
            base = int(PurePath(name).stem)
            if base + size <= self._cursor or not size:
                self.folder.remove(name)
                continue
            self.replayed += self._check(name, base)
            self._segments.append(base)
            self._end = base + size
        self._end = max(self._end, self._cursor)
        self._start_segment(self._end)
        self._unread = self.replayed
        self._taken = self._cursor = max(self._cursor, self._segments[0])
        self._reading = self._read()

    def _check(self, name: str, base: int) -> int:
        """Count the records of a segment to send; set a damaged segment aside and rewrite it."""
        content = self.folder.read(name)
        waiting, damaged, position = [], 0, base
        for line in content.splitlines(keepends=True):
            if not _is_sound(line):
                damaged += 1
            elif position >= self._cursor and position not in self._acknowledged_above:
                waiting.append(line)
            position += len(line)
        if damaged:
            aside = self._free_name(name)
            self.folder.replace(aside, content, durable=True)
            # The rewritten segment holds only waiting records. The cursor must say so first: if the process died
            # in between, the old cursor would count these lines as acknowledged.
            self._cursor = min(self._cursor, base)
            self._acknowledged_above = {p for p in self._acknowledged_above if not base <= p < position}
            self.folder.replace(_CURSOR, self._cursor_json(), durable=True)
            self.folder.replace(name, b"".join(waiting), durable=True)
            self._notify(
                f"The spool is damaged: {damaged:,} unreadable lines are kept in {self.folder.path / aside}; "
                f"the other {len(waiting):,} waiting records will be sent."
            )
        return len(waiting)

    def _start_segment(self, base: int) -> None:
        self.folder.create(_name(base))
        self._segments.append(base)

    def _drop_first_segment(self) -> None:
        self.folder.remove(_name(self._segments.popleft()))

    def _load_cursor(self) -> tuple[int, set[int]]:
        try:
            cursor = orjson.loads(self.folder.read(_CURSOR))
            return int(cursor["position"]), {int(position) for position in cursor["acknowledged"]}
        except FileNotFoundError:
            return 0, set()
        except (ValueError, KeyError, TypeError):
            aside = self._free_name(_CURSOR)
            self.folder.rename(_CURSOR, aside)
            self._notify(
                f"The spool's cursor is damaged and kept as {self.folder.path / aside}: the whole spool is sent again."
            )
            return 0, set()

    def _save_cursor(self) -> None:
        # On a full disk the old cursor stays: a restart only sends more again.
        with suppress(OSError):
            self.folder.replace(_CURSOR, self._cursor_json(), durable=False)

    def _cursor_json(self) -> bytes:
        return orjson.dumps({"position": self._cursor, "acknowledged": list(self._acknowledged_above)})

    def _free_name(self, name: str) -> str:
        """Return the name under which a damaged file is set aside: files set aside earlier are kept."""
        path = PurePath(name)
        free, number = path.with_suffix(".corrupt"), 1
        while self.folder.exists(str(free)):
            number += 1
            free = path.with_suffix(f".{number}.corrupt")
        return str(free)


def _name(base: int) -> str:
    return f"{base:020d}.log"


def _is_sound(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and int(line[: _CRC_WIDTH - 1], 16) == crc32(line[_CRC_WIDTH:-1])
    except ValueError:
        return False
