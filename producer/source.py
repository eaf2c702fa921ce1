"""What a source of tweets offers to the producer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One tweet as it goes onto the stream; the fields are the JSON object's members (handler/README.md).

    `id` is text because 64-bit ids lose digits as JSON numbers; `created_at` is ISO 8601 in UTC with
    milliseconds and a `Z`.
    """

    username: str
    id: str
    created_at: str
    text: str
    lang: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that was read and is not a tweet: counted, shown, not sent."""

    where: str
    reason: str


class SourceError(Exception):
    """The source cannot go on; the message says why and what to do next. Ends the run with exit code 1."""


class Source(Protocol):
    """A stream of tweets; used from one reading thread, closed from any."""

    def read(self) -> Iterator[Record | Rejected]:
        """Yield what arrives, until the source ends or is closed.

        Raises:
            SourceError: the source refuses us and trying again is useless.
        """

    def close(self) -> None:
        """Make `read` return soon, and give up what the source holds elsewhere. May be called twice."""
