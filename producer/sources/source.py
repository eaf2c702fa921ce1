"""The interface of the producer's sources."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from producer.spooling.rejected import Input


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that is not a valid event: counted and reported, not sent."""

    where: str
    reason: str


class Event(Protocol):
    """A valid event."""

    def encode(self) -> StreamRecord | Rejected | None:
        """Encode the event and decide its partition key; reject one that Kinesis or the table would never accept.

        None for a deletion that names no row.
        """


class Source(Protocol):
    """A stream of events; read from one thread, closed from any thread.

    Attributes:
        position: where a later run can resume after the item yielded last; None if the source cannot resume.
        input: what the item yielded last was made of, to be kept if it is rejected; None if nobody can use it.
        spent: dollars that the service charges for what was read, by an estimate; None if it charges nothing.
    """

    @property
    def position(self) -> Position | None: ...

    @property
    def input(self) -> Input | None: ...

    @property
    def spent(self) -> float | None: ...

    def read(self) -> Iterator[Event | Rejected | None]:
        """Yield items until the source ends or is closed; None is one to ignore, after which `position` has moved.

        Raises:
            SourceError: the source rejects the request, and retrying is useless.
        """

    def close(self) -> None:
        """Make `read` return soon, and release what the source has created elsewhere. May be called twice."""
