"""Ctrl-C: commands that change something end at a safe place, and no thread holds up the end."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C or SIGTERM sets, which tells the user so; the second ends the process.

    Where Ctrl-C is ignored, as in a script's background job, it stays ignored.
    """
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if before[signal.SIGINT] == signal.SIG_IGN:
        del before[signal.SIGINT]

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        # Not by a console: this may interrupt one that is writing. Not on a thread: its end could swallow a Ctrl-C.
        with suppress(OSError):
            os.write(2, b"Stopping after the current call; press Ctrl-C again to quit now.\n")

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class DaemonPool(Executor):
    """Executor on daemon threads, so that Ctrl-C ends a command while AWS is silent.

    A ThreadPoolExecutor waits for its threads when its block is interrupted, and again when the process ends.
    """

    def __init__(self, threads: int) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function on the next free thread; return its future result."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 # raised to whoever asks for the result
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(call)
        return future

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the calls, unless Ctrl-C ended the block, or the generator that has it."""
        for _ in self._threads:
            self._calls.put(None)
        if kind not in (KeyboardInterrupt, GeneratorExit):
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while call := self._calls.get():
            call()


def run_parallel(function: Callable[[T], R], items: Collection[T], threads: int) -> Iterator[R]:
    """Yield a function's result for each item, in order, with `threads` calls at most at the same time.

    No more calls than that are made ahead of the caller, so that few results are in memory.
    """
    pending: deque[Future[R]] = deque()
    with DaemonPool(min(threads, len(items))) as pool:
        for item in items:
            if len(pending) == threads:
                yield pending.popleft().result()
            pending.append(pool.submit(function, item))
        while pending:
            yield pending.popleft().result()
