"""Recovers the records that an earlier run left in the spool's folder, and counts missing and damaged ones.

A segment of the size that the cursor says is checked only when its records are due: it takes seconds to read all that a
long outage has left.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

from producer.errors import SpoolError
from producer.spooling.cursor import MAX_POSITION, Cursor, from_line, split_lines
from producer.spooling.folder import Folder
from producer.spooling.segment import SEGMENTS, Segment, segment_name

CURSORS = "cursor.json", "cursor.copy.json"
"""Written one after the other, so that a crash damages at most one of them."""
_EMPTIED = "[0-9]" * 20 + ".sent"


class Damage(NamedTuple):
    """What is wrong with segments.

    Attributes:
        unreadable: number of damaged lines.
        missing: records that waited in the last run and can no longer be read.
    """

    unreadable: int = 0
    missing: int = 0

    def plus(self, other: "Damage") -> "Damage":
        """Return the sum."""
        return Damage(self.unreadable + other.unreadable, self.missing + other.missing)

    def report(self, folder: Folder, waiting: int, plural: str, notify: Callable[[str], None]) -> None:
        """Report it, if there is any; `waiting` records can be read."""
        if self.unreadable:
            notify(
                f"The spool is damaged: {self.unreadable:,} unreadable lines in {folder}, whose segments will be "
                f"renamed to *.corrupt. The other {waiting:,} waiting records will be sent."
            )
        if self.missing:
            notify(
                f"The spool is incomplete: {self.missing:,} {plural} that an earlier run left in {folder} are missing. "
                "The others will be sent."
            )


@dataclass(slots=True)
class Recovery:
    """The state of the spool at the start.

    Attributes:
        cursor: of the last run; empty if its positions are not those of the segments.
        segments: by base, in order.
        left: positions of waiting records that the last run had taken, and this one has not.
        start: the position at which the log continues.
        emptied: files of segments whose records were all sent, although the cursor may still name them.
        damage: of the segments that are checked.
    """

    cursor: Cursor
    segments: dict[int, Segment] = field(default_factory=dict)
    left: dict[int, None] = field(default_factory=dict)
    start: int = 0
    emptied: list[str] = field(default_factory=list)
    damage: Damage = field(default_factory=Damage)

    @property
    def waiting(self) -> int:
        """Number of records that wait; of a segment that is not checked, as many as the cursor says."""
        return sum(segment.waiting for segment in self.segments.values())


def recover(folder: Folder, plural: str, notify: Callable[[str], None]) -> Recovery:
    """Read the cursor, and check the segments that are not as it says; `notify` gets what is wrong and its consequence.

    `plural` is what the events are called.

    Raises:
        OSError: the folder cannot be read or written.
        SpoolError: a segment's name is out of range.
    """
    cursor = _load_cursor(folder, notify)
    sizes = {int(PurePath(name).stem): size for name, size in folder.sizes(SEGMENTS).items()}
    places = _separate(sizes)
    if any(place + sizes[base] >= MAX_POSITION for base, place in places.items()):
        raise SpoolError(
            f"The spool {folder} contains {segment_name(max(sizes))}, which no producer has written: move "
            "the file elsewhere."
        )
    moved = [base for base, place in places.items() if base != place]
    recovery = _examine(folder, sizes, cursor, check_all=bool(moved))
    if moved:
        _move(folder, {base: places[base] for base in moved})
        notify(
            f"Segments of the spool {folder} overlap, as after restoring a copy beside the original: every record in "
            "them is sent, even if it was sent before. Restore a copy into a folder of its own, and give it as --spool."
        )
        # Only the cursor knows what is missing, and its positions are not those of the moved segments.
        missing = recovery.damage.missing
        recovery = _examine(
            folder, {places[base]: size for base, size in sizes.items()}, Cursor(source=cursor.source)
        )
        recovery.damage = recovery.damage._replace(missing=missing)
    recovery.damage.report(folder, recovery.waiting, plural, notify)
    return recovery


def check_due(folder: Folder, recovery: Recovery, segment: Segment) -> Damage:
    """Check a segment that `recover` has not; what another program has changed since then is left to its reader.

    Raises:
        OSError: the segment cannot be read.
    """
    segment.unchecked = False
    try:
        content = folder.read(segment.name)
    except FileNotFoundError:
        return Damage()
    if len(content) != segment.size:
        return Damage()
    return _check(recovery, segment, content, segment.end, segment.waiting)


def _examine(folder: Folder, sizes: dict[int, int], cursor: Cursor, *, check_all: bool = False) -> Recovery:
    """Compare every segment with a cursor, and check it if they differ."""
    recovery = Recovery(cursor, emptied=list(folder.sizes(_EMPTIED)))
    ends = {base: (base + size, waiting) for base, size, waiting in cursor.segments}
    recovery.start = max([cursor.taken, *(end for end, _ in ends.values()), *map(sum, sizes.items())])
    for name in recovery.emptied:
        ends.pop(int(PurePath(name).stem), None)
    for base in sorted({*sizes, *ends}):
        segment = Segment(base, sizes.get(base, 0))
        content = b""
        end, expected = ends.get(base, (base, 0))
        if base in sizes:
            recovery.segments[base] = segment
            if expected and end == segment.end and not check_all:
                segment.waiting, segment.unchecked = expected, True
                recovery.left.update(dict.fromkeys(_taken_before(cursor, segment)))
                continue
            content = folder.read(segment.name)
        recovery.damage = recovery.damage.plus(_check(recovery, segment, content, end, expected))
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
        folder.rename(segment_name(base), segment_name(place))


def _check(recovery: Recovery, segment: Segment, content: bytes, end: int, expected: int) -> Damage:
    """Count the waiting records of a segment; return what is wrong with it.

    Up to `end` the cursor knows how many waited. After it each damaged line counts as one, except half a line at the
    end of the file: a kill leaves it of a record that was not received yet.
    If the cursor's positions are not those of the lines, the damage may have moved the lines after it: then every
    record of the segment waits, and each damaged line may have been one.
    """
    position, lines, sound, damaged, unreadable = segment.base, set(), [], [], 0
    for line in split_lines(content):
        lines.add(position)
        if from_line(line) is not None:
            sound.append(position)
        else:
            segment.damaged = True
            unreadable += 1
            if line.endswith(b"\n"):
                damaged.append(position)
        position += len(line)
    taken = recovery.cursor.taken
    waiting = _taken_before(recovery.cursor, segment)
    moved = segment.damaged and not waiting <= lines
    readable = [each for each in sound if each >= taken or moved or each in waiting]
    for each in waiting:
        recovery.left.pop(each, None)
    recovery.left.update((each, None) for each in readable if each < taken)
    segment.waiting = len(readable)
    if moved:
        return Damage(unreadable, max(expected - len(readable), len(damaged)))
    after = sum(each >= end for each in damaged)
    return Damage(unreadable, max(0, expected - sum(each < end for each in readable)) + after)


def _taken_before(cursor: Cursor, segment: Segment) -> set[int]:
    """Return the positions in a segment of waiting records that the last run had taken."""
    begin, end = (bisect_left(cursor.waiting, position) for position in (segment.base, segment.end))
    return set(cursor.waiting[begin:end])
