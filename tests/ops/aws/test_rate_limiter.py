"""The rate limiter spreads records over time."""

import threading

import pytest

from ops.aws.rate_limiter import RateLimiter


class Clock(threading.Event):
    """An event that is never set, on a clock that only its waits move."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return False


def test_the_limiter_lets_no_more_records_a_second_through_than_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock)
    monkeypatch.setattr("ops.aws.rate_limiter.time.monotonic", lambda: clock.now)
    times = []
    for records in (50, 100, 10):
        limiter.wait(records)
        times.append(clock.now)

    assert times == [0.0, 0.5, 1.5]


def test_an_interruption_ends_the_wait() -> None:
    stop = threading.Event()
    limiter = RateLimiter(1, stop)
    limiter.wait(3_600)
    stop.set()

    limiter.wait(1)  # otherwise an hour, longer than a test may take
