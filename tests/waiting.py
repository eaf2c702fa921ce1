"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(look: Callable[[], Value], seconds: float = 30) -> Value:
    """What ``look`` returns as soon as it is true, or at the end of the time."""
    end = time.monotonic() + seconds
    while not (value := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return value
