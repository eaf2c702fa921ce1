"""Keeps a long-lived stream connected: interruptions, back-off, reconnection."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, TypeVar

from producer.errors import ProducerError, SourceError

T = TypeVar("T")
Kind = Literal["network", "drop", "http", "rate"]


class Interrupted(ProducerError):  # noqa: N818  -- an event of every long-lived stream, not a defect
    """A connection failed or ended, and another attempt may succeed; the message says why.

    Attributes:
        kind: which back-off applies.
        reset: when the service accepts requests again, in seconds since the epoch; None if unknown.
    """

    def __init__(self, kind: Kind, message: str, reset: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Backoff:
    """The back-off in seconds; the defaults are those of X (X API: "Handling disconnections", "Rate limits").

    Attributes:
        network: step of the waits while a service cannot be reached, up to `network_limit`.
        drop: first wait after a connection that the service had accepted; doubles up to `drop_limit`, so that a quarter
            of an hour has fewer than the 50 connections that X allows in it.
        http: first wait after an HTTP error; doubles up to `http_limit`.
        rate: first wait after a 429 that names no time; doubles up to `rate_limit`, one window of X's limits.
        silence: maximum time without any data, after which a connection is considered lost.
        stable: duration of a connection after which the waits begin anew.
    """

    network: float = 0.25
    network_limit: float = 16
    drop: float = 0.25
    drop_limit: float = 30
    http: float = 5
    http_limit: float = 320
    rate: float = 60
    rate_limit: float = 900
    silence: float = 30
    stable: float = 60

    def wait(self, interruption: Interrupted, attempt: int, now: float) -> float:
        """Return the seconds to wait; `attempt` counts the interruptions of this kind, from 1."""
        doublings = min(attempt, 16) - 1
        match interruption.kind:
            case "network":
                return min(self.network * attempt, self.network_limit)
            case "drop":
                return min(self.drop * 2.0**doublings, self.drop_limit)
            case "http":
                return min(self.http * 2.0**doublings, self.http_limit)
            case "rate":
                if interruption.reset is not None and 0 < interruption.reset - now <= self.rate_limit:
                    return interruption.reset - now
                return min(self.rate * 2.0**doublings, self.rate_limit)


DEFAULT_BACKOFF = Backoff()


def reconnecting(
    connection: Callable[[Callable[[], None]], Generator[T]],
    backoff: Backoff,
    stop: threading.Event,
    notify: Callable[[str], None],
) -> Generator[T]:
    """Yield the items of one connection after another, until `stop` is set or another error is raised.

    Args:
        connection: opens one, calls its argument when the service has accepted it, and yields its items.
        backoff: the waits between them.
        stop: ends a wait, and the generator.
        notify: called with messages for the user.

    Raises:
        SourceError: no connection was accepted before `stop` was set.
    """
    attempts: Counter[Kind] = Counter()  # since the last stable connection
    failure: str | None = None
    reached = False
    accepted_at = math.inf  # by a monotonic clock

    def accept() -> None:
        nonlocal reached, accepted_at
        reached, accepted_at = True, time.monotonic()

    while not stop.is_set():
        accepted_at = math.inf
        try:
            yield from connection(accept)
        except Interrupted as interruption:
            failure = str(interruption)
            if time.monotonic() - accepted_at >= backoff.stable:
                attempts.clear()
            attempts[interruption.kind] += 1
            seconds = backoff.wait(interruption, attempts[interruption.kind], time.time())
            if not stop.is_set():
                notify(f"{interruption}; reconnecting in {seconds:.3g} s")
                stop.wait(seconds)
    if failure and not reached:
        raise SourceError(f"Nothing was read: {failure}.")


def cause(error: BaseException) -> str:
    """Return the system's message inside nested connection errors, such as `Connection refused`."""
    message = "cut off in the middle"
    below: BaseException | None = error
    while below:
        if isinstance(below, OSError) and str(below):
            message = below.strerror or str(below)
        below = below.__cause__ or below.__context__
    return message
