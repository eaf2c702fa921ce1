"""Ctrl-C at a moment at which Python ignores it."""

import _thread
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SOON = 0.01
"""Seconds after which the finalizer has ended; if another one runs then, it is the same again."""


def heed_interrupts() -> None:
    """Raise a KeyboardInterrupt again that struck in a finalizer or a callback of the garbage collector.

    Python prints such an exception and goes on ([sys.unraisablehook]), so that a command would not stop: many
    connections are closed by a finalizer.

    [sys.unraisablehook]: https://docs.python.org/3/library/sys.html#sys.unraisablehook
    """

    def hook(ignored: "UnraisableHookArgs") -> None:
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            again = threading.Timer(_SOON, _thread.interrupt_main)
            again.daemon = True
            again.start()
        else:
            sys.__unraisablehook__(ignored)

    sys.unraisablehook = hook
