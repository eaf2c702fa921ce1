"""Reads a source to its end: every tweet is kept, or rejected with a reason, and counted."""

import threading
from collections.abc import Callable

from producer.errors import OutputError, SourceError
from producer.record import objection, to_json
from producer.sources.source import Rejected, Source
from producer.spooling.cursor import Position
from stack.printing import shorten

_MAX_WHERE_CHARACTERS = 80


class Reader:
    """Passes each record to `keep`, and where the source stands after it; for what is rejected, that to `pass_over`.

    Attributes:
        rejected: number of items that were not kept; `notify` received each reason.
        failure: why reading has failed, or None: the source ended early, or all that it had was rejected.
    """

    def __init__(
        self,
        source: Source,
        keep: Callable[[bytes, Position | None], None],
        limit: int | None,
        notify: Callable[[str], None],
        pass_over: Callable[[Position | None], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._keep = keep
        self._limit = limit
        self._notify = notify
        self._pass_over = pass_over
        self._stopped = threading.Event()
        self.rejected = 0
        self.failure: str | None = None

    def run(self) -> None:
        """Read until the source ends, the limit is reached or `stop`."""
        tweets = kept = 0
        try:
            for item in self._source.read():
                if isinstance(item, Rejected):
                    self._reject(item)
                else:
                    data = to_json(item)
                    if reason := objection(item, data):
                        self._reject(Rejected(f"tweet {item.id}", reason))
                    else:
                        self._keep(data, self._source.position)
                        kept += 1
                    tweets += 1
                if tweets == self._limit or self._stopped.is_set():
                    break
            if self.rejected and not kept:
                self.failure = f"Nothing was kept; rejected: {self.rejected:,}."
        except (OutputError, SourceError) as error:
            self.failure = str(error)

    def stop(self) -> None:
        """End `run` soon and close the source, which may take as long as a network request."""
        self._stopped.set()
        self._source.close()

    def _reject(self, item: Rejected) -> None:
        self.rejected += 1
        self._pass_over(self._source.position)
        self._notify(f"Rejected {shorten(item.where, _MAX_WHERE_CHARACTERS)}: {item.reason}")
