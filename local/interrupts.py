"""Delays Ctrl-C and SIGTERM during imports, which they could leave half done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay interrupts until the block ends.

    An interrupt in the middle of an import may leave an import lock held, on which another thread would then
    wait forever. One while boto3 reads its models may strike in a callback of the garbage collector, where
    Python ignores it.
    """
    held_back: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: held_back.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) != signal.SIG_IGN  # as Ctrl-C is in a script's background job
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held_back:
        raise KeyboardInterrupt
