"""Both endpoints of Jetstream: what is asked of them, and what they send."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from event.poison import PoisonError
from local.stubs.jetstream import JetstreamStub
from producer.formats.jetstream import parse_event
from producer.sources.bluesky.wire import ENDPOINTS, build_url, complete, explain, is_framed, unframe

OLD = "wss://one.example.com/subscribe"
NEW = "wss://one.example.com/xrpc/network.bsky.jetstream.subscribeEvents"


def query(address: str, cursor: int | None) -> dict[str, list[str]]:
    return parse_qs(urlsplit(build_url(address, 1000, cursor)).query)


def test_each_endpoint_has_its_own_parameters() -> None:
    posts, size = ["app.bsky.feed.post"], ["1000"]
    assert query(OLD, None) == {"wantedCollections": posts, "maxMessageSizeBytes": size}
    assert query(NEW, 7) == {
        "collections": posts,
        "kinds": ["commit"],
        "maxMessageSizeBytes": size,
        "cursor": ["7"],
    }


@pytest.mark.parametrize("address", ["wss://one.example.com", "wss://one.example.com/"])
def test_an_address_without_a_path_is_that_of_the_endpoint_that_every_server_has(address: str) -> None:
    assert complete(address) == OLD


@pytest.mark.parametrize("address", [OLD, NEW, "ws://127.0.0.1:8080/behind/a/proxy"])
def test_an_address_with_a_path_stays(address: str) -> None:
    assert complete(address) == address


def test_one_of_bluesky_s_own_servers_has_the_older_endpoint_only() -> None:
    assert [is_framed(address) for address in ENDPOINTS] == [True, True, False]


def test_both_endpoints_bring_the_same_record() -> None:
    stub = JetstreamStub(is_numbered=True, posts=3)
    assert parse_event(unframe(stub.frame(2))) == parse_event(stub.event(2))


def frame(kind: str, /, **payload: Any) -> dict[str, Any]:
    payload["$type"] = f"network.bsky.jetstream.subscribeEvents#{kind}"
    return {"$type": "message", "payload": payload}


def test_the_time_of_the_record_is_the_one_to_display_and_the_cursor_s_the_one_when_it_was_received() -> None:
    event = unframe(
        frame("commit", time="2009-02-13T23:31:30.000001Z", witnessedAt="2026-09-21T14:13:20.123456Z")
    )
    assert (event["time_us"], event["witnessed_us"]) == (1_234_567_890_000_001, 1_790_000_000_123_456)


@pytest.mark.parametrize("time", [None, "", "now", "2026-09-21T14:13:20", 5])
def test_a_time_that_is_none_is_left_out(time: object) -> None:
    assert unframe(frame("commit", time=time))["time_us"] is None


@pytest.mark.parametrize("kind", ["identity", "account", "sync", "info"])
def test_a_message_that_is_no_commit_is_ignored(kind: str) -> None:
    assert parse_event(unframe(frame(kind, seq=5, did="did:plc:madeup", name="OutdatedCursor"))) is None


def test_an_error_keeps_its_members() -> None:
    error = {"$type": "error", "error": "ConsumerTooSlow", "message": "reconnect with cursor=42"}
    assert unframe(error) == {**error, "kind": "error"}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"$type": "message"},
        {"$type": "message", "payload": 5},
        {"$type": 5},
        {"did": "d", "kind": "commit"},
    ],
)
def test_a_message_without_a_frame_is_poison(message: dict[str, Any]) -> None:
    with pytest.raises(PoisonError, match="neither a message nor an error"):
        unframe(message)


@pytest.mark.parametrize(
    ("body", "explained"),
    [
        (b'{"error":"InvalidRequest","message":"use collections"}', "InvalidRequest: use collections"),
        (b"invalid wantedCollections:\n  too many\n", "invalid wantedCollections: too many"),
        (b"", ""),
        (b'["\xff"]', '["\ufffd"]'),
    ],
)
def test_the_body_of_a_refusal_is_shown_on_one_line(body: bytes, explained: str) -> None:
    assert explain(body) == explained
