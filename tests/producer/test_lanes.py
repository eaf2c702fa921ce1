"""Refused records: when they are sent again, and that no record of the same key overtakes them."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.lanes import LANE_SECONDS, Lanes, backoff
from producer.spool import Entry

ALL = (500, 1 << 20)


def entry(position: int, key: str = "ada", size: int = 10) -> Entry:
    return Entry(position, key, b"{}", size)


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.1), (2, 0.2), (5, 1.6), (9, 20.0), (100_000, 20.0)])
def test_the_back_off_doubles_to_a_limit_and_half_of_it_is_random(attempt: int, longest: float) -> None:
    waits = [backoff(attempt, 0.1, 20) for _ in range(200)]

    assert longest / 2 <= min(waits) < max(waits) <= longest


def test_a_refused_record_is_due_after_its_back_off_and_then_once() -> None:
    lanes, refused = Lanes(), entry(1)

    lanes.settle([refused], [refused], now=100)

    assert lanes.due(100, *ALL) == []
    assert 100 + LANE_SECONDS[0] / 2 <= lanes.next_due() <= 100 + LANE_SECONDS[0]
    assert (lanes.held, lanes.held_bytes) == (1, 10)
    assert lanes.due(101, *ALL) == [refused]
    assert lanes.due(101, *ALL) == []
    assert lanes.held == 0


def test_newer_records_of_the_same_key_queue_behind_and_others_pass() -> None:
    lanes = Lanes()
    lanes.settle([entry(1)], [entry(1)], now=0)

    assert lanes.hold(entry(2))
    assert not lanes.hold(entry(3, "grace"))
    assert lanes.due(1, *ALL) == [entry(1), entry(2)]


def test_a_key_is_free_again_when_all_of_it_is_acknowledged() -> None:
    lanes = Lanes()
    lanes.settle([entry(1)], [entry(1)], now=0)
    sent = lanes.due(1, *ALL)

    lanes.settle(sent, [], now=1)

    assert not lanes.hold(entry(2))
    assert lanes.next_due() == math.inf


def test_each_refusal_in_a_row_doubles_the_wait() -> None:
    lanes, now = Lanes(), 0.0
    for attempt in range(1, 12):
        lanes.settle([entry(1)], [entry(1)], now)
        longest = min(LANE_SECONDS[1], LANE_SECONDS[0] * 2 ** (attempt - 1))
        assert longest / 2 <= lanes.next_due() - now <= longest + 1e-9
        now = lanes.next_due()
        lanes.due(now, *ALL)


def test_a_call_takes_no_more_than_its_limits_and_the_rest_follows_at_once() -> None:
    lanes, refused = Lanes(), [entry(number) for number in range(5)]
    lanes.settle(refused, refused, now=0)

    by_count = lanes.due(1, 2, 1000)
    lanes.settle(by_count, [], now=1)
    by_size = lanes.due(1, 500, 29)

    assert (by_count, by_size) == (refused[:2], refused[2:4])
    assert (lanes.held, lanes.held_bytes) == (1, 10)


@settings(deadline=None, max_examples=50)
@given(st.integers(), st.integers(1, 60))
def test_without_two_records_of_a_key_in_a_call_each_key_stays_in_order(seed: int, count: int) -> None:
    chance = random.Random(seed)
    lanes, now, acknowledged = Lanes(), 0.0, list[Entry]()
    coming = [entry(number, chance.choice("abc")) for number in range(count)]
    while coming or lanes.held:
        call: list[Entry] = lanes.due(now, 1, 1000)
        if not call and coming and not lanes.hold(new := coming.pop(0)):
            call = [new]
        refused = [sent for sent in call if chance.random() < 0.4]
        acknowledged += [sent for sent in call if sent not in refused]
        lanes.settle(call, refused, now)
        now += 0.5

    assert len(acknowledged) == count
    for key in "abc":
        positions = [sent.position for sent in acknowledged if sent.partition_key == key]
        assert positions == sorted(positions)
