"""The spool: records that the stream has not acknowledged yet, on disk; the queue between reader and publisher.

It is an append-only log in segments, each named by the position of its first byte. A record is one line,
`<CRC-32 in hex> <JSON>`. `cursor.json` and its copy record which of them are acknowledged, and have a checksum
too: without either, every record is sent again. A segment is deleted once all of its records are acknowledged. SQLite
in WAL mode costs four times the CPU time, or half as much again if it may lose 499 records (benchmarks/README.md),
and damage costs it more than a line.

A record is in the kernel's page cache before it counts as received, so `kill -9` loses none. Under load, records are
written in groups; a single record is written at once. `sync`, called once a second, limits the loss of a power failure
to the waiting records of one second.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from producer.errors import SpoolError
from producer.formats import Format
from producer.spooling.cursor import CRC_WIDTH, Cursor, Position, from_line, to_line
from producer.spooling.entry import Entry, StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.recovery import CURSORS, check_due, recover
from producer.spooling.segment import Segment, read_lines

DEFAULT_LIMIT = 4 * 1024**3
SEGMENT_BYTES = 8 * 1024 * 1024
_GROUP_BYTES = 64 * 1024  # a write for each record is a sixth of the producer's CPU time
_GROUP_SECONDS = 0.001
_RETRY_SECONDS = 0.5  # between attempts to write to a full disk
_MAX_KEYS = 10_000  # in memory, some 100 bytes each; further keys are read from their records


class Spool:
    """The queue on disk: one thread appends, one takes and acknowledges, any thread may read the numbers.

    Attributes:
        format: of the events in the records.
        replayed: records that an earlier run left; where they are not checked yet, as many as it says.
        missing: records that an earlier run left and that can no longer be read, as far as they are checked.
        unread: replayed and appended records that are not taken yet.
        appended: records that this run has written.
        unwritten: records that could not be written; known after `close`.
        acknowledged: replayed and appended records that the stream accepted.
        blocked: the reason why the appending thread waits, or None.
        source: the position in the source; at the start, that of the last run if it was interrupted, otherwise None.
        read_to: the same, once this run has read something: all before it is written or rejected.

    Raises:
        SpoolError: the folder cannot be read or written.
    """

    def __init__(
        self, folder: Folder, event_format: Format, limit: int, notify: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.format = event_format
        self._limit = limit
        # Small enough that acknowledged records are freed well below the limit.
        self._segment_bytes = min(SEGMENT_BYTES, limit // 8)
        self._notify = notify
        self._changed = threading.Condition()
        self._closed = self._stopping = False
        self._synced = True
        self._wanted = 1.0  # how many of them the taking thread waits for
        self._pending: list[tuple[str, bytes]] = []  # partition keys, and lines not yet written
        self._pending_bytes = 0
        self._has_read = self._source_ended = False
        self._flushed = 0.0
        self._outstanding: dict[int, None] = {}  # positions taken and not acknowledged, in order
        self._keys: dict[int, str] = {}  # partition keys by position: records written and not yet taken
        self._taken = 0  # the position after the last record taken
        self._next: Entry | None = None  # read, but too large for the last take
        self._saved = b""
        self.appended = self.unwritten = self.acknowledged = 0
        self.blocked: str | None = None
        self.read_to: Position | None = None
        try:
            self._recovery = recovery = recover(folder, event_format.schema.plural, notify)
            self.source = self._pending_source = recovery.cursor.source
            self.missing = recovery.damage.missing
            self.replayed = self.unread = recovery.waiting
            self._segments = recovery.segments  # by base, in order; the last one grows
            # A cursor saved now would hide from the next run what is missing.
            for segment in [segment for segment in self._segments.values() if not segment.waiting]:
                self._remove(segment, in_cursor=True)
            self._segments[recovery.start] = Segment(recovery.start, own=True)
        except OSError as error:
            raise SpoolError(f"The spool {folder} cannot be used: {error}.") from error
        self._reading = self._read()

    @property
    def waiting(self) -> int:
        """Number of records not yet acknowledged."""
        return self.replayed + self.appended - self.acknowledged

    @property
    def is_empty(self) -> bool:
        """Whether every appended record is written and acknowledged."""
        with self._changed:
            return not (self.waiting or self._pending)

    @property
    def size(self) -> int:
        """Bytes of the segments."""
        return sum(segment.size for segment in self._segments.values())

    # The appending thread

    def append(self, record: StreamRecord, source: Position | None = None, *, at_once: bool = False) -> None:
        """Add a record; wait, and notify, when the limit is reached or the disk is full.

        Records that arrive within a millisecond are written together, the last of them by `flush`, unless `at_once`.
        `source` is the position of the source after this record.
        """
        line = to_line(record.data)
        with self._changed:
            self._pending.append((record.partition_key, line))
            self._pending_bytes += len(line)
            self._pending_source, self._has_read = source, True
            recent = time.monotonic() - self._flushed < _GROUP_SECONDS
            if self._pending_bytes < _GROUP_BYTES and recent and not at_once:
                return
            while not (self._flush() or self._stopping):
                self._changed.wait(_RETRY_SECONDS)

    def flush(self) -> None:
        """Write pending records if possible; called from any thread, several times a second."""
        with self._changed:
            if self._pending and not self._closed:
                self._flush()

    def stop(self) -> None:
        """Stop waiting in `append`: its current record is added even beyond the limit."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def advance_source(self, source: Position | None) -> None:
        """Record the source's position after an item that is not appended."""
        with self._changed:
            self._pending_source, self._has_read = source, True
            if not self._pending:
                self.source = self.read_to = source

    def finish_source(self, source: Position | None) -> None:
        """Record that the source has ended: once all is sent, its next run starts at the beginning."""
        with self._changed:
            self._source_ended = True
            self.advance_source(source)
            self._flush()

    def _flush(self) -> bool:
        full = self.size + self._pending_bytes > self._limit and self.waiting
        if full and not self._stopping:
            self._block(f"the spool has reached its limit of {self._limit:,} bytes")
            return False
        while self._pending:
            count = 1 if self.blocked else len(self._pending)  # on a full disk, as many as fit
            group = self._pending[:count]
            try:
                self._write(group)
            except OSError as error:
                self._block(f"the spool cannot be written: {error.strerror}")
                if count == 1 and not self._free():
                    return False
                continue
            del self._pending[:count]
            self._last.waiting += count
            self.unread += count
            self.appended += count
        self.source = self._pending_source
        self.read_to = self.source if self._has_read else None
        self._flushed = time.monotonic()
        if self.blocked:
            self.blocked = None
            self._notify("Reading resumed.")
        if self.unread >= self._wanted:  # a wake-up for each write would cost a tenth of the CPU time
            self._changed.notify_all()
        return True

    def _block(self, reason: str) -> None:
        if self.blocked != reason:
            self.blocked = reason
            self._notify(
                f"Reading paused: {reason}. Nothing is lost; reading resumes as the stream accepts the backlog."
            )

    def _write(self, group: list[tuple[str, bytes]]) -> None:
        if self._last.size >= self._segment_bytes:
            self._segments[self._last.end] = Segment(self._last.end, own=True)
            self._save_cursor()
        lines = b"".join([line for _, line in group])
        position = self._last.end
        self.folder.append(self._last.name, lines, self._last.size)
        self._last.size += len(lines)
        self._pending_bytes -= len(lines)
        self._synced = False
        for key, line in group[: _MAX_KEYS - len(self._keys)]:
            self._keys[position] = key
            position += len(line)

    # The taking thread

    def wait(self, count: float, ready: Callable[[], bool], timeout: float) -> None:
        """Wait for `count` records, until `ready`, which is called after each `wake`, or for `timeout` seconds."""
        with self._changed:
            self._wanted = count
            self._changed.wait_for(lambda: self.unread >= count or ready(), timeout)

    def wake(self) -> None:
        """Make `wait` call `ready` again; called from any thread."""
        with self._changed:
            self._changed.notify_all()

    def take(self, count: int, size: int) -> list[Entry]:
        """Take the next records in order: up to `count`, up to `size` bytes of data and keys.

        Raises:
            SpoolError: another program has changed the segments.
        """
        entries: list[Entry] = []
        while len(entries) < count and (entry := self._next or next(self._reading)):
            self._next = None
            size -= entry.size
            if size < 0 and entries:
                self._next = entry
                break
            entries.append(entry)
        with self._changed:
            for entry in entries:
                self._recovery.left.pop(entry.position, None)
                self._outstanding[entry.position] = None
            if entries:
                self._taken = entries[-1].end
            self.unread -= len(entries)
        return entries

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Mark records as accepted by the stream. Has no effect once closed."""
        with self._changed:
            if self._closed:
                return
            emptied = False
            for entry in entries:
                del self._outstanding[entry.position]
                segment = self._segments[entry.segment]
                segment.waiting -= 1
                emptied = emptied or not segment.waiting
                self.acknowledged += 1
            if emptied:
                self._free()
            if self.blocked:
                self._changed.notify_all()

    def _read(self) -> Iterator[Entry | None]:
        """Yield the records to send, in order; None when there are no more for now."""
        position = count = 0
        while True:
            with self._changed:  # only whole lines were written by now
                later = (each for each in self._segments.values() if each.size and each.end > position)
                segment = next(later, None)
                end = segment.end if segment else position
                if segment is None and count < self.replayed + self.appended:
                    raise SpoolError(
                        f"Another program has changed the spool {self.folder} while the producer used it: run the "
                        f"producer again; it sends the remaining {self.format.schema.plural} and counts the missing "
                        "ones."
                    )
            if segment is None:
                yield None
                continue
            if segment.unchecked:
                self._check(segment)
                continue
            position = max(position, segment.base)
            lines = read_lines(self.folder, segment, position, end)
            if not lines:  # freed meanwhile, or cut by another program
                position = end
            for line in lines:
                after, data = position + len(line), None
                if segment.own:
                    data = line[CRC_WIDTH:-1]
                elif position >= self._recovery.cursor.taken or position in self._recovery.left:
                    data = from_line(line)
                if data is not None:
                    key = self._keys.pop(position, None) or self.format.read_key(data)[0]
                    count += 1
                    yield Entry(position, after, segment.base, key, data, len(data) + len(key.encode()))
                position = after

    def _check(self, segment: Segment) -> None:
        """Check a segment of the last run whose records are due, and correct the numbers."""
        with self._changed:
            believed = segment.waiting
            damage = check_due(self.folder, self._recovery, segment)
            self.replayed += segment.waiting - believed
            self.unread += segment.waiting - believed
            self.missing += damage.missing
            damage.report(self.folder, self.waiting, self.format.schema.plural, self._notify)

    # Any thread

    def sync(self) -> None:
        """Flush waiting records to the disk itself, and save the cursor.

        After `kill -9` the cursor may be a second old: the records of that second are sent again, which is harmless.
        """
        with self._changed:
            if self._closed:
                return
            fsync = None if self._synced or not self.waiting else self.folder.prepare_fsync()
            self._synced = True
        if fsync:
            fsync()
        with self._changed:
            if not self._closed:
                self._save_cursor()

    def close(self) -> None:
        """Determine the final numbers and unlock the directory; unacknowledged records stay."""
        with self._changed:
            if self._closed:
                return
            self._stopping = True
            if self._pending and not self._flush():
                self.unwritten = len(self._pending)
            self._closed = True
            if self._source_ended and not self.waiting:
                self.source = None
            self._save_cursor()
            if not self.waiting:
                self._discard([segment for segment in self._segments.values() if segment.size])
                if not self.source:
                    for name in (*CURSORS, *self._recovery.emptied):
                        self.folder.remove(name)
            self.folder.close()

    # Files

    @property
    def _last(self) -> Segment:
        return self._segments[next(reversed(self._segments))]

    def _free(self) -> bool:
        """Delete acknowledged segments, and the last one too while nothing can be written; return whether any was."""
        last = self._last
        free = [
            segment
            for segment in self._segments.values()
            if segment.size and not segment.waiting and (segment is not last or self.blocked)
        ]
        if not free:
            return False
        self._discard(free)
        if free[-1] is last:
            self._segments[last.end] = Segment(last.end, own=True)
        return True

    def _discard(self, segments: list[Segment]) -> None:
        """Delete acknowledged segments; the cursor goes first, since what it names and the disk lacks is missing.

        While the disk has no room for the cursor, they are emptied instead, until it is saved.
        """
        saved = self._save_cursor()
        for segment in segments:
            self._remove(segment, in_cursor=not saved)
        if not saved:
            self._save_cursor()

    def _remove(self, segment: Segment, *, in_cursor: bool) -> None:
        """Delete an acknowledged segment, or empty it while a saved cursor may name it; rename a damaged one."""
        del self._segments[segment.base]
        if segment.damaged:
            self.folder.rename_damaged(segment.name)
        elif in_cursor:
            self._recovery.emptied.append(segment.emptied_name)
            self.folder.empty(segment.name, segment.emptied_name)
        else:
            self.folder.remove(segment.name)

    def _save_cursor(self) -> bool:
        """Save the cursor if it has changed; return whether it is saved: a full disk keeps the old one."""
        taken = max(self._taken, self._recovery.cursor.taken)
        waiting = (*self._recovery.left, *self._outstanding)
        segments = ((each.base, each.size, each.waiting) for each in self._segments.values() if each.waiting)
        cursor = Cursor(taken, waiting, tuple(segments), self.source).to_line()
        if cursor != self._saved:
            try:
                for name in CURSORS:
                    self.folder.replace(name, cursor)
            except OSError:
                return False
            self._saved = cursor
        while self._recovery.emptied:
            self.folder.remove(self._recovery.emptied.pop())
        return True
