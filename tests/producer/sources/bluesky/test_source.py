"""The Bluesky source, through the real websocket client, against a Jetstream on loopback."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.sync.server import ServerConnection

from producer.formats.jetstream import parse_event
from producer.formats.tweets import Tombstone
from producer.sources.bluesky import source as bluesky
from producer.sources.reconnect import Backoff
from tests.producer.sources.bluesky.jetstream import (
    DID,
    TIME_US,
    Watched,
    deletion,
    event,
    jetstream,
    sends,
    stay,
)
from tests.producer.sources.reading import Reading


def test_posts_arrive_at_once_and_only_they_are_requested() -> None:
    with jetstream(sends(event("one"), event("two"), then=stay)) as jet, Reading(Watched(jet.url)) as reading:
        reading.until_items(2)
        assert (reading.texts, jet.queries) == (
            ["one", "two"],
            [{"wantedCollections": ["app.bsky.feed.post"], "maxMessageSizeBytes": ["16777216"]}],
        )


def test_terms_match_in_any_case() -> None:
    posts = [event(text) for text in ("Paper LANTERNS", "straße", "lamp", "a STRASSE", "good night")]
    with (
        jetstream(sends(*posts, then=stay)) as jet,
        Reading(Watched(jet.url, ["Lantern", "STRASSE", "d n"])) as it,
    ):
        it.until_items(4)
        assert it.texts == ["Paper LANTERNS", "straße", "a STRASSE", "good night"]


def test_deletions_come_in_order_with_the_posts_whatever_their_words_are() -> None:
    events = [event("lamp"), deletion("3a"), event("lantern"), deletion()]
    with jetstream(sends(*events, then=stay)) as jet, Reading(Watched(jet.url, ["lantern"])) as it:
        it.until_items(3)
        assert it.items == [Tombstone(DID, "3a"), parse_event(event("lantern")), Tombstone(DID, "3lkey")]


def test_a_new_connection_resumes_a_few_seconds_before_the_lost_one() -> None:
    last = {"did": DID, "time_us": TIME_US + 4_000_000, "kind": "identity"}
    with jetstream(sends(event("one"), last), sends(event("two"), then=stay)) as jet:
        source = Watched(jet.url)
        with Reading(source) as reading:
            reading.until_items(2)
    assert jet.queries[1]["cursor"] == [str(TIME_US - 1_000_000)]
    assert len(source.notes) == 1
    assert "Jetstream closed the connection" in source.notes[0]


@pytest.mark.parametrize("time_us", [-1, 2**63 - 1])
def test_an_absurd_time_is_rejected_and_not_resumed_from(time_us: int) -> None:
    absurd = event("absurd", time_us=time_us)
    with jetstream(sends(event("one"), absurd), sends(event("two"), then=stay)) as jet:
        with Reading(Watched(jet.url)) as reading:
            reading.until_items(3)
        assert (reading.texts, len(reading.rejected)) == (["one", "two"], 1)
    assert jet.queries[1]["cursor"] == [str(TIME_US - 5_000_000)]


def test_a_connection_that_breaks_is_made_again() -> None:
    def cut(connection: ServerConnection) -> None:
        connection.socket.shutdown(socket.SHUT_RDWR)

    with jetstream(sends(event("one"), then=cut), sends(event("two"), then=stay)) as jet:
        with Reading(Watched(jet.url)) as reading:
            reading.until_items(2)
        assert reading.texts == ["one", "two"]


def test_a_connection_without_an_answer_to_pings_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = Watched(
            f"ws://127.0.0.1:{server.getsockname()[1]}", backoff=Backoff(network=0.01, silence=2)
        )
        with Reading(source) as reading, deaf(server), deaf(server):
            reading.until_items(2)
    assert "keepalive ping timeout" in source.notes[0]


@contextmanager
def deaf(server: socket.socket) -> Iterator[None]:
    """Take one connection, send one post, and never read again."""
    connection, _ = server.accept()
    with connection:
        protocol = ServerProtocol()
        protocol.receive_data(connection.recv(65_536))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        protocol.send_text(json.dumps(event()).encode())
        connection.sendall(b"".join(protocol.data_to_send()))
        yield


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps(event(rkey=None)), "nor a post with author, time, key and text"),
    ],
)
def test_a_message_that_is_not_an_event_is_rejected_and_the_next_is_read(message: str, reason: str) -> None:
    with jetstream(sends(message, event("after"), then=stay)) as jet, Reading(Watched(jet.url)) as reading:
        reading.until_items(2)
    assert reading.texts == ["after"]
    assert reason in reading.rejected[0].reason


def test_an_event_of_some_megabytes_is_read() -> None:
    with jetstream(sends(event("x" * 3_000_000), event("after"), then=stay)) as jet:
        with Reading(Watched(jet.url)) as reading:
            reading.until_items(2)
        assert (len(reading.texts[0]), reading.texts[1], len(jet.queries)) == (3_000_000, "after", 1)


@pytest.mark.parametrize("gap", [1, 100_000])
def test_an_event_that_is_too_large_is_counted_and_skipped(monkeypatch: pytest.MonkeyPatch, gap: int) -> None:
    monkeypatch.setattr(bluesky, "_MAX_EVENT_BYTES", 10_000)
    texts = [*map(str, range(20)), "x" * 20_000, *map(str, range(21, 40))]
    events = [event(text, TIME_US + number * gap) for number, text in enumerate(texts)]

    def replay(connection: ServerConnection) -> None:
        start = int(jet.queries[-1].get("cursor", ["0"])[0])
        with suppress(ConnectionClosed):
            sends(*(event for event in events if event["time_us"] >= start), then=stay)(connection)

    with jetstream(replay) as jet, Reading(Watched(jet.url)) as reading:
        reading.until(lambda: "39" in reading.texts)
    assert [item.reason for item in reading.rejected] == ["longer than 10,000 bytes"]
    assert set(texts) - set(reading.texts) <= {texts[20], "21"}
    assert len(reading.texts) == len(set(reading.texts))
    assert len(jet.queries) <= 20


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS])
def test_an_http_error_leads_to_a_retry(status: HTTPStatus) -> None:
    with jetstream(status, status, sends(event("at last"), then=stay)) as jet:
        source = Watched(jet.url)
        with Reading(source) as reading:
            reading.until_items(1)
    assert [f"answered {status.value}" in note for note in source.notes] == [True, True]


def test_an_address_without_a_jetstream_ends_the_run() -> None:
    with jetstream(HTTPStatus.NOT_FOUND) as jet, Reading(Watched(jet.url)) as reading:
        assert "is not a Jetstream: it answered 404" in reading.failure()


def test_an_address_without_a_websocket_ends_the_run() -> None:
    with Reading(Watched("https://127.0.0.1/")) as reading:
        assert "is not the address of a websocket" in reading.failure()


def test_an_unreachable_jetstream_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = Watched(f"ws://127.0.0.1:{port}/subscribe")
    with Reading(source) as reading:
        reading.until(lambda: len(source.notes) > 2)
        with jetstream(sends(event("at last"), then=stay), port=port):
            reading.until_items(1)
    assert "cannot be reached (Connection refused)" in source.notes[0]


def test_a_jetstream_that_was_never_reached_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = Watched(f"ws://127.0.0.1:{port}/subscribe")
    with Reading(source) as reading:
        reading.until(lambda: source.notes)
    assert "Nothing was read: " in reading.failure()


def test_closing_before_reading_makes_no_connection() -> None:
    with jetstream(stay) as jet:
        source = Watched(jet.url)
        source.close()
        assert list(source.read()) == []
        assert jet.queries == []
