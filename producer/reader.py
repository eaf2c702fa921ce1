"""Reads a source to its end: forwards every event, or rejects it with a reason, and counts both."""

import threading
from collections.abc import Callable

from producer.errors import OutputError, SourceError
from producer.sources.source import Rejected, Source
from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from stack.printing import shorten

_MAX_WHERE_CHARACTERS = 80


class Reader:
    """The reading loop of a run.

    Args:
        source: where events come from.
        forward: called with each encoded record, and the source's position after it.
        limit: number of events after which reading ends; None for no limit.
        notify: called with the reason of each rejection.
        advance_source: called with the source's position after each rejected item.

    Attributes:
        rejected: number of rejected items.
        failure: why reading failed, or None: the source ended early, or every item was rejected.
    """

    def __init__(
        self,
        source: Source,
        forward: Callable[[StreamRecord, Position | None], None],
        limit: int | None,
        notify: Callable[[str], None],
        advance_source: Callable[[Position | None], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._forward = forward
        self._limit = limit
        self._notify = notify
        self._advance_source = advance_source
        self._stopped = threading.Event()
        self.rejected = 0
        self.failure: str | None = None

    def run(self) -> None:
        """Read until the source ends, the limit is reached, or `stop` is called."""
        events = forwarded = 0
        try:
            for item in self._source.read():
                if isinstance(item, Rejected):
                    self._reject(item)
                else:
                    events += 1
                    encoded = item.encode()
                    if isinstance(encoded, Rejected):
                        self._reject(encoded)
                    else:
                        self._forward(encoded, self._source.position)
                        forwarded += 1
                if events == self._limit or self._stopped.is_set():
                    break
            if self.rejected and not forwarded:
                self.failure = f"Every item was rejected ({self.rejected:,})."
        except (OutputError, SourceError) as error:
            self.failure = str(error)

    def stop(self) -> None:
        """End `run` soon and close the source, which may take as long as a network request."""
        self._stopped.set()
        self._source.close()

    def _reject(self, item: Rejected) -> None:
        self.rejected += 1
        self._advance_source(self._source.position)
        self._notify(f"Rejected {shorten(item.where, _MAX_WHERE_CHARACTERS)}: {item.reason}")
