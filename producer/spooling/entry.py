"""A record of the spool, on its way to the stream."""

from dataclasses import dataclass
from typing import Self

from event.limits import MAX_PARTITION_KEY, MAX_RECORD_BYTES


@dataclass(slots=True)
class StreamRecord:
    """A record as PutRecords takes it.

    Attributes:
        partition_key: events that share it stay in order.
        data: the event in the format of its type, without an end of line.
        deletes: it is a tombstone.
    """

    partition_key: str
    data: bytes
    deletes: bool = False

    def encode(self) -> Self:
        """Return the record itself: it is encoded already."""
        return self

    def excess(self, key_name: str, max_bytes: int = MAX_RECORD_BYTES) -> str | None:
        """Return the limit of the stream that the record exceeds, or None; `key_name` names its key to a person."""
        if not 1 <= len(self.partition_key) <= MAX_PARTITION_KEY:
            length = len(self.partition_key)
            return f"{key_name} of {length} characters; a partition key has 1 to {MAX_PARTITION_KEY}"
        size = len(self.data) + len(self.partition_key.encode())
        if size > max_bytes:
            return f"{size:,} bytes; the limit is {max_bytes:,}"
        return None


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
