"""Reads a source to its end: forwards every event, or rejects it with a reason, and counts both."""

import threading
from collections import Counter
from collections.abc import Callable

from producer.errors import FormError, OutputError, SourceError
from producer.sources.source import Rejected, Source
from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from producer.spooling.rejected import Input
from stack.printing import shorten

_MAX_WHERE_CHARACTERS = 80
_MAX_SHOWN, _MAX_SHOWN_OF_A_REASON = 20, 3


class Reader:
    """The reading loop of a run.

    Args:
        source: where events come from.
        forward: called with each encoded record, and the source's position after it.
        limit: number of events after which reading ends; None for no limit.
        notify: called with the reason of each rejection.
        advance_source: called with the source's position after each item that is rejected or ignored.
        keep: called before that with the reason and the input of each rejected item, unless nobody can use it.
        max_rejected: number of rejected items with which reading does not fail; None if they may be any but all.
        with_deletions: forward deletions too.

    Attributes:
        rejected: number of rejected items.
        deletions: number of deletions that were forwarded; they do not count for the limit.
        left_out: number of deletions that were not: they name no row, or are not wanted.
        failure: why reading failed, or None: the source ended early, or too many items were rejected.
        is_cut_short: the source could not be read to its end.
        exit_code: of the run, if nothing but reading fails: 2 if the source's form cannot be read, else 1.
    """

    def __init__(
        self,
        source: Source,
        forward: Callable[[StreamRecord, Position | None], None],
        limit: int | None,
        notify: Callable[[str], None],
        advance_source: Callable[[Position | None], None] = lambda _: None,
        keep: Callable[[str, Input], None] = lambda _reason, _input: None,
        *,
        max_rejected: int | None = None,
        with_deletions: bool = True,
    ) -> None:
        self._source = source
        self._forward = forward
        self._limit = limit
        self._notify = notify
        self._advance_source = advance_source
        self._keep = keep
        self._max_rejected = max_rejected
        self._with_deletions = with_deletions
        self._stopped = threading.Event()
        self._shown = 0
        self._seen, self._more = Counter[str](), Counter[str]()
        self.rejected = self.deletions = self.left_out = 0
        self.failure: str | None = None
        self.is_cut_short = False
        self.exit_code = 1

    def run(self) -> None:
        """Read until the source ends, the limit is reached, or `stop` is called."""
        events = forwarded = 0
        try:
            for item in self._source.read():
                if item is None:
                    self._advance_source(self._source.position)
                elif isinstance(item, Rejected):
                    self._reject(item)
                else:
                    encoded = item.encode()
                    if isinstance(encoded, Rejected):
                        events += 1
                        self._reject(encoded)
                    elif encoded is None or (encoded.deletes and not self._with_deletions):
                        self.left_out += 1
                        self._advance_source(self._source.position)
                    else:
                        self._forward(encoded, self._source.position)
                        forwarded += 1
                        if encoded.deletes:
                            self.deletions += 1
                        else:
                            events += 1
                if events == self._limit or self._stopped.is_set():
                    break
            self.failure = self._judge(forwarded)
        except (OutputError, SourceError) as error:
            self.failure = str(error)
            self.is_cut_short = True
            self.exit_code = 2 if isinstance(error, FormError) else 1
        for reason, number in self._more.items():
            self._notify(f"Rejected {number:,} more: {reason}")
        if others := self.rejected - self._shown - self._more.total():
            self._notify(f"Rejected {others:,} more for other reasons.")

    def stop(self) -> None:
        """End `run` soon and close the source, which may take as long as a network request."""
        self._stopped.set()
        self._source.close()

    def _judge(self, forwarded: int) -> str | None:
        """Return why too many items were rejected; None if they were not."""
        if self.rejected <= (self._max_rejected or 0):
            return None
        if not forwarded:
            return f"Every item was rejected ({self.rejected:,})."
        if self._max_rejected is None:
            return None
        return (
            f"{self.rejected:,} of {self.rejected + forwarded:,} items were rejected; "
            f"--max-rejected {self.rejected} accepts that."
        )

    def _reject(self, item: Rejected) -> None:
        self.rejected += 1
        if (rejected := self._source.input) is not None:
            self._keep(item.reason, rejected)
        self._advance_source(self._source.position)
        self._show(item)

    def _show(self, item: Rejected) -> None:
        """Show the first few rejections of a reason, and count the others; of the reasons, too, only some."""
        seen = self._seen[item.reason]
        if seen == _MAX_SHOWN_OF_A_REASON:
            self._more[item.reason] += 1
        elif self._shown < _MAX_SHOWN:
            self._seen[item.reason] += 1
            self._shown += 1
            self._notify(f"Rejected {shorten(item.where, _MAX_WHERE_CHARACTERS)}: {item.reason}")
