"""The cursor of Jetstream moves over what was passed without a gap, never backwards, never after now."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.sources.bluesky.cursor import (
    MAX_AHEAD,
    OVERLAP_US,
    Cursor,
    Place,
    advance,
    is_number,
    last_event,
    resume_from,
    without_number,
)

SECOND = 1_000_000
BASE = 1_790_000_000 * SECOND
NOW = BASE + 3_600 * SECOND
YEARS = 5 * 365 * 86_400 * SECOND
HOST, OTHER = "wss://one.example.com/subscribe", "wss://two.example.com/subscribe"


def passed(*seconds: float, now_us: int = NOW) -> Cursor:
    """Return the cursor after events of an older server at these times, in seconds after `BASE`."""
    cursor = None
    for second in seconds:
        cursor = advance(cursor, HOST, Place(0, BASE + int(second * SECOND)), now_us)
    assert cursor is not None
    return cursor


def seconds(cursor: Cursor) -> float:
    return (cursor.time_us - BASE) / SECOND


def test_the_cursor_follows_the_events() -> None:
    assert seconds(passed(0, 1, 2.5, 7)) == 7


def test_an_event_that_runs_ahead_does_not_take_the_cursor_along() -> None:
    assert seconds(passed(*range(60), 120)) == 59
    assert seconds(passed(*range(60), 120, *range(60, 65))) == 64


def test_a_few_live_events_may_run_ahead_between_those_of_a_replay() -> None:
    assert seconds(passed(0, 120, 120, 1, 121, 2, 122)) == 2


def test_many_events_ahead_in_a_row_show_that_nothing_lies_between() -> None:
    assert seconds(passed(0, *[120 + number for number in range(MAX_AHEAD - 1)])) == 0
    assert seconds(passed(0, *[120 + number for number in range(MAX_AHEAD)])) == 120


def test_an_event_whose_clock_is_far_ahead_takes_the_cursor_no_further_than_now() -> None:
    assert passed(3_590, 99_999).time_us == BASE + 3_590 * SECOND
    assert passed(3_598, 99_999).time_us == NOW
    assert passed(99_999).time_us == NOW


def test_an_imported_time_does_not_take_the_cursor_backwards() -> None:
    cursor = advance(Cursor(HOST, 7, BASE), HOST, Place(8, BASE - YEARS), NOW)
    assert cursor == Cursor(HOST, 8, BASE)


def test_a_number_does_not_go_backwards_on_its_server() -> None:
    assert advance(Cursor(HOST, 7, BASE), HOST, Place(5, BASE), NOW).number == 7


def test_a_number_is_of_use_on_its_own_server_only() -> None:
    cursor = Cursor(HOST, 7, BASE)
    assert resume_from(cursor, HOST, NOW) == 7
    assert resume_from(cursor, OTHER, NOW) == BASE - OVERLAP_US
    assert last_event(cursor, OTHER) == BASE
    assert advance(cursor, OTHER, Place(3, BASE), NOW) == Cursor(OTHER, 3, BASE)


def test_a_cursor_that_has_lost_its_number_resumes_by_time() -> None:
    assert resume_from(without_number(Cursor(HOST, 7, BASE)), HOST, NOW) == BASE - OVERLAP_US


def test_a_saved_cursor_of_a_clock_that_was_ahead_does_not_resume_in_the_future() -> None:
    assert resume_from(Cursor(HOST, 0, NOW + YEARS), HOST, NOW) == NOW - OVERLAP_US


def test_no_time_is_taken_for_a_number() -> None:
    assert not is_number(resume_from(Cursor(HOST, 0, 10**15), HOST, NOW))
    assert is_number(resume_from(Cursor(HOST, 10**12, BASE), HOST, NOW))


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"time_us": BASE}, Place(0, BASE)),
        ({"time_us": BASE, "cursor": 12}, Place(12, BASE)),
        ({"time_us": BASE - YEARS, "witnessed_us": BASE, "cursor": 12}, Place(12, BASE)),
        ({"time_us": BASE, "witnessed_us": None}, Place(0, BASE)),
        *(
            ({"time_us": BASE, "cursor": cursor}, Place(0, BASE))
            for cursor in (0, -1, 1.5, "1", True, 10**16)
        ),
        *(({"time_us": time_us}, None) for time_us in (None, "1", True, -1, 5, 10**15 - 1, float(BASE))),
    ],
)
def test_the_place_of_an_event_is_its_number_and_the_time_when_its_server_received_it(
    event: dict[str, object], place: Place | None
) -> None:
    assert Place.of(event) == place


def test_the_spool_keeps_a_cursor() -> None:
    cursor = Cursor(HOST, 7, BASE)
    assert Cursor.from_position(cursor.to_position()) == cursor


@pytest.mark.parametrize("position", [None, ("4096:00ff:/tmp/tweets.jsonl", 5, 5_000)])
def test_the_position_in_a_file_is_no_cursor(position: tuple[str, int, int] | None) -> None:
    assert Cursor.from_position(position) is None


@given(st.lists(st.integers(BASE - YEARS, NOW + YEARS), min_size=1))
def test_whatever_comes_the_cursor_goes_neither_backwards_nor_after_now(times: list[int]) -> None:
    cursor = None
    for time_us in times:
        moved = advance(cursor, HOST, Place(0, time_us), NOW)
        assert moved.time_us <= NOW
        assert cursor is None or moved.time_us >= cursor.time_us
        cursor = moved


@given(st.integers(0, 2**32))
def test_a_replay_that_is_overtaken_by_far_and_cut_off_again_and_again_is_read_whole(seed: int) -> None:
    chance = random.Random(seed)
    posts = 600
    cursor, got = Cursor(HOST, 0, BASE), set[int]()
    for _ in range(1_000):
        start = max(0, -(-(resume_from(cursor, HOST, NOW) - BASE) // SECOND))
        for post in range(start, posts):
            overtaking = range(posts - chance.randrange(1, MAX_AHEAD), posts)
            is_far = (overtaking[0] - post) * SECOND > 2 * OVERLAP_US
            for number in (*overtaking, post) if is_far and chance.random() < 0.01 else [post]:
                got.add(number)
                cursor = advance(cursor, HOST, Place(0, BASE + number * SECOND), NOW)
            if chance.random() < 0.05:
                break
        else:
            break
    assert got == set(range(posts))
