"""The scheduler: virtual time, one task at a time, and processes that die without a trace."""

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.simulation.scheduler import (
    Condition,
    Event,
    Executor,
    Lock,
    Process,
    Scheduler,
    StuckError,
    Thread,
    current,
    simulation,
    stand_ins,
)


def run(work: Callable[[], object], seed: int = 1) -> Scheduler:
    with simulation(seed) as scheduler:
        scheduler.run(work)
        return scheduler


def test_time_passes_only_while_every_task_waits() -> None:
    assert run(lambda: current().park(3_600)).now == 3_600


def test_a_task_that_ends_does_not_resume_its_starter() -> None:
    def work() -> None:
        current().spawn(lambda: None, Process("part"))
        assert not current().park(5)

    assert run(work).now == 5


def test_a_wait_ends_at_its_timeout_or_at_a_notification() -> None:
    seen = []

    def work() -> None:
        event = Event()
        seen.append((event.wait(2), current().now))

        def set_later() -> None:
            current().park(1)
            event.set()

        Thread(target=set_later).start()
        seen.append((event.wait(5), current().now))

    run(work)

    assert seen == [(False, 2.0), (True, 3.0)]


def test_a_task_that_takes_a_lock_again_and_again_without_waiting_spins() -> None:
    def work() -> None:
        lock = Lock()
        while True:
            with lock:
                pass

    with pytest.raises(StuckError, match="spins"):
        run(work)


def test_a_lock_excludes_other_tasks_and_not_its_owner() -> None:
    order = []

    def work() -> None:
        lock = Lock()

        def hold(name: str) -> None:
            with lock, lock:
                order.append(name)
                current().park(1)
                order.append(name)

        with Executor(2) as pool:
            list(pool.map(hold, "ab"))

    run(work)

    assert "".join(order) in ("aabb", "bbaa")


def test_a_condition_releases_its_lock_while_a_task_waits() -> None:
    values: list[int] = []

    def work() -> None:
        changed = Condition()

        def add() -> None:
            with changed:
                values.append(1)
                changed.notify_all()

        Thread(target=add).start()
        with changed:
            assert changed.wait_for(lambda: bool(values), 5)

    assert run(work).now == 0


def test_a_pool_runs_one_call_per_worker_at_once() -> None:
    def work() -> None:
        with Executor(2) as pool:
            assert list(pool.map(lambda seconds: current().park(seconds), [1, 1, 1])) == [False] * 3

    assert run(work).now == 2


def test_the_error_of_a_call_is_raised_by_its_result() -> None:
    def work() -> None:
        with Executor(1) as pool:
            future = pool.submit(int, "x")
            with pytest.raises(ValueError, match="invalid literal"):
                future.result()

    run(work)


def test_a_killed_process_runs_no_further_and_not_even_its_finally_blocks() -> None:
    done = []

    def work() -> None:
        victim = Process("victim")

        def live() -> None:
            try:
                current().park(10)
            finally:
                done.append(current().process.alive)

        current().spawn(live, victim)
        current().park(1)
        current().kill(victim)
        current().park(100)
        assert done == []

    run(work)


def test_a_world_in_which_every_task_waits_is_stuck() -> None:
    with pytest.raises(StuckError, match="every task waits"):
        run(lambda: current().park())


def test_a_task_whose_waits_end_at_once_spins() -> None:
    def work() -> None:
        event = Event()
        while not event.wait(0):
            pass

    with pytest.raises(StuckError, match="world spins"):
        run(work)


def test_the_error_of_a_task_is_kept_with_its_process() -> None:
    def work() -> None:
        current().spawn(lambda: 1 // 0, Process("part"))
        current().park(1)

    ((process, error),) = run(work).errors

    assert process == "part"
    assert isinstance(error, ZeroDivisionError)


def test_a_thread_that_another_test_left_running_keeps_the_real_clock() -> None:
    module: Any = ModuleType("module")
    module.time = time
    times: list[float] = []

    def work() -> None:
        other = threading.Thread(target=lambda: times.append(module.time.time()))
        other.start()
        other.join()
        times.append(module.time.monotonic())

    with stand_ins([module]):
        run(work)

    assert abs(times[0] - time.time()) < 60
    assert times[1] == 0.0
