"""Delays Ctrl-C and SIGTERM while they could leave something half done."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[Sequence[int]]:
    """Delay interrupts until the block ends, which may look at those that wait, and end sooner; then raise.

    An interrupt in the middle of an import may leave an import lock held, on which another thread would then
    wait forever. One while boto3 reads its models may strike in a callback of the garbage collector, where
    Python ignores it. In a thread other than the main one nothing is delayed, because Python interrupts none.
    """
    held_back: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held_back
        return
    before = {
        number: signal.signal(number, lambda number, _frame: held_back.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) != signal.SIG_IGN  # as Ctrl-C is in a script's background job
    }
    try:
        yield held_back
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held_back:
            raise KeyboardInterrupt
