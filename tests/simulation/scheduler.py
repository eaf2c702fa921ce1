"""Runs threaded code on a virtual clock, one task at a time, in an order that a seed decides.

`stand_ins` replaces `time`, `threading`, `random`, `ThreadPoolExecutor` and `wait` in some modules. Each thread is then
a greenlet: it runs until it waits, for a lock, a time-out or an answer of AWS, and the seed chooses which task resumes.
Threads that other tests left running in this process keep the real ones.
The same seed gives the same run. A killed process never runs again, not even its `finally` blocks, as after `kill -9`.
Races of two threads between two waits are not simulated: `tests/producer/test_stress.py` is for that.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, Self
from unittest import mock

from greenlet import GreenletExit, getcurrent, greenlet

EPOCH = 1_795_000_000.0
"""The wall clock's time at the virtual clock's 0."""
MAX_STEPS = 500_000
"""A world that takes more does not come to rest."""
MAX_WAITS = 10_000
"""A task that waits as often without letting others run spins: a thread would use a whole CPU."""


class StuckError(Exception):
    """The world does not come to rest: no task can ever run again, or they run without an end."""


class Process:
    """A group of tasks that are killed together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True


class _Task:
    """A thread."""

    def __init__(self, work: Callable[[], object], process: Process, hub: greenlet) -> None:
        self.process = process
        self.done = False
        self.error: Exception | None = None
        self.woken = False
        self.ticket = 0
        self.joining: list[_Task] = []
        self.greenlet = greenlet(
            self._run, hub
        )  # not its starter's child, whose end would resume the starter
        self._work = work

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  -- the world reports it
            self.error = error
        self.done = True
        scheduler = current()
        scheduler.errors += [(self.process.name, self.error)] if self.error else []
        for task in self.joining:
            scheduler.wake(task)


class Scheduler:
    """The tasks of one world.

    Attributes:
        now: seconds since the start of the world.
        chance: the seed's choices.
        errors: what ended a task, with the name of its process.
    """

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.errors: list[tuple[str, Exception | None]] = []
        self._ready: list[_Task] = []
        self._timers: list[tuple[float, int, _Task, int]] = []
        self._numbers = itertools.count()
        self._tasks: list[_Task] = []
        self._task: _Task | None = None
        self._hub = getcurrent()
        self._closing = False
        self._waits = 0  # since the running task was chosen

    @property
    def process(self) -> Process:
        """The process of the running task."""
        assert self._task is not None
        return self._task.process

    def spawn(self, work: Callable[[], object], process: Process) -> _Task:
        """Start a task."""
        task = _Task(work, process, self._hub)
        self._tasks.append(task)
        self._ready.append(task)
        return task

    def park(self, timeout: float | None = None) -> bool:
        """Let others run until `wake`, or for some seconds; return False on time-out."""
        if self._closing:
            raise GreenletExit
        task = self._task
        assert task is not None
        task.ticket += 1
        task.woken = False
        if timeout is not None:
            due = self.now + max(0.0, timeout)
            heapq.heappush(self._timers, (due, next(self._numbers), task, task.ticket))
        self._hub.switch()
        if self._closing:
            raise GreenletExit
        return task.woken

    def count_wait(self) -> None:
        """Count a wait that may have been over at once.

        Raises:
            StuckError: the running task does nothing else.
        """
        self._waits += 1
        if self._waits > MAX_WAITS:
            raise StuckError(f"{self.process.name} spins, after {self.now:,.0f} seconds")

    def wake(self, task: _Task) -> None:
        """Make a parked task ready."""
        if not task.woken and not task.done:
            task.ticket += 1
            task.woken = True
            self._ready.append(task)

    def kill(self, process: Process) -> None:
        """End a process at once; does not return to a task of that process."""
        process.alive = False
        if self._task is not None and self._task.process is process:
            self.park()

    def join(self, task: _Task, timeout: float | None = None) -> bool:
        """Wait for the end of a task; return False on time-out."""
        deadline = None if timeout is None else self.now + timeout
        while not task.done:
            assert self._task is not None
            task.joining.append(self._task)
            left = None if deadline is None else deadline - self.now
            if not self.park(left) and not task.done:
                return False
        return True

    def run(self, work: Callable[[], object]) -> None:
        """Run until `work`, the world's own task, returns.

        Raises:
            StuckError: it never would.
        """
        main = self.spawn(work, Process("world"))
        for _ in range(MAX_STEPS):
            if main.done:
                break
            self._step()
        else:
            raise StuckError(f"no rest after {MAX_STEPS:,} steps and {self.now:,.0f} seconds")
        if main.error:
            raise main.error

    def close(self) -> None:
        """Unwind every task, without letting any of them wait again."""
        self._closing = True
        for task in self._tasks:
            if task.greenlet:
                self._task = task
                task.greenlet.throw()

    def _step(self) -> None:
        if not self._ready:
            self._pass_time()
        index = self.chance.randrange(len(self._ready))
        task = self._ready[index]
        self._ready[index] = self._ready[-1]
        self._ready.pop()
        if task.process.alive and not task.done:
            self._task, self._waits = task, 0
            task.greenlet.switch()

    def _pass_time(self) -> None:
        while self._timers:
            due, _, task, ticket = heapq.heappop(self._timers)
            if task.ticket == ticket and task.process.alive:
                self.now = max(self.now, due)
                self._ready.append(task)
                return
        raise StuckError(f"every task waits for another, after {self.now:,.0f} seconds")


_scheduler: Scheduler | None = None
_thread = 0  # in which its greenlets run


def is_simulated() -> bool:
    """Tell whether this runs in a task of a world, and not in a thread of its own."""
    return _scheduler is not None and threading.get_ident() == _thread


def in_simulation(stand_in: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls the stand-in in a world, and the real one elsewhere."""
    return lambda *arguments, **named: (stand_in if is_simulated() else real)(*arguments, **named)


def current() -> Scheduler:
    """The scheduler of the world that runs."""
    assert _scheduler is not None, "no simulation is running"
    return _scheduler


@contextmanager
def simulation(seed: int) -> Iterator[Scheduler]:
    """A scheduler for the extent of one world."""
    global _scheduler, _thread
    outer, _scheduler, _thread = _scheduler, Scheduler(seed), threading.get_ident()
    try:
        yield _scheduler
    finally:
        _scheduler.close()
        _scheduler = outer


class Lock:
    """`threading.RLock`."""

    def __init__(self) -> None:
        self._owner: _Task | None = None
        self._depth = 0
        self._waiting: list[_Task] = []

    def __enter__(self) -> Self:
        scheduler = current()
        scheduler.count_wait()
        task = scheduler._task
        while self._owner is not task and self._owner is not None and self._owner.process.alive:
            assert task is not None
            self._waiting.append(task)
            scheduler.park()
        self._owner = task
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            if self._waiting:
                current().wake(self._waiting.pop(0))

    def _release_all(self) -> int:
        depth, self._depth = self._depth, 1
        self.__exit__()
        return depth


class Condition(Lock):
    """`threading.Condition`."""

    def __init__(self) -> None:
        super().__init__()
        self._notified: list[_Task] = []

    def wait(self, timeout: float | None = None) -> bool:
        scheduler = current()
        assert scheduler._task is not None
        self._notified.append(scheduler._task)
        depth = self._release_all()
        woken = scheduler.park(timeout)
        self.__enter__()
        self._depth = depth
        return woken

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        deadline = None if timeout is None else current().now + timeout
        while not (result := predicate()):
            left = None if deadline is None else deadline - current().now
            if left is not None and left <= 0:
                break
            self.wait(left)
        current().count_wait()
        return result

    def notify_all(self) -> None:
        notified, self._notified = self._notified, []
        for task in notified:
            current().wake(task)


class Event:
    """`threading.Event`."""

    def __init__(self) -> None:
        self._set = False
        self._changed = Condition()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._changed.notify_all()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        with self._changed:
            return self._changed.wait_for(self.is_set, timeout)


class Thread:
    """`threading.Thread`."""

    def __init__(
        self, target: Callable[[], object], name: str | None = None, *, daemon: bool | None = None
    ) -> None:
        self._target = target
        self._task: _Task | None = None

    def start(self) -> None:
        self._task = current().spawn(self._target, current().process)

    def join(self, timeout: float | None = None) -> None:
        assert self._task is not None
        current().join(self._task, timeout)

    def is_alive(self) -> bool:
        return self._task is not None and not self._task.done


class Future:
    """`concurrent.futures.Future` of a call."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._done = Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future], object]] = []

    def run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:  # noqa: BLE001  -- as the real one: raised where the result is asked for
            self._error = error
        self._done.set()
        for callback in self._callbacks:
            callback(self)

    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, timeout: float | None) -> None:
        self._done.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        self._done.wait(timeout)
        if self._error:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        self._done.wait()
        return self._error

    def add_done_callback(self, callback: "Callable[[Future], object]") -> None:
        if self.done():
            callback(self)
        else:
            self._callbacks.append(callback)


class Executor:
    """`concurrent.futures.ThreadPoolExecutor`."""

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        self._free = max_workers
        self._queue: list[Future] = []
        self._under_way: list[Future] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future:
        future = Future(lambda: call(*arguments))
        self._queue.append(future)
        self._under_way.append(future)
        if self._free:
            self._free -= 1
            current().spawn(self._work, current().process)
        return future

    def map(self, call: Callable[..., Any], *arguments: Iterable[Any]) -> Iterator[Any]:
        futures = [self.submit(call, *each) for each in zip(*arguments, strict=False)]
        return (future.result() for future in futures)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._queue.clear()
        if wait:
            for future in list(self._under_way):
                future.exception()

    def _work(self) -> None:
        while self._queue:
            future = self._queue.pop(0)
            future.run()
            self._under_way.remove(future)
        self._free += 1


class _Random:
    """The `random` module, with the seed's choices."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current().chance if is_simulated() else random, name)


def wait(futures: Iterable[Future], timeout: float | None = None) -> SimpleNamespace:
    """`concurrent.futures.wait`."""
    deadline = None if timeout is None else current().now + timeout
    waiting = list(futures)
    for future in waiting:
        future.wait(None if deadline is None else max(0.0, deadline - current().now))
    return SimpleNamespace(done={future for future in waiting if future.done()})


@contextmanager
def stand_ins(modules: Iterable[ModuleType]) -> Iterator[None]:
    """Replace waiting, the clock and randomness in some modules."""
    virtual_time = SimpleNamespace(
        monotonic=in_simulation(lambda: current().now, time.monotonic),
        perf_counter=in_simulation(lambda: current().now, time.perf_counter),
        time=in_simulation(lambda: EPOCH + current().now, time.time),
        time_ns=in_simulation(lambda: int((EPOCH + current().now) * 1e9), time.time_ns),
        gmtime=in_simulation(lambda: time.gmtime(EPOCH + current().now), time.gmtime),
        strftime=time.strftime,
        sleep=in_simulation(lambda seconds: current().park(seconds), time.sleep),
    )
    virtual_threading = SimpleNamespace(
        Lock=in_simulation(Lock, threading.Lock),
        RLock=in_simulation(Lock, threading.RLock),
        Condition=in_simulation(Condition, threading.Condition),
        Event=in_simulation(Event, threading.Event),
        Thread=in_simulation(Thread, threading.Thread),
    )
    replaced: dict[int, Any] = {
        id(time): virtual_time,
        id(threading): virtual_threading,
        id(ThreadPoolExecutor): in_simulation(Executor, ThreadPoolExecutor),
        id(futures.wait): in_simulation(wait, futures.wait),
        id(random): _Random(),
    }
    with ExitStack() as patches:
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in replaced:
                    patches.enter_context(mock.patch.object(module, name, replaced[id(value)]))
        yield
