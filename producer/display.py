"""What a person sees while the producer runs: a live panel on a terminal, JSON lines elsewhere; on stderr."""

import json
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

_RATE_SECONDS = 5.0
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
    if not sys.stderr.isatty():
        return JsonDisplay(title)
    from producer.terminal import TerminalDisplay  # rich takes time to import, and is for people only

    return TerminalDisplay(title)


class JsonDisplay:
    """One JSON object a line: `time`, `message` and, in `progress` and `summary`, the numbers."""

    def __init__(self, title: str) -> None:
        self._rate = Rate()
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
        members = asdict(progress) | {"rate": round(rate, 1), "lag": lag_seconds(progress.newest)}
        answers = members.pop("answers")
        members["answer"] = round(median(answers), 4) if answers else None
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


class Rate:
    """Tweets received a second over the last few seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque([(0.0, 0)])

    def update(self, progress: Progress) -> float:
        """The rate, `progress` included."""
        self._points.append((progress.elapsed, progress.received))
        while len(self._points) > 2 and progress.elapsed - self._points[0][0] > _RATE_SECONDS:
            self._points.popleft()
        since, received = self._points[0]
        return (progress.received - received) / max(progress.elapsed - since, 0.001)


def lag_seconds(created_at: str | None) -> float | None:
    """How old a tweet of that time is now."""
    if created_at is None:
        return None
    return round((datetime.now(UTC) - datetime.fromisoformat(created_at)).total_seconds(), 1)


def median(values: Sequence[float]) -> float:
    """The middle one; the standard library's would take longer to import than all else here."""
    return sorted(values)[len(values) // 2]
