"""Ctrl-C and SIGTERM: delayed where they could leave something half done, and heeded where Python ignores them."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SOON = 0.01
"""Seconds after which the finalizer has ended; if another one runs then, it is the same again."""


def heed_interrupts() -> None:
    """Raise a KeyboardInterrupt again that struck in a finalizer or a callback of the garbage collector.

    Python prints such an exception and continues ([sys.unraisablehook]), so that a command would not stop: many
    connections are closed by a finalizer.

    [sys.unraisablehook]: https://docs.python.org/3/library/sys.html#sys.unraisablehook
    """

    def hook(ignored: "UnraisableHookArgs") -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            # A signal to the thread itself ends a system call, too.
            again = threading.Timer(
                _SOON, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
            )
            again.daemon = True
            again.start()
        else:
            sys.__unraisablehook__(ignored)

    sys.unraisablehook = hook


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
