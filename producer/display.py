"""What a person sees while the producer runs: a live panel on a terminal, JSON lines elsewhere; on stderr."""

import json
import statistics
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

_RATE_SECONDS = 5.0
_REFRESH_SECONDS = 0.25
_LOG_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of a run so far: `received + replayed = sent + waiting + rejected`.

    Times are in seconds; `newest` is `created_at` of the tweet acknowledged last; `trouble` is why the
    producer is waiting, or None.
    """

    received: int
    replayed: int
    sent: int
    waiting: int
    rejected: int
    retried: int
    elapsed: float
    newest: str | None
    answers: Sequence[float]
    trouble: str | None


class Display(Protocol):
    """Where a run shows itself; `note` is called from any thread."""

    def note(self, message: str) -> None:
        """Say something once."""

    def progress(self, progress: Progress) -> None:
        """Show the numbers, when it is time to."""

    def end(self, summary: str, numbers: Mapping[str, object], messages: Sequence[str]) -> None:
        """Show the summary, in words or in numbers, and what the person should know or do now."""


def display(title: str) -> Display:
    """The display that fits what stderr is."""
    return TerminalDisplay(title) if sys.stderr.isatty() else JsonDisplay(title)


class JsonDisplay:
    """One JSON object a line: `time`, `message` and, in `progress` and `summary`, the numbers."""

    def __init__(self, title: str) -> None:
        self._rate = _Rate()
        self._shown = 0.0
        self._write(title)

    def note(self, message: str) -> None:
        """Log a message."""
        self._write(message)

    def progress(self, progress: Progress) -> None:
        """Log the numbers every ten seconds."""
        rate = self._rate.update(progress)
        if progress.elapsed - self._shown < _LOG_SECONDS:
            return
        self._shown = progress.elapsed
        members = asdict(progress) | {"rate": round(rate, 1), "lag": _lag(progress.newest)}
        answers = members.pop("answers")
        members["answer"] = round(statistics.median(answers), 4) if answers else None
        self._write("progress", **members)

    def end(self, summary: str, numbers: Mapping[str, object], messages: Sequence[str]) -> None:
        """Log the messages, and the summary as the last line."""
        for message in messages:
            self._write(message)
        self._write("summary", text=summary, **numbers)

    def _write(self, message: str, **members: object) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "message": message} | members
        sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")  # one write: threads do not mix lines
        sys.stderr.flush()


class TerminalDisplay:
    """Four lines that stay at the bottom, below the messages."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rate = _Rate()
        self._shown = -_REFRESH_SECONDS
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)

    def note(self, message: str) -> None:
        """Print a message above the numbers."""
        self._console.print(Text(message))

    def progress(self, progress: Progress) -> None:
        """Redraw the numbers four times a second."""
        rate = self._rate.update(progress)
        if progress.elapsed - self._shown >= _REFRESH_SECONDS:
            self._shown = progress.elapsed
            self._live.start()
            self._live.update(self._render(progress, rate), refresh=True)

    def end(
        self,
        summary: str,
        numbers: Mapping[str, object],  # noqa: ARG002  -- the words say the same
        messages: Sequence[str],
    ) -> None:
        """Leave the last numbers on the screen, and print the summary below."""
        self._live.stop()
        self._console.print(Text(f"Done: {summary}.", style="bold"), soft_wrap=True)
        for message in messages:
            self._console.print(Text(message, style="yellow"), soft_wrap=True)

    def _render(self, now: Progress, rate: float) -> Group:
        elapsed = timedelta(seconds=int(now.elapsed))
        lag = _lag(now.newest)
        lines = [
            Text(f"{self._title}  {elapsed}", style="bold"),
            Text.assemble(
                *_field("received", f"{now.received:,}"),
                *_field("sent", f"{now.sent:,}", "green"),
                *_field("waiting", f"{now.waiting:,}", "yellow" if now.trouble else ""),
                *_field("retried", f"{now.retried:,}"),
                *_field("rejected", f"{now.rejected:,}", "red" if now.rejected else ""),
            ),
            Text.assemble(
                *_field("rate", f"{rate:,.0f}/s"),
                *_field("lag", "-" if lag is None else _span(lag)),
                *_field("answers", _answers(now.answers)),
            ),
            Text(f"Waiting: {now.trouble}" if now.trouble else "", style="yellow"),
        ]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)


class _Rate:
    """Tweets received a second over the last few seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque([(0.0, 0)])

    def update(self, progress: Progress) -> float:
        self._points.append((progress.elapsed, progress.received))
        while len(self._points) > 2 and progress.elapsed - self._points[0][0] > _RATE_SECONDS:
            self._points.popleft()
        since, received = self._points[0]
        return (progress.received - received) / max(progress.elapsed - since, 0.001)


def _lag(created_at: str | None) -> float | None:
    if created_at is None:
        return None
    return round((datetime.now(UTC) - datetime.fromisoformat(created_at)).total_seconds(), 1)


def _field(name: str, value: str, style: str = "") -> tuple[tuple[str, str], ...]:
    return (f"{name} ", "dim"), (value, style), ("   ", "")


def _answers(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"{statistics.median(seconds) * 1000:,.0f} ms, slowest {max(seconds) * 1000:,.0f} ms"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=int(seconds)))
