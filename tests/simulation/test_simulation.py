"""The worlds keep their laws, and the simulation finds deliberate defects; `make simulate` runs many more worlds."""

from dataclasses import replace

import pytest

from tests.simulation import laws, search
from tests.simulation.defects import DEFECTS, Defect
from tests.simulation.events import EVENT_TYPES
from tests.simulation.history import HORIZON, Arrival, Setup, draw
from tests.simulation.laboratory import live

pytestmark = pytest.mark.usefixtures("laboratory")

QUIET = Setup(
    spool_limit=64_000,
    batch_size=10,
    batching_window=0,
    bisect=True,
    maximum_retries=2,
    maximum_age=60,
)


def test_twenty_five_worlds_keep_every_law() -> None:
    failure = search.find(range(25))

    assert failure is None, search.shrink(failure)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_in_a_world_without_faults_each_event_is_stored_by_an_invocation_that_succeeds(
    event_type: str,
) -> None:
    arrivals = [Arrival(number / 10, "ada", number, 1 + number % 3) for number in range(50)]

    world = live(1, replace(QUIET, event_type=event_type), arrivals)

    ada = world.events.partition_key("ada")
    assert world.table.rows == {(ada, str(number)): 1 + number % 3 for number in range(50)}
    assert world.invocations
    assert all(invocation.failed is None for invocation in world.invocations)
    assert (world.bucket.created, world.notes, world.errors) == ([], [], [])


def test_a_seed_always_gives_the_same_run() -> None:
    setup, events = draw(7)

    first, second = (live(7, setup, events) for _ in range(2))

    assert first.kinesis.puts == second.kinesis.puts
    assert first.invocations == second.invocations
    assert first.kinesis.puts


def test_the_worlds_are_of_every_kind() -> None:
    kinds = {type(event).__name__ for seed in range(100) for event in draw(seed)[1]}

    assert kinds == {
        *(
            "Arrival",
            "AwsFault",
            "Crash",
            "Deletion",
            "Foreign",
            "FullDisk",
            "MappingChange",
            "Redrive",
            "Reshard",
        ),
        *("Expiry", "Replay"),
    }
    assert {draw(seed)[0].event_type for seed in range(100)} == set(EVENT_TYPES)
    assert {draw(seed)[0].filtered for seed in range(100)} == {False, True}
    assert all(event.at <= HORIZON for seed in range(100) for event in draw(seed)[1])


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=list(DEFECTS))
def test_a_deliberate_defect_is_found_within_300_seeds(defect: Defect) -> None:
    with defect():
        assert search.find(range(300))


def test_no_event_of_a_shrunk_history_can_be_left_out() -> None:
    with DEFECTS["the function forgets unprocessed items"]():
        whole = search.find(range(300))
        assert whole
        failure = search.shrink(whole)

        law = failure.violations[0].partition(":")[0]
        for left_out in failure.events:
            events = [event for event in failure.events if event is not left_out]
            assert not any(line.startswith(law) for line in search.run(failure.seed, failure.setup, events))
    assert len(failure.events) < len(whole.events)
    assert f"seed {failure.seed}" in str(failure)


def test_a_law_is_broken_by_a_row_that_vanishes() -> None:
    world = live(1, QUIET, [Arrival(0.0, "ada", 1, 1)])
    world.table.rows.clear()

    assert laws.violations(world) == ["each_event_is_accounted_for: lost: ada/1 v1"]
