"""Limits the rate at which a command sends records."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def rate_option(default: int, scope: str = "") -> Callable[[F], F]:
    """Add the option `--rate` to a command, as its parameter `rate`; `scope` says of what."""
    return click.option(
        "--rate",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        metavar="N",
        help=f"Maximum number of records per second{scope}.",
    )


class RateLimiter:
    """A limit of records per second.

    Args:
        rate: records per second.
        stop: when set, `wait` returns at once.
    """

    def __init__(self, rate: int, stop: threading.Event) -> None:
        self.rate = rate
        self._stop = stop
        self._not_before = 0.0

    def wait(self, records: int) -> None:
        """Wait until the rate permits the next records, and count these for the wait after it."""
        now = time.monotonic()
        self._stop.wait(max(0.0, self._not_before - now))
        self._not_before = max(now, self._not_before) + records / self.rate
