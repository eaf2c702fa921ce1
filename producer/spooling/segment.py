"""A segment: one file of the spool's log, named by the position of its first byte."""

from dataclasses import dataclass

from event.limits import MAX_RAISED_RECORD_BYTES, MAX_RECORD_BYTES
from producer.spooling.cursor import CRC_WIDTH, split_lines
from producer.spooling.folder import Folder

SEGMENTS = "[0-9]" * 20 + ".log"
_CHUNK_BYTES = 2 * MAX_RECORD_BYTES  # holds a whole line, unless the stream's limit of a record was raised
_MAX_LINE_BYTES = MAX_RAISED_RECORD_BYTES + CRC_WIDTH + len(b"\n")


@dataclass(slots=True)
class Segment:
    """A file of the log.

    Attributes:
        base: the position of its first byte.
        waiting: the number of its records that are not acknowledged.
        own: this run wrote it, so its lines need no check.
        unchecked: an earlier run wrote it, and `waiting` is what its cursor says.
        damaged: it is renamed, not deleted, once all else is sent.
    """

    base: int
    size: int = 0
    waiting: int = 0
    own: bool = False
    unchecked: bool = False
    damaged: bool = False

    @property
    def name(self) -> str:
        return segment_name(self.base)

    @property
    def emptied_name(self) -> str:
        """The file that says that all of its records were sent, while the cursor cannot say so."""
        return f"{self.base:020d}.sent"

    @property
    def end(self) -> int:
        return self.base + self.size


def segment_name(base: int) -> str:
    """Return the name of the segment that begins at a position."""
    return f"{base:020d}.log"


def read_lines(folder: Folder, segment: Segment, position: int, end: int) -> list[bytes]:
    """Return some of a segment's lines between two positions, the first ones, with their ends.

    There are none if the file ends earlier: it was freed meanwhile, or cut by another program.
    """
    size = min(_CHUNK_BYTES, end - position)
    try:
        chunk = folder.read_at(segment.name, position - segment.base, size)
        if len(chunk) == _CHUNK_BYTES and b"\n" not in chunk:
            size = min(_MAX_LINE_BYTES, end - position)
            chunk = folder.read_at(segment.name, position - segment.base, size)
    except FileNotFoundError:
        return []
    if len(chunk) < size:
        return []
    return split_lines(chunk[: chunk.rfind(b"\n") + 1] or chunk)  # without an end of line it is damaged
