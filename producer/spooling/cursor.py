"""The spool's lines and its cursor: both have a checksum, without which they are not used."""

from dataclasses import dataclass
from io import BytesIO
from typing import Self
from zlib import crc32

import orjson

Position = tuple[str, int, int]
"""Position in a source: the source's identity, and how many of its lines and bytes were read."""

CRC_WIDTH = len(b"00000000 ")
MAX_POSITION = 1 << 62
"""Limit of the spool's positions: none comes near it, and the cursor's encoding has 64 bits."""


def to_line(data: bytes) -> bytes:
    """Return `<CRC-32 in hex> <data>` and the end of the line."""
    return b"%08x %b\n" % (crc32(data), data)


def split_lines(content: bytes) -> list[bytes]:
    """Return the lines with their ends; a carriage return, which is white space in JSON, ends none."""
    return BytesIO(content).readlines()


def from_line(line: bytes) -> bytes | None:
    """Return the data of a line; None if it is damaged or cut off."""
    data = line[CRC_WIDTH:-1]
    try:
        sound = line.endswith(b"\n") and int(line[: CRC_WIDTH - 1], 16) == crc32(data)
    except ValueError:
        sound = False
    return data if sound else None


@dataclass(slots=True, frozen=True)
class Cursor:
    """The progress of sending: which of the spool's records are taken, and which of those still wait.

    Attributes:
        taken: the position after the last record taken.
        waiting: earlier positions that are not acknowledged, in ascending order.
        segments: position, size and number of waiting records of each segment that has any.
        source: the position in the interrupted source, or None.
    """

    taken: int = 0
    waiting: tuple[int, ...] = ()
    segments: tuple[tuple[int, int, int], ...] = ()
    source: Position | None = None

    def to_line(self) -> bytes:
        """Encode the cursor."""
        return to_line(orjson.dumps(self))

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Decode a line of `to_line`.

        Raises:
            ValueError: the line is something else, or damaged.
        """
        data = from_line(line)
        if data is None:
            raise ValueError("the checksum does not match")
        match orjson.loads(data):
            case {"taken": taken, "waiting": [*waiting], "segments": [*segments], "source": source} if (
                all(map(_is_position, (taken, *waiting)))
                and all(map(_is_segment, segments))
                and (source is None or _is_source(source))
            ):
                return cls(
                    taken, tuple(sorted(waiting)), tuple(map(tuple, segments)), source and tuple(source)
                )
        raise ValueError("the members are not those of a cursor")


def _is_position(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_POSITION  # a bool is an int, too


def _is_segment(value: object) -> bool:
    match value:
        case [int(base), int(size), int(waiting)] if all(
            map(_is_position, (base, size, base + size, waiting))
        ):
            return waiting <= size
    return False


def _is_source(value: object) -> bool:
    match value:
        case [str(), lines, offset]:
            return _is_position(lines) and _is_position(offset)
    return False
