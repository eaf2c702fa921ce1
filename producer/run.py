"""Runs the producer: one thread reads, one publishes, and the calling thread monitors and stops both."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from producer.display.display import Display
from producer.display.progress import Progress
from producer.errors import OutputError, PublishError, SpoolError
from producer.reader import Reader
from producer.receipts import Receipts
from producer.sources.source import Source
from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from producer.spooling.rejected import RejectedFile
from producer.spooling.spool import Spool
from stack.prices import show
from stack.printing import printable

if TYPE_CHECKING:
    from producer.publish.publisher import Publisher

FLUSH_SECONDS = 10.0
"""Seconds for which a run that is interrupted, or has a duration, sends queued events; the spool keeps the rest."""
SYNC_SECONDS = 1.0
"""Seconds between two flushes of the spool to the disk itself."""
_CLOSE_SECONDS = 15.0
_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Summary:
    """The exact result of a run: `received + replayed = sent + spooled + rejected + missing`.

    Attributes:
        replayed: events that an earlier run left.
        missing: those of them that can no longer be read.
        deletions: those received that delete a row.
        left_out: deletions that are not counted as received: they name no row, or were not wanted.
    """

    received: int
    replayed: int
    sent: int
    spooled: int
    rejected: int
    missing: int
    retried: int
    seconds: float
    deletions: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        replayed = f" + replayed {self.replayed:,}" if self.replayed else ""
        missing = f" + missing {self.missing:,}" if self.missing else ""
        return (
            f"received {self.received:,}{replayed} = sent {self.sent:,} + spooled {self.spooled:,} "
            f"+ rejected {self.rejected:,}{missing}{_deletions(self.deletions, self.left_out)}; "
            f"retried {self.retried:,}; {self.seconds:.1f} s"
        )


def _deletions(forwarded: int, left_out: int) -> str:
    """Return the part of a summary that counts deletions; empty without any."""
    return f"; deletions {forwarded:,}, left out {left_out:,}" if forwarded or left_out else ""


def publish(
    source: Source,
    spool: Spool,
    publisher: "Publisher",
    display: Display,
    rejected_file: RejectedFile,
    *,
    limit: int | None,
    duration: float | None,
    max_rejected: int | None = None,
    with_deletions: bool = True,
    receipts: Receipts | None = None,
) -> int:
    """Send the source's events until it ends, `limit` events or `duration` seconds; return the exit code.

    SIGINT, SIGTERM and SIGHUP end the run too; a second SIGINT or SIGTERM at once. SIGINT and SIGHUP stay ignored if
    they were, as in the background of a script and under nohup. When the source ends, queued events are sent for as
    long as it takes; after a signal, or at the end of `duration`, for `FLUSH_SECONDS`. Events that remain in the spool,
    or are missing from it, make the exit code 1, as rejected input does that could not be kept, and more of it than
    `max_rejected`. `receipts` shows a feeder of standard input which lines are safe.
    """
    reader = Reader(
        source,
        spool.append,
        limit,
        display.note,
        spool.advance_source,
        rejected_file.keep,
        max_rejected=max_rejected,
        with_deletions=with_deletions,
    )
    publishing = _Worker(publisher.run)
    receipts_failure: str | None = None
    started = synced = time.monotonic()
    announced = False

    def watch() -> None:
        nonlocal synced, announced, receipts_failure
        now = time.monotonic()
        if interrupts.count and not announced:
            announced = True
            display.note(
                f"Stopping: sending queued {spool.format.schema.plural} for up to {FLUSH_SECONDS:.0f} s; "
                "press Ctrl-C again to quit now."
            )
        spool.flush()
        if receipts and not receipts_failure:
            try:
                receipts.write(spool.read_to)
            except OutputError as error:
                receipts_failure = str(error)
                interrupts.count += 1  # ends the run in order
        if now - synced >= SYNC_SECONDS:
            rejected_file.sync()
            spool.sync()
            synced = now
        display.progress(_progress(reader, spool, publisher, now - started, source.spent))

    def stop() -> None:
        spool.stop()
        reader.stop()
        spool.flush()

    with _Interrupts() as interrupts:
        publishing.start()
        reading = _Reading(reader, stop, interrupts, watch)
        source_ended = reading.run(duration, publishing.is_alive)
        if source_ended:
            spool.finish_source(source.position)
        ends = math.inf if duration is None else started + duration
        _finish(publisher, publishing, interrupts, watch, drain_deadline=ends if source_ended else started)
        watch()
    rejected_file.sync()
    spool.close()
    summary = summarize(spool, publisher, reader.rejected, started, reader.deletions, reader.left_out)
    is_expected = isinstance(publishing.error, PublishError | SpoolError)
    messages = [
        reader.failure or reading.failure,
        receipts_failure,
        str(publishing.error) if is_expected else None,
        rejected_file.shortfall,
    ]
    shown = [*filter(None, messages), *shortfalls(spool)]
    display.end(*_with_charge(source, str(summary), asdict(summary)), [*shown, *rejected_file.advice])
    reading.raise_unexpected()
    if publishing.error and not is_expected:
        raise publishing.error
    if not shown:
        return 0
    return reader.exit_code if shown == [reader.failure] else 1


def summarize(
    spool: Spool, publisher: "Publisher", rejected: int, started: float, deletions: int = 0, left_out: int = 0
) -> Summary:
    """Return the result of a run whose spool is closed, or the numbers so far; `started` is of a monotonic clock."""
    rejected += spool.unwritten
    return Summary(
        received=spool.appended + rejected,
        replayed=spool.replayed + spool.missing,
        sent=spool.acknowledged,
        spooled=spool.waiting,
        rejected=rejected,
        missing=spool.missing,
        retried=publisher.retried,
        seconds=round(time.monotonic() - started, 3),
        deletions=deletions,
        left_out=left_out,
    )


def shortfalls(spool: Spool) -> list[str]:
    """Return a message for each kind of record of a closed spool that was not sent; empty if all were."""
    messages, plural = [], spool.format.schema.plural
    if spool.unwritten:
        messages.append(f"{spool.unwritten:,} {plural} were lost: {spool.blocked}.")
    if spool.missing:
        messages.append(f"{spool.missing:,} {plural} of an earlier run are missing from {spool.folder}.")
    if spool.waiting:
        messages.append(f"{spool.waiting:,} {plural} remain in {spool.folder}; the next run sends them.")
    return messages


def print_records(
    source: Source,
    display: Display,
    *,
    limit: int | None,
    duration: float | None,
    max_rejected: int | None = None,
    with_deletions: bool = True,
) -> int:
    """Print the records to standard output, one per line, as a dry run does; return the exit code."""
    printed = 0
    on_terminal = os.isatty(1)

    def write(record: StreamRecord, _position: Position | None) -> None:
        nonlocal printed
        line = record.data + b"\n"
        if on_terminal:
            line = printable(record.data.decode()).encode() + b"\n"
        try:
            while line:
                line = line[os.write(1, line) :]
        except BrokenPipeError:  # `| head` has enough
            raise
        except OSError as error:
            raise OutputError(f"Standard output cannot be written: {error.strerror}.") from error
        printed += 1

    reader = Reader(
        source, write, limit, display.note, max_rejected=max_rejected, with_deletions=with_deletions
    )
    with _Interrupts() as interrupts:
        reading = _Reading(reader, reader.stop, interrupts, watch=lambda: None)
        reading.run(duration, lambda: True)
    numbers = {
        "received": printed + reader.rejected,
        "printed": printed,
        "rejected": reader.rejected,
        "deletions": reader.deletions,
        "left_out": reader.left_out,
    }
    summary = "received {received:,} = printed {printed:,} + rejected {rejected:,}".format(**numbers)
    summary += _deletions(reader.deletions, reader.left_out)
    display.end(*_with_charge(source, summary, numbers), [reader.failure] if reader.failure else [])
    reading.raise_unexpected(expected=BrokenPipeError)
    return reader.exit_code if reader.failure else 0


def _with_charge(source: Source, summary: str, numbers: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a summary, as text and as numbers, with what the source charges, if it does."""
    if source.spent is None:
        return summary, numbers
    return f"{summary}; spent up to {show(source.spent)} (estimate)", {
        **numbers,
        "spent": round(source.spent, 4),
    }


class _Worker(threading.Thread):
    """A daemon thread that stores its error for the thread that joins it."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  -- raised again in the main thread
            self.error = error


class _Interrupts:
    """The number of signals SIGINT, SIGTERM and SIGHUP received, which do not end the process.

    A number, not an event: a handler that takes a lock held by the interrupted code would deadlock.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        # Ctrl-C is not for a script's background job, and a closed terminal not for what nohup started.
        heeded = [each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]
        self._previous: dict[int, Any] = {}
        for number in (signal.SIGTERM, *heeded):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  -- what signal hands over
        if number == signal.SIGHUP:
            # Sent by the shell and by the kernel when a terminal closes: nobody means the second one.
            self.count = max(self.count, 1)
            self._previous[number] = signal.SIG_IGN
        else:
            self.count += 1


class _Reading:
    """The reading half of a run; `watch` is called several times a second."""

    def __init__(
        self, reader: Reader, stop: Callable[[], None], interrupts: _Interrupts, watch: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._reading = _Worker(reader.run)
        self._closing = _Worker(stop)
        self._interrupts = interrupts
        self._watch = watch
        self.failure: str | None = None

    def run(self, duration: float | None, may_continue: Callable[[], bool]) -> bool:
        """Read until the end, a signal, the duration, or not `may_continue`; return whether the source has ended."""
        deadline = math.inf if duration is None else time.monotonic() + duration
        self._reading.start()
        while (
            self._reading.is_alive()
            and may_continue()
            and not self._interrupts.count
            and time.monotonic() < deadline
        ):
            self._reading.join(_TICK_SECONDS)
            self._watch()
        source_ended = not (self._reading.is_alive() or self._reader.is_cut_short or self._reading.error)
        self._closing.start()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for worker in (self._closing, self._reading):
            while worker.is_alive() and self._interrupts.count < 2 and time.monotonic() < deadline:
                worker.join(_TICK_SECONDS)
                self._watch()
        if self._reading.is_alive() and not self._interrupts.count:
            self.failure = f"The source did not stop within {_CLOSE_SECONDS:.0f} s; the run ended without it."
        return source_ended

    def raise_unexpected(self, expected: type[Exception] | None = None) -> None:
        """Raise the error that ended a thread, unless it was expected."""
        for error in (self._reading.error, self._closing.error):
            if error and not (expected and isinstance(error, expected)):
                raise error


def _finish(
    publisher: "Publisher",
    publishing: _Worker,
    interrupts: _Interrupts,
    watch: Callable[[], None],
    *,
    drain_deadline: float,
) -> None:
    """Send queued events until `drain_deadline` (monotonic) or a signal, and then for `FLUSH_SECONDS`."""
    deadline = math.inf
    publisher.finish(None)
    while publishing.is_alive() and interrupts.count < 2 and time.monotonic() < deadline:
        if deadline == math.inf and (interrupts.count or time.monotonic() >= drain_deadline):
            publisher.finish(FLUSH_SECONDS)
            # A hanging call is not waited for: its records stay in the spool.
            deadline = time.monotonic() + FLUSH_SECONDS + 1
        publishing.join(_TICK_SECONDS)
        watch()
    publisher.finish(0)


def _progress(
    reader: Reader, spool: Spool, publisher: "Publisher", elapsed: float, spent: float | None
) -> Progress:
    return Progress(
        received=spool.appended + reader.rejected,
        replayed=spool.replayed,
        sent=spool.acknowledged,
        waiting=spool.waiting,
        rejected=reader.rejected,
        retried=publisher.retried,
        elapsed=elapsed,
        newest=publisher.newest,
        answers=tuple(publisher.answer_seconds),
        trouble=publisher.trouble or spool.blocked,
        spent=spent,
    )
