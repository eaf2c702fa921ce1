"""What an earlier run left in the spool's folder: the records that wait, and what of them is missing or damaged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath

from producer.errors import SpoolError
from producer.spooling.cursor import MAX_POSITION, Cursor, from_line
from producer.spooling.folder import Folder

CURSORS = "cursor.json", "cursor.copy.json"
"""Written one after the other: what happens to one of them leaves the other."""
_SEGMENTS = "[0-9]" * 20 + ".log"


@dataclass(slots=True)
class Segment:
    """A file of the log.

    Attributes:
        base: the position of its first byte.
        waiting: the number of its records that are not acknowledged.
        own: this run wrote it, so that its lines need no check.
        damaged: it is kept when it is no longer needed.
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
    def end(self) -> int:
        return self.base + self.size


@dataclass(slots=True)
class Recovery:
    """What was found.

    Attributes:
        cursor: of the last run; empty if its positions are not those of the segments.
        segments: by base, in order.
        left: waiting positions that the last run had taken.
        start: where the log goes on.
        missing: records that waited in the last run and cannot be read any more.
        unreadable: number of damaged lines.
    """

    cursor: Cursor
    segments: dict[int, Segment] = field(default_factory=dict)
    left: dict[int, None] = field(default_factory=dict)
    start: int = 0
    missing: int = 0
    unreadable: int = 0


def recover(folder: Folder, notify: Callable[[str], None]) -> Recovery:
    """Read the cursor and check every segment; `notify` is told what is wrong and what becomes of it.

    Raises:
        OSError: the folder cannot be read or written.
        SpoolError: a segment has a name that no spool gives.
    """
    cursor = _load_cursor(folder, notify)
    sizes = {int(PurePath(name).stem): size for name, size in folder.sizes(_SEGMENTS).items()}
    places = _separate(sizes)
    if any(place + sizes[base] >= MAX_POSITION for base, place in places.items()):
        raise SpoolError(
            f"The spool {folder} holds {_name(max(sizes))}, a name that no spool gives: move the file elsewhere."
        )
    found = _examine(folder, sizes, cursor)
    if moved := [base for base, place in places.items() if base != place]:
        _move(folder, {base: places[base] for base in moved})
        notify(
            f"Segments of the spool {folder} overlap, as after restoring a copy beside the original: every record in "
            "them is sent, even if it was sent before. Restore a copy into a folder of its own, and give it as --spool."
        )
        missing = found.missing  # only the cursor tells, whose positions are not those of the moved segments
        found = _examine(
            folder, {places[base]: size for base, size in sizes.items()}, Cursor(source=cursor.source)
        )
        found.missing = missing
    _report(found, folder, notify)
    return found


def _examine(folder: Folder, sizes: dict[int, int], cursor: Cursor) -> Recovery:
    """Check every segment against a cursor."""
    found = Recovery(cursor)
    ends = {base: (base + size, waiting) for base, size, waiting in cursor.segments}
    found.start = max([cursor.taken, *(end for end, _ in ends.values()), *map(sum, sizes.items())])
    for base in sorted({*sizes, *ends}):
        segment = Segment(base, sizes.get(base, 0))
        content = b""
        if base in sizes:
            found.segments[base] = segment
            content = folder.read(segment.name)
        found.missing += _check(found, segment, content, *ends.get(base, (base, 0)))
    return found


def _load_cursor(folder: Folder, notify: Callable[[str], None]) -> Cursor:
    found, damaged = [], []
    for name in CURSORS:
        try:
            found.append(Cursor.parse(folder.read(name)))
        except FileNotFoundError:
            continue
        except ValueError:
            damaged.append(folder.set_aside(name))
    if damaged:
        effect = "its copy is used" if found else "the whole spool is sent again"
        notify(
            f"The spool's cursor is damaged, or of an earlier release, and kept as {damaged[0]}: {effect}."
        )
    return found[0] if found else Cursor()


def _separate(sizes: dict[int, int]) -> dict[int, int]:
    """Return for each segment, by base, a base at which it overlaps none before it; the order stays."""
    places, end = {}, 0
    for base, size in sizes.items():
        places[base] = max(base, end)
        end = places[base] + max(size, 1)  # an empty one needs a name, too
    return places


def _move(folder: Folder, places: dict[int, int]) -> None:
    """Rename segments, and forget the cursor, whose positions cannot tell a copy from the original.

    The cursor goes first and the last segment next, so that a crash in between leaves nothing to chance.
    """
    for name in CURSORS:
        folder.remove(name)
    for base, place in reversed(places.items()):
        folder.rename(_name(base), _name(place))


def _check(found: Recovery, segment: Segment, content: bytes, end: int, expected: int) -> int:
    """Count the records of a segment that wait; return the number of those that cannot be read any more.

    Up to `end` the cursor knows how many waited. Behind it each damaged line counts as one, except half a line at the
    end of the file, which a kill leaves of a record that was not received.
    If the cursor's positions are not those of the lines, what is before the damage may have moved what is behind
    it: every record of the segment waits, and each damaged line may have been one.
    """
    position, lines, sound, damaged = segment.base, set(), [], []
    for line in content.splitlines(keepends=True):
        lines.add(position)
        if from_line(line) is not None:
            sound.append(position)
        else:
            segment.damaged = True
            found.unreadable += 1
            if line.endswith(b"\n"):
                damaged.append(position)
        position += len(line)
    taken = found.cursor.taken
    waiting = {each for each in found.cursor.waiting if segment.base <= each < segment.end}
    moved = segment.damaged and not waiting <= lines
    kept = [each for each in sound if each >= taken or moved or each in waiting]
    found.left.update((each, None) for each in kept if each < taken)
    segment.waiting = len(kept)
    if moved:
        return max(expected - len(kept), len(damaged))
    behind = sum(each >= end for each in damaged)
    return max(0, expected - sum(each < end for each in kept)) + behind


def _report(found: Recovery, folder: Folder, notify: Callable[[str], None]) -> None:
    waiting = sum(segment.waiting for segment in found.segments.values())
    if found.unreadable:
        notify(
            f"The spool is damaged: {found.unreadable:,} unreadable lines in {folder}, whose segments are kept as "
            f"*.corrupt. The other {waiting:,} waiting records will be sent."
        )
    if found.missing:
        notify(
            f"The spool is incomplete: {found.missing:,} tweets that an earlier run left in {folder} are missing. "
            "The rest is sent."
        )


def _name(base: int) -> str:
    return f"{base:020d}.log"
