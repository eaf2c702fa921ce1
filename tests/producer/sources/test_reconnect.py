"""The waits between connections."""

import threading
from collections.abc import Callable, Generator
from contextlib import nullcontext

import pytest

from producer.errors import SourceError
from producer.sources.reconnect import Backoff, Interrupted, Kind, cause, reconnecting


@pytest.mark.parametrize(
    ("kind", "waits"),
    [
        ("network", {1: 0.25, 2: 0.5, 3: 0.75, 64: 16, 65: 16, 10_000: 16}),
        ("drop", {1: 0.25, 2: 0.5, 3: 1, 7: 16, 8: 30, 10_000: 30}),
        ("http", {1: 5, 2: 10, 3: 20, 7: 320, 8: 320, 10_000: 320}),
        ("rate", {1: 60, 2: 120, 3: 240, 5: 900, 10_000: 900}),
    ],
)
def test_the_waits_are_those_that_x_requires(kind: Kind, waits: dict[int, float]) -> None:
    interruption = Interrupted(kind, "")
    assert {attempt: Backoff().wait(interruption, attempt, now=0) for attempt in waits} == waits


@pytest.mark.parametrize(
    ("reset", "wait"),
    [(1_030, 30), (1_900, 900), (1_000, 60), (900, 60), (1_901, 60), (None, 60)],
    ids=["soon", "a window away", "now", "past", "beyond a window", "unknown"],
)
def test_a_rate_limit_ends_at_its_reset_if_that_is_plausible(reset: float | None, wait: float) -> None:
    assert Backoff().wait(Interrupted("rate", "", reset), attempt=1, now=1_000) == wait


def test_connections_that_are_dropped_at_once_stay_within_the_fifty_of_a_quarter_of_an_hour() -> None:
    drop = Interrupted("drop", "")
    assert sum(Backoff().wait(drop, attempt, now=0) for attempt in range(1, 51)) > 900


def notes_of_waits(plan: list[tuple[Kind, bool]], stable: float) -> list[str]:
    """The waits of connections that fail like this, the accepted ones after an item."""
    stop, notes, steps = threading.Event(), list[str](), iter(plan)

    def connection(accept: Callable[[], None]) -> Generator[str]:
        kind, is_accepted = next(steps, (None, False))
        if kind is None:
            stop.set()
            return
        if is_accepted:
            accept()
            yield "something"
        raise Interrupted(kind, kind)

    backoff = Backoff(network=0.001, drop=0.003, http=0.01, stable=stable)
    items = list(reconnecting(connection, backoff, stop, notes.append))
    assert len(items) == sum(is_accepted for _, is_accepted in plan)
    return [note.rpartition(" in ")[2] for note in notes]


def test_the_waits_of_each_kind_grow_while_no_connection_is_stable() -> None:
    plan: list[tuple[Kind, bool]] = [
        ("network", False), ("drop", True), ("network", False), ("drop", True), ("http", False), ("drop", True),
    ]  # fmt: skip
    waits = ["0.001 s", "0.003 s", "0.002 s", "0.006 s", "0.01 s", "0.012 s"]
    assert notes_of_waits(plan, stable=3_600) == waits


def test_the_waits_begin_anew_after_a_stable_connection() -> None:
    plan: list[tuple[Kind, bool]] = [
        ("network", False),
        ("network", False),
        ("drop", True),
        ("network", False),
    ]
    assert notes_of_waits(plan, stable=0) == ["0.001 s", "0.002 s", "0.003 s", "0.001 s"]


@pytest.mark.parametrize("reached", [True, False])
def test_a_service_that_was_never_reached_is_an_error_at_the_end(reached: bool) -> None:
    stop = threading.Event()

    def connection(connected: Callable[[], None]) -> Generator[str]:
        if reached:
            connected()
        stop.set()
        raise Interrupted("network", "out of reach")
        yield

    items = reconnecting(connection, Backoff(), stop, pytest.fail)
    with nullcontext() if reached else pytest.raises(SourceError, match=r"Nothing was read: out of reach\."):
        assert list(items) == []


def test_the_cause_is_the_first_message_of_the_system() -> None:
    error = OSError("HTTPConnectionPool: Max retries exceeded")
    error.__context__ = ConnectionRefusedError(111, "Connection refused")
    assert cause(error) == "Connection refused"


def test_an_error_without_a_message_of_the_system_is_a_cut() -> None:
    assert cause(ValueError("IncompleteRead")) == "cut off in the middle"
