"""What is sent is spread over time."""

import threading

import pytest

from ops.aws.pace import Pace


class Clock(threading.Event):
    """An event that is never set, on a clock that only its waits move."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return False


def test_no_more_records_a_second_than_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    pace = Pace(100, clock)
    monkeypatch.setattr("ops.aws.pace.time.monotonic", lambda: clock.now)
    times = []
    for records in (50, 100, 10):
        pace.wait(records)
        times.append(clock.now)

    assert times == [0.0, 0.5, 1.5]


def test_an_interruption_ends_the_wait() -> None:
    stop = threading.Event()
    pace = Pace(1, stop)
    pace.wait(3_600)
    stop.set()

    pace.wait(1)  # otherwise an hour, longer than a test may take
