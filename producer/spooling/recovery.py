"""Recovers the records that an earlier run left in the spool's folder, and counts missing and damaged ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath

from producer.errors import SpoolError
from producer.spooling.cursor import MAX_POSITION, Cursor, from_line, split_lines
from producer.spooling.folder import Folder

CURSORS = "cursor.json", "cursor.copy.json"
"""Written one after the other, so that a crash damages at most one of them."""
_SEGMENTS = "[0-9]" * 20 + ".log"
_EMPTIED = "[0-9]" * 20 + ".sent"


@dataclass(slots=True)
class Segment:
    """A file of the log.

    Attributes:
        base: the position of its first byte.
        waiting: the number of its records that are not acknowledged.
        own: this run wrote it, so its lines need no check.
        damaged: it is renamed, not deleted, once all else is sent.
    """

    base: int
    size: int = 0
    waiting: int = 0
    own: bool = False
    damaged: bool = False

    @property
    def name(self) -> str:
        return _name(self.base)

    @property
    def emptied_name(self) -> str:
        """The file that says that all of its records were sent, while the cursor cannot say so."""
        return f"{self.base:020d}.sent"

    @property
    def end(self) -> int:
        return self.base + self.size


@dataclass(slots=True)
class Recovery:
    """The state of the spool at the start.

    Attributes:
        cursor: of the last run; empty if its positions are not those of the segments.
        segments: by base, in order.
        left: positions of waiting records that the last run had taken.
        start: the position at which the log continues.
        emptied: files of segments whose records were all sent, although the cursor may still name them.
        missing: records that waited in the last run and can no longer be read.
        unreadable: number of damaged lines.
    """

    cursor: Cursor
    segments: dict[int, Segment] = field(default_factory=dict)
    left: dict[int, None] = field(default_factory=dict)
    start: int = 0
    emptied: list[str] = field(default_factory=list)
    missing: int = 0
    unreadable: int = 0


def recover(folder: Folder, plural: str, notify: Callable[[str], None]) -> Recovery:
    """Read the cursor and check every segment; `notify` gets what is wrong and its consequence.

    `plural` is what the events are called.

    Raises:
        OSError: the folder cannot be read or written.
        SpoolError: a segment's name is out of range.
    """
    cursor = _load_cursor(folder, notify)
    sizes = {int(PurePath(name).stem): size for name, size in folder.sizes(_SEGMENTS).items()}
    places = _separate(sizes)
    if any(place + sizes[base] >= MAX_POSITION for base, place in places.items()):
        raise SpoolError(
            f"The spool {folder} contains {_name(max(sizes))}, which no producer has written: move the file elsewhere."
        )
    recovery = _examine(folder, sizes, cursor)
    if moved := [base for base, place in places.items() if base != place]:
        _move(folder, {base: places[base] for base in moved})
        notify(
            f"Segments of the spool {folder} overlap, as after restoring a copy beside the original: every record in "
            "them is sent, even if it was sent before. Restore a copy into a folder of its own, and give it as --spool."
        )
        # Only the cursor knows what is missing, and its positions are not those of the moved segments.
        missing = recovery.missing
        recovery = _examine(
            folder, {places[base]: size for base, size in sizes.items()}, Cursor(source=cursor.source)
        )
        recovery.missing = missing
    _report(recovery, folder, plural, notify)
    return recovery


def _examine(folder: Folder, sizes: dict[int, int], cursor: Cursor) -> Recovery:
    """Check every segment against a cursor."""
    recovery = Recovery(cursor, emptied=list(folder.sizes(_EMPTIED)))
    ends = {base: (base + size, waiting) for base, size, waiting in cursor.segments}
    recovery.start = max([cursor.taken, *(end for end, _ in ends.values()), *map(sum, sizes.items())])
    for name in recovery.emptied:
        ends.pop(int(PurePath(name).stem), None)
    for base in sorted({*sizes, *ends}):
        segment = Segment(base, sizes.get(base, 0))
        content = b""
        if base in sizes:
            recovery.segments[base] = segment
            content = folder.read(segment.name)
        recovery.missing += _check(recovery, segment, content, *ends.get(base, (base, 0)))
    return recovery


def _load_cursor(folder: Folder, notify: Callable[[str], None]) -> Cursor:
    cursors, damaged = [], []
    for name in CURSORS:
        try:
            cursors.append(Cursor.parse(folder.read(name)))
        except FileNotFoundError:
            continue
        except ValueError:
            damaged.append(folder.rename_damaged(name))
    if damaged:
        effect = "its copy is used" if cursors else "the whole spool is sent again"
        notify(
            f"The spool's cursor is damaged, or of an earlier release, and was renamed to {damaged[0]}: {effect}."
        )
    return cursors[0] if cursors else Cursor()


def _separate(sizes: dict[int, int]) -> dict[int, int]:
    """Return for each segment's base the one at which it overlaps no earlier segment; the order stays."""
    places, end = {}, 0
    for base, size in sizes.items():
        places[base] = max(base, end)
        end = places[base] + max(size, 1)  # an empty one needs a name too
    return places


def _move(folder: Folder, places: dict[int, int]) -> None:
    """Rename segments, and delete the cursor, whose positions do not distinguish a copy from the original.

    The cursor goes first and the last segment next, so that a crash in between loses no record.
    """
    for name in CURSORS:
        folder.remove(name)
    for base, place in reversed(places.items()):
        folder.rename(_name(base), _name(place))


def _check(recovery: Recovery, segment: Segment, content: bytes, end: int, expected: int) -> int:
    """Count the waiting records of a segment; return the number of those that can no longer be read.

    Up to `end` the cursor knows how many waited. After it each damaged line counts as one, except half a line at the
    end of the file: a kill leaves it of a record that was not received yet.
    If the cursor's positions are not those of the lines, the damage may have moved the lines after it: then every
    record of the segment waits, and each damaged line may have been one.
    """
    position, lines, sound, damaged = segment.base, set(), [], []
    for line in split_lines(content):
        lines.add(position)
        if from_line(line) is not None:
            sound.append(position)
        else:
            segment.damaged = True
            recovery.unreadable += 1
            if line.endswith(b"\n"):
                damaged.append(position)
        position += len(line)
    taken = recovery.cursor.taken
    waiting = {each for each in recovery.cursor.waiting if segment.base <= each < segment.end}
    moved = segment.damaged and not waiting <= lines
    readable = [each for each in sound if each >= taken or moved or each in waiting]
    recovery.left.update((each, None) for each in readable if each < taken)
    segment.waiting = len(readable)
    if moved:
        return max(expected - len(readable), len(damaged))
    after = sum(each >= end for each in damaged)
    return max(0, expected - sum(each < end for each in readable)) + after


def _report(recovery: Recovery, folder: Folder, plural: str, notify: Callable[[str], None]) -> None:
    waiting = sum(segment.waiting for segment in recovery.segments.values())
    if recovery.unreadable:
        notify(
            f"The spool is damaged: {recovery.unreadable:,} unreadable lines in {folder}, whose segments will be "
            f"renamed to *.corrupt. The other {waiting:,} waiting records will be sent."
        )
    if recovery.missing:
        notify(
            f"The spool is incomplete: {recovery.missing:,} {plural} that an earlier run left in {folder} are missing. "
            "The others will be sent."
        )


def _name(base: int) -> str:
    return f"{base:020d}.log"
