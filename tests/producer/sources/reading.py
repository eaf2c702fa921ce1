"""A source that is read by a thread of its own, as the producer reads it."""

import threading
from collections.abc import Callable
from typing import Self

from producer.errors import SourceError
from producer.formats.tweets import Record
from producer.sources.source import Event, Rejected, Source
from tests.waiting import SECONDS, eventually


class Reading:
    """Reads a source from `with` to its end, and closes it there.

    Attributes:
        items: what it has yielded so far.
        error: the SourceError that ended it.
    """

    def __init__(self, source: Source) -> None:
        self.items: list[Event | Rejected] = []
        self.error: SourceError | None = None
        self._source = source
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "close() did not end read()"

    def _read(self) -> None:
        try:
            self.items.extend(item for item in self._source.read() if item is not None)
        except SourceError as error:
            self.error = error

    @property
    def texts(self) -> list[str]:
        """The texts of the records, in order."""
        return [item.text for item in self.items if isinstance(item, Record)]

    @property
    def rejected(self) -> list[Rejected]:
        """Return the rejected items, in order."""
        return [item for item in self.items if isinstance(item, Rejected)]

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; fail with what was read if it does not come true."""
        try:
            eventually(condition)
        except AssertionError as failure:
            failure.add_note(f"{len(self.items)} items, error {self.error}")
            raise

    def until_items(self, number: int) -> None:
        """Wait for that many items."""
        self.until(lambda: len(self.items) >= number)

    def failure(self) -> str:
        """Wait for the source to fail, and return its message."""
        self.until(lambda: self.error)
        return str(self.error)
