"""The Bluesky source, through the real websocket client, against a Jetstream on loopback."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.sync.server import ServerConnection, serve

from event.payload import Json
from event.poison import PoisonError
from producer.formats.jetstream import parse_event
from producer.formats.tweets import Record
from producer.sources import bluesky
from producer.sources.bluesky import BlueskySource
from producer.sources.reconnect import Backoff
from tests.producer.sources.reading import Reading

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
TIME_US = 1_790_000_000_123_456  # 2026-09-21T14:13:20.123Z
ARRIVED = "2026-09-21T14:13:20.123Z"
QUICK = Backoff(network=0.01, network_limit=0.02, http=0.01, http_limit=0.02, silence=60)


def event(text: str = "hello", time_us: int = TIME_US, record: Json | None = None, **commit: Any) -> Json:
    """The event of a new post."""
    post = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-09-21T14:13:19.500Z",
        "langs": ["fr", "en"],
    }
    new = {
        "rev": "3l",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3lkey",
        "cid": "b",
    }
    new |= {"record": post | (record or {})} | commit
    return {"did": DID, "time_us": time_us, "kind": "commit", "commit": new}


# Events


def test_a_post_becomes_a_record_under_the_did() -> None:
    assert parse_event(event("bonsoir")) == Record(
        DID, "3lkey", "2026-09-21T14:13:19.500Z", "bonsoir", "fr", "bluesky"
    )


@pytest.mark.parametrize(
    ("created", "taken"),
    [
        ("2009-03-04T05:06:07+00:00", "2009-03-04T05:06:07.000Z"),
        ("2026-09-21T16:13:20.000+02:00", "2026-09-21T14:13:20.000Z"),
        ("2026-09-21T14:13:20.124Z", ARRIVED),
        ("3026-09-21T14:13:20.000Z", ARRIVED),
        ("0001-01-01T00:00:00.000Z", ARRIVED),
        ("this morning", ARRIVED),
        ("", ARRIVED),
        (None, ARRIVED),
        (1_790_000_000, ARRIVED),
    ],
)
def test_the_time_is_the_authors_unless_it_is_absurd(created: object, taken: str) -> None:
    post = parse_event(event(record={"createdAt": created}))
    assert post is not None
    assert post.created_at == taken


@pytest.mark.parametrize("langs", [None, [], "en", [None]])
def test_a_post_may_have_no_language(langs: object) -> None:
    post = parse_event(event(record={"langs": langs}))
    assert post is not None
    assert post.lang is None


def test_a_post_may_have_no_words() -> None:
    post = parse_event(event(""))
    assert post is not None
    assert post.text == ""


@pytest.mark.parametrize(
    "other",
    [
        {"did": DID, "time_us": TIME_US, "kind": "identity", "identity": {"did": DID, "seq": 1}},
        {"did": DID, "time_us": TIME_US, "kind": "account", "account": {"active": True, "did": DID}},
        event(collection="app.bsky.feed.like"),
        event(operation="delete", record=None),
        event(operation="update"),
        {"kind": "something new"},
    ],
)
def test_other_events_are_ignored(other: Json) -> None:
    assert parse_event(other) is None


KINDS: list[Json] = [{}, {"kind": None}, {"kind": 5}, {"kind": "commit"}]


@pytest.mark.parametrize(
    "post",
    [
        event(record={"text": None}),
        event(rkey=None),
        event() | {"did": None},
        *(event() | {"time_us": time_us} for time_us in (None, True, "1", 1e15, -1, 2**63 - 1, 10**30)),
        {"did": DID, "time_us": 1, "commit": {"operation": "create", "collection": "app.bsky.feed.post"}},
        *(event() | {"commit": commit} for commit in json.loads("[null, 5, [], {}]")),
        *(event(collection=value) for value in (None, 5, ["app.bsky.feed.post"])),
        *(event(operation=value) for value in (None, 5, ["create"])),
        *({"did": DID, **kind} for kind in KINDS),
    ],
    ids=str,
)
def test_a_message_that_is_neither_a_post_nor_another_event_is_poison(post: Json) -> None:
    with pytest.raises(PoisonError, match="neither an event of another kind nor a post"):
        parse_event(post)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_any_value_in_any_member_is_a_post_or_another_event_or_poison(data: st.DataObject) -> None:
    changed: Any = json.loads(json.dumps(event()))
    inner = data.draw(st.sampled_from([changed, changed["commit"], changed["commit"]["record"]]))
    inner[data.draw(st.sampled_from(list(inner)))] = data.draw(JSON)
    try:
        post = parse_event(changed)
    except PoisonError:
        return
    assert post is None or all(
        isinstance(value, str) for value in (post.username, post.id, post.created_at, post.text)
    )


# Connections

Serve = Callable[[ServerConnection], None]


@dataclass
class Jetstream:
    """A Jetstream on loopback: each connection takes the next step, and the last step serves the rest."""

    steps: Sequence[Serve | HTTPStatus]
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.queries.append(parse_qs(urlsplit(request.path).query))
        step = self.step
        return connection.respond(step, "") if isinstance(step, HTTPStatus) else None

    def serve(self, connection: ServerConnection) -> None:
        step = self.step
        assert not isinstance(step, HTTPStatus)
        step(connection)

    @property
    def step(self) -> Serve | HTTPStatus:
        return self.steps[min(len(self.queries), len(self.steps)) - 1]


@contextmanager
def jetstream(*steps: Serve | HTTPStatus, port: int = 0) -> Iterator[Jetstream]:
    jet = Jetstream(steps)
    with serve(
        jet.serve, "127.0.0.1", port, process_request=jet.answer, ping_interval=None, close_timeout=0.1
    ) as server:
        jet.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield jet
        finally:
            server.shutdown()
            thread.join()


def sends(
    *messages: Json | str | bytes, then: Callable[[ServerConnection], object] = lambda _: None
) -> Serve:
    """Send the messages, do what follows, and close."""

    def step(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(json.dumps(message) if isinstance(message, dict) else message)
        then(connection)

    return step


def stay(connection: ServerConnection) -> None:
    """Keep the connection until the client leaves."""
    for _ in connection:
        pass


class Watched(BlueskySource):
    """A Bluesky source that records its messages to the user."""

    def __init__(self, endpoint: str, track: Sequence[str] = (), backoff: Backoff = QUICK) -> None:
        self.notes: list[str] = []
        super().__init__(track=track, endpoint=endpoint, notify=self.notes.append, backoff=backoff)


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


def test_a_new_connection_resumes_a_few_seconds_before_the_lost_one() -> None:
    last = {"did": DID, "time_us": TIME_US + 9_000_000, "kind": "identity"}
    with jetstream(sends(event("one"), last), sends(event("two"), then=stay)) as jet:
        source = Watched(jet.url)
        with Reading(source) as reading:
            reading.until_items(2)
    assert jet.queries[1]["cursor"] == [str(TIME_US + 4_000_000)]
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
