"""The Bluesky source loses no post, whatever a Jetstream of either generation does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest
from websockets.sync.server import ServerConnection

from local.stubs.jetstream import NSID, JetstreamStub
from producer.sources.bluesky import wire
from producer.sources.bluesky.cursor import Cursor
from producer.spooling.rejected import Input
from tests.producer.sources.bluesky.jetstream import QUICK, TIME_US, Watched, event, jetstream, sends, stay
from tests.producer.sources.reading import Reading

OLD, NEW = "/subscribe", f"/xrpc/{NSID}"
SECOND = 1_000_000


def numbers(reading: Reading) -> list[int]:
    """Return the numbers of the stub's posts that were read."""
    return [int(text.split()[1]) for text in reading.texts]


def until_post(reading: Reading, number: int) -> None:
    reading.until(lambda: number in numbers(reading))


# A server that has times only


@pytest.mark.parametrize("ahead", [60, 365 * 86_400], ids=["live", "far ahead"])
def test_an_event_that_runs_ahead_of_a_replay_that_breaks_loses_no_post(ahead: int) -> None:
    posts = [event(f"post {second}", TIME_US + second * SECOND) for second in range(124)]

    def replay(connection: ServerConnection) -> None:
        start = int(jet.queries[-1]["cursor"][0])
        rest = [each for each in posts if each["time_us"] >= start]
        if len(jet.queries) == 2:
            sends(*rest[:60], event("ahead", rest[59]["time_us"] + ahead * SECOND))(connection)
        else:
            sends(*rest, then=stay)(connection)

    with jetstream(sends(*posts[:3]), replay) as jet, Reading(Watched(jet.url)) as reading:
        reading.until(lambda: "post 123" in reading.texts)
    assert {f"post {second}" for second in range(124)} <= set(reading.texts)


def test_after_each_break_an_older_server_repeats_the_last_seconds_only() -> None:
    stub = JetstreamStub(is_numbered=False, posts=1_000, drop_after=400)
    with stub.serving() as url, Reading(Watched(url + OLD)) as reading:
        until_post(reading, 999)
    assert set(numbers(reading)) == set(range(1_000))
    assert len(reading.texts) - 1_000 <= 205 * (len(stub.asked) - 1)


# A server that numbers its events


@pytest.mark.parametrize("path", [OLD, NEW])
def test_a_newer_server_is_resumed_by_number_and_the_repeated_event_is_dropped(path: str) -> None:
    stub = JetstreamStub(is_numbered=True, posts=1_000, drop_after=300)
    with stub.serving() as url, Reading(Watched(url + path)) as reading:
        until_post(reading, 999)
    assert numbers(reading) == list(range(1_000))
    assert [asked.cursor for asked in stub.asked] == [None, 300, 599, 898]


def test_a_server_that_no_longer_has_the_last_event_is_resumed_by_time_and_what_is_missing_is_said() -> None:
    stub = JetstreamStub(is_numbered=True, posts=1_000, oldest=500, sealed=900, step_us=2 * SECOND)
    with stub.serving() as url:
        resume = Cursor(url + NEW, 100, stub.time_us(99)).to_position()
        source = Watched(url + NEW, resume=resume)
        with Reading(source) as reading:
            until_post(reading, 999)
    assert numbers(reading) == list(range(500, 1_000))
    assert "CursorTooOld: cursor 100 below lookback floor 501" in source.notes[1]
    assert source.notes[2].startswith("Jetstream has no events of the 0:13:22 after the last one read")


def test_a_server_that_numbers_its_events_anew_is_resumed_by_time() -> None:
    stub = JetstreamStub(is_numbered=True, posts=300, sealed=1_000)
    with stub.serving() as url:
        resume = Cursor(url + OLD, 5_000, stub.time_us(200)).to_position()
        source = Watched(url + OLD, resume=resume)
        with Reading(source) as reading:
            reading.until(lambda: len(stub.asked) == 1)
            stub.posts = 400
            until_post(reading, 399)
    assert set(numbers(reading)) >= set(range(200, 400))
    assert "Jetstream has begun to number its events anew" in source.notes[1]


def test_what_a_newer_server_says_beside_its_events_is_shown() -> None:
    info = {"$type": f"{NSID}#info", "name": "OutdatedCursor", "message": "starting at seq 9"}
    error = {"$type": "error", "error": "ConsumerTooSlow", "message": "reconnect with cursor=42"}
    said = sends({"$type": "message", "payload": info}, error, then=stay)
    with jetstream(said) as jet:
        source = Watched(jet.url.removesuffix(OLD) + NEW)
        with Reading(source) as reading:
            reading.until(lambda: len(jet.queries) > 1)
    assert source.notes[0] == "Jetstream says OutdatedCursor: starting at seq 9"
    assert "Jetstream ends the connection: ConsumerTooSlow (reconnect with cursor=42)" in source.notes[1]


# Silence, other addresses, earlier runs


def test_a_server_that_answers_pings_but_sends_no_event_is_left() -> None:
    with jetstream(sends(event("one"), then=stay), sends(event("two"), then=stay)) as jet:
        source = Watched(jet.url, backoff=replace(QUICK, silence=0.5))
        with Reading(source) as reading:
            reading.until(lambda: "two" in reading.texts)
    assert source.notes[0].startswith("Jetstream has sent no event for 1 s; reconnecting in")


@pytest.fixture
def two_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[JetstreamStub, JetstreamStub, str]]:
    """Two servers that take each other's place, and the address of the second."""
    first, second = (JetstreamStub(is_numbered=True, posts=100) for _ in range(2))
    second.first_us = first.first_us
    with first.serving() as one, second.serving() as two:
        monkeypatch.setattr(wire, "ENDPOINTS", (one + NEW, two + NEW))
        yield first, second, two + NEW


def test_another_server_takes_the_place_of_one_that_fails_and_is_resumed_by_time(
    two_servers: tuple[JetstreamStub, JetstreamStub, str],
) -> None:
    first, second, address = two_servers
    first.drop_after, first.max_connections = 50, 1
    source = Watched(None)
    with Reading(source) as reading:
        until_post(reading, 99)
    assert set(numbers(reading)) == set(range(100))
    assert second.asked[0].cursor == first.time_us(49) - 5 * SECOND
    assert f"Bluesky is read from {address} now." in source.notes


def test_a_server_without_the_endpoint_is_replaced_by_another(
    two_servers: tuple[JetstreamStub, JetstreamStub, str],
) -> None:
    first, _, _ = two_servers
    first.is_numbered = False
    source = Watched(None)
    with Reading(source) as reading:
        until_post(reading, 99)
    assert "is not a Jetstream: it answered 404" in source.notes[0]


def test_the_run_ends_once_no_server_has_the_endpoint(
    two_servers: tuple[JetstreamStub, JetstreamStub, str],
) -> None:
    for server in two_servers[:2]:
        server.is_numbered = False
    with Reading(Watched(None)) as reading:
        assert "is not a Jetstream: it answered 404" in reading.failure()


def test_a_refusal_in_mid_run_does_not_end_the_run() -> None:
    with jetstream(sends(event("one")), HTTPStatus.FORBIDDEN, sends(event("two"), then=stay)) as jet:
        source = Watched(jet.url)
        with Reading(source) as reading:
            reading.until(lambda: "two" in reading.texts)
    assert "is not a Jetstream: it answered 403; reconnecting in" in source.notes[1]


def test_a_later_run_resumes_where_an_earlier_one_ended() -> None:
    stub = JetstreamStub(is_numbered=True, posts=100)
    with stub.serving() as url:
        first = Watched(url + NEW)
        with Reading(first) as reading:
            until_post(reading, 99)
        stub.posts = 200
        second = Watched(url + NEW, resume=first.position)
        with Reading(second) as reading:
            until_post(reading, 199)
    assert numbers(reading) == list(range(100, 200))
    assert second.notes[0].startswith("Resuming Bluesky where an earlier run ended, 0:00:")


@pytest.mark.parametrize(
    ("track", "texts"), [((), ["one"]), (("coffee",), [])], ids=["every post", "posts with a word"]
)
def test_the_position_moves_over_every_event_that_was_passed(
    track: tuple[str, ...], texts: list[str]
) -> None:
    last = {"did": "did:plc:madeup", "time_us": TIME_US + SECOND, "kind": "identity"}
    with jetstream(sends(event("one"), last, then=stay)) as jet:
        source = Watched(jet.url, track)
        with Reading(source) as reading:
            reading.until(lambda: source.position and source.position[2] == TIME_US + SECOND)
    assert reading.texts == texts


def test_a_rejected_event_is_given_as_it_came_so_that_it_can_be_sent_again() -> None:
    poison = json.dumps(event(rkey=None))
    with jetstream(sends(event("one"), poison, then=stay)) as jet:
        source = Watched(jet.url)
        with Reading(source) as reading:
            reading.until_items(2)
    assert source.input == Input("Bluesky", 2, poison.encode())


def test_the_reason_of_a_refusal_is_shown() -> None:
    reason = "invalid subscriber options: too many collections"
    with jetstream(HTTPStatus.BAD_REQUEST, body=f"{reason}\n") as jet, Reading(Watched(jet.url)) as reading:
        assert reading.failure() == f"{jet.url} is not a Jetstream: it answered 400: {reason}."
