"""The interface of the producer's sources."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from event.types.tweet import RECORD_VERSION
from producer.spooling.cursor import Position


@dataclass  # neither frozen nor with slots: those take four times as long to make and to encode
class Record:
    """A tweet as it is put on the stream; the fields are the JSON object's members (event/README.md).

    `id` is a string because 64-bit ids lose digits as JSON numbers; `created_at` is ISO 8601 in UTC with
    milliseconds and a `Z`.
    """

    username: str
    id: str
    created_at: str
    text: str
    lang: str | None
    source: str
    version: int = RECORD_VERSION


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that is not a tweet: counted and reported, not sent."""

    where: str
    reason: str


class Source(Protocol):
    """A stream of tweets; read from one thread, closed from any thread.

    Attributes:
        position: where a later run can resume after the item yielded last; None if the source cannot resume.
    """

    @property
    def position(self) -> Position | None: ...

    def read(self) -> Iterator[Record | Rejected]:
        """Yield items until the source ends or is closed.

        Raises:
            SourceError: the source rejects the request, and retrying is useless.
        """

    def close(self) -> None:
        """Make `read` return soon, and release what the source has created elsewhere. May be called twice."""
