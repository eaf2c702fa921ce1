"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 120
"""A bound against hanging, for any machine: a success never takes as long, however busy the machine is."""

Value = TypeVar("Value")


def eventually(look: Callable[[], Value]) -> Value:
    """Wait until the result of ``look`` is true, and return it.

    Raises:
        AssertionError: it is still false after `SECONDS`.
    """
    deadline = time.monotonic() + SECONDS
    while not (value := look()):
        assert time.monotonic() < deadline, f"still {value!r} after {SECONDS} s"
        time.sleep(0.02)
    return value
