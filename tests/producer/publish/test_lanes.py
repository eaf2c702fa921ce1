"""Lanes: which records are sent together, when throttled ones are sent again, and that each key keeps its order."""

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.publish.lanes import LANE_SECONDS, Lanes, backoff
from producer.spooling.entry import Entry

ALL = (500, 1 << 20)


def entry(position: int, key: str = "ada", size: int = 10) -> Entry:
    return Entry(position, position + 1, 0, key, b"{}", size)


def lanes_of(entries: Iterable[Entry]) -> Lanes:
    lanes = Lanes()
    lanes.add(list(entries))
    return lanes


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.1), (2, 0.2), (5, 1.6), (9, 20.0), (100_000, 20.0)])
def test_the_back_off_doubles_to_a_limit_and_half_of_it_is_random(attempt: int, longest: float) -> None:
    waits = [backoff(attempt, 0.1, 20) for _ in range(200)]

    assert longest / 2 <= min(waits) < max(waits) <= longest


def test_a_call_is_limited_in_records_and_in_bytes() -> None:
    lanes = lanes_of(entry(number, f"u{number}") for number in range(5))

    assert lanes.ready == 5
    assert [len(lanes.next_call(2, 1_000)), len(lanes.next_call(5, 25))] == [2, 2]
    assert (lanes.ready, lanes.held, lanes.held_bytes) == (1, 5, 50)


def test_calls_under_way_together_share_no_key() -> None:
    lanes = lanes_of([entry(1), entry(2, "grace"), entry(3)])
    first = lanes.next_call(1, 1_000)

    lanes.add([entry(4)])

    assert first == [entry(1)]
    assert lanes.next_call(*ALL) == [entry(2, "grace")]
    assert lanes.next_call(*ALL) == []
    lanes.settle(first, [], now=0)
    assert lanes.next_call(*ALL) == [entry(3), entry(4)]


def test_a_throttled_record_is_due_once_after_its_back_off() -> None:
    lanes = lanes_of([entry(1)])
    call = lanes.next_call(*ALL)

    lanes.settle(call, call, now=100)

    assert (lanes.ready, lanes.held, lanes.held_bytes) == (0, 1, 10)
    assert 100 + LANE_SECONDS[0] / 2 <= lanes.next_due() <= 100 + LANE_SECONDS[0]
    lanes.advance(100)
    assert lanes.next_call(*ALL) == []
    lanes.advance(101)
    assert lanes.next_call(*ALL) == [entry(1)]
    assert lanes.next_call(*ALL) == []


def test_newer_records_of_a_waiting_key_queue_and_those_of_other_keys_do_not() -> None:
    lanes = lanes_of([entry(1)])
    call = lanes.next_call(*ALL)
    lanes.settle(call, call, now=0)

    lanes.add([entry(2), entry(3, "grace")])

    assert lanes.next_call(*ALL) == [entry(3, "grace")]
    lanes.advance(1)
    lanes.settle(lanes.next_call(*ALL), [], now=1)  # first the throttled one, alone
    assert lanes.next_call(*ALL) == [entry(2)]


def test_a_key_is_forgotten_when_its_records_are_acknowledged() -> None:
    lanes = lanes_of([entry(1)])

    lanes.settle(lanes.next_call(*ALL), [], now=1)

    assert (lanes.held, lanes.held_bytes, lanes.ready, lanes.next_due()) == (0, 0, 0, math.inf)


def test_a_lane_that_is_mostly_accepted_continues_at_once_with_its_throttled_records_first() -> None:
    lanes = lanes_of(entry(number) for number in range(20))
    call = lanes.next_call(10, 1_000)

    lanes.settle(call, call[3:5], now=0)

    assert [entry.position for entry in lanes.next_call(5, 1_000)] == [3, 4, 10, 11, 12]


def test_a_lane_that_is_mostly_throttled_sends_as_many_as_were_accepted_and_then_more_again() -> None:
    lanes = lanes_of(entry(number) for number in range(100))
    call = lanes.next_call(*ALL)
    lanes.settle(call, call[8:], now=0)

    lanes.advance(1)
    call = lanes.next_call(*ALL)
    assert len(call) == 8
    lanes.settle(call, [], now=1)
    assert len(lanes.next_call(*ALL)) == 16


def test_each_throttled_call_in_a_row_doubles_the_wait() -> None:
    lanes, now = lanes_of([entry(1)]), 0.0
    for attempt in range(1, 12):
        lanes.advance(now)
        call = lanes.next_call(*ALL)
        lanes.settle(call, call, now)
        longest = min(LANE_SECONDS[0] * 2 ** (attempt - 1), LANE_SECONDS[1])
        assert longest / 2 <= lanes.next_due() - now <= longest
        now = lanes.next_due()


def test_throttled_keys_of_a_call_are_due_together() -> None:
    lanes = lanes_of(entry(number, f"u{number}") for number in range(50))
    call = lanes.next_call(*ALL)
    lanes.settle(call, call, now=0)

    lanes.advance(lanes.next_due())

    assert lanes.next_call(*ALL) == call


def test_a_call_that_failed_is_ready_again_in_order() -> None:
    lanes = lanes_of(entry(number) for number in range(6))
    call = lanes.next_call(3, 1_000)

    lanes.put_back(call)

    assert (lanes.ready, lanes.held) == (6, 6)
    assert [entry.position for entry in lanes.next_call(*ALL)] == list(range(6))


@given(st.integers(), st.integers(1, 60))
def test_each_key_is_sent_in_order_whatever_is_throttled_and_however_calls_overlap(
    seed: int, count: int
) -> None:
    chance = random.Random(seed)
    keys = chance.choices("abcde", k=count)
    lanes = Lanes()
    waiting = [entry(number, key) for number, key in enumerate(keys)]
    under_way: list[list[Entry]] = []
    accepted: list[Entry] = []
    now = 0.0
    while waiting or lanes.held:
        new = chance.randrange(4)
        lanes.add(waiting[:new])
        del waiting[:new]
        lanes.advance(now)
        if call := lanes.next_call(chance.randint(1, 8), 1_000):
            assert not {e.partition_key for e in call} & {e.partition_key for c in under_way for e in c}
            under_way.append(call)
        if under_way and chance.random() < 0.6:
            call = under_way.pop(chance.randrange(len(under_way)))
            if chance.random() < 0.2:
                lanes.put_back(call)
            else:
                # Only the last of a key: being overtaken within a call is not the lanes' concern.
                last = {e.partition_key: e for e in call}
                throttled = [e for e in call if last[e.partition_key] is e and chance.random() < 0.5]
                accepted += [e for e in call if e not in throttled]
                lanes.settle(call, throttled, now)
        assert lanes.held == len(keys) - len(waiting) - len(accepted)
        now += chance.choice((0.01, 1, 10))

    for key in set(keys):
        positions = [e.position for e in accepted if e.partition_key == key]
        assert positions == [number for number, k in enumerate(keys) if k == key]
    assert (lanes.ready, lanes.held_bytes, lanes.next_due()) == (0, 0, math.inf)
