"""The numbers of a run, as the displays show them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_RATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of a run so far: `received + replayed = sent + waiting + rejected`.

    Attributes:
        elapsed: seconds since the start.
        newest: the own time of the event acknowledged last; None if it has none.
        answers: durations of the last calls, in seconds.
        trouble: the reason why the producer is waiting, or None.
        spent: dollars that the source charges at most, by an estimate; None if it charges nothing.
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
    spent: float | None = None


class Rate:
    """The number of events received per second, over the last few seconds."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque([(0.0, 0)])

    def update(self, progress: Progress) -> float:
        """Add a measurement and return the rate."""
        self._points.append((progress.elapsed, progress.received))
        while len(self._points) > 2 and progress.elapsed - self._points[0][0] > _RATE_SECONDS:
            self._points.popleft()
        since, received = self._points[0]
        return (progress.received - received) / max(progress.elapsed - since, 0.001)


def lag_seconds(time: str | None) -> float | None:
    """Return the age of an event of that time, in seconds."""
    if time is None:
        return None
    return round((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds(), 1)


def median(values: Sequence[float]) -> float:
    """Return the middle value; importing the standard library's median would take longer than the rest."""
    return sorted(values)[len(values) // 2]
