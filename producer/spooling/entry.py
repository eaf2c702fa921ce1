"""A record of the spool, on its way to the stream."""

from dataclasses import dataclass


@dataclass(slots=True)
class Entry:
    """A record and its place in the spool.

    Attributes:
        position: of its line in the log.
        end: the position after its line.
        segment: the position of its segment.
        size: data and partition key in bytes, as Kinesis counts them.
    """

    position: int
    end: int
    segment: int
    partition_key: str
    data: bytes
    size: int
