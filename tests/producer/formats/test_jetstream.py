"""Events of Jetstream become records, or are ignored, or are poison."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event.payload import Json
from event.poison import PoisonError
from event.types.tweet import EVENT
from local.stubs.jetstream import JetstreamStub
from producer.formats.jetstream import parse_event, unframe
from producer.formats.tweets import Record, Tombstone, TweetFormat
from producer.sources.source import Rejected
from producer.spooling.entry import StreamRecord
from tests.producer.sources.bluesky.jetstream import DID, TIME_US, deletion, event

ARRIVED = "2026-09-21T14:13:20.123Z"


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
    assert isinstance(post, Record)
    assert post.created_at == taken


@pytest.mark.parametrize("langs", [None, [], "en", [None]])
def test_a_post_may_have_no_language(langs: object) -> None:
    post = parse_event(event(record={"langs": langs}))
    assert isinstance(post, Record)
    assert post.lang is None


def test_a_post_may_have_no_words() -> None:
    post = parse_event(event(""))
    assert isinstance(post, Record)
    assert post.text == ""


@pytest.mark.parametrize(
    "other",
    [
        {"did": DID, "time_us": TIME_US, "kind": "identity", "identity": {"did": DID, "seq": 1}},
        {"did": DID, "time_us": TIME_US, "kind": "account", "account": {"active": True, "did": DID}},
        event(collection="app.bsky.feed.like"),
        event(collection="app.bsky.feed.like", operation="delete"),
        event(operation="update"),
        {"kind": "something new"},
    ],
)
def test_other_events_are_ignored(other: Json) -> None:
    assert parse_event(other) is None


def test_a_deletion_has_exactly_the_key_of_the_posts_row() -> None:
    post, tombstone = (made.encode() for made in (parse_event(event()), parse_event(deletion())) if made)
    assert isinstance(post, StreamRecord)
    assert isinstance(tombstone, StreamRecord)

    assert tombstone.partition_key == post.partition_key == DID
    assert (tombstone.deletes, post.deletes) == (True, False)
    read = TweetFormat()
    assert read.read_key(tombstone.data) == read.read_key(post.data) == (DID, "3lkey")
    assert read.read_time(tombstone.data) is None
    stored = EVENT.read_event(json.loads(post.data))
    assert EVENT.key(EVENT.read_event(json.loads(tombstone.data))) == EVENT.key(stored)


@pytest.mark.parametrize("did", ["d" * 257, ""])
def test_a_deletion_whose_post_the_stream_would_not_take_is_rejected_as_the_post_is(did: str) -> None:
    post, tombstone = (
        made.encode() for each in (event(), deletion()) if (made := parse_event(each | {"did": did}))
    )
    assert isinstance(post, Rejected)
    assert post == tombstone


KINDS: list[Json] = [{}, {"kind": None}, {"kind": 5}, {"kind": "commit"}]


@pytest.mark.parametrize(
    "post",
    [
        event(record={"text": None}),
        event(rkey=None),
        deletion() | {"did": 5},
        deletion() | {"time_us": None},
        deletion(rkey=None),
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
    changed["commit"]["operation"] = data.draw(st.sampled_from(["create", "delete"]))
    inner = data.draw(st.sampled_from([changed, changed["commit"], changed["commit"]["record"]]))
    inner[data.draw(st.sampled_from(list(inner)))] = data.draw(JSON)
    try:
        post = parse_event(changed)
    except PoisonError:
        return
    if isinstance(post, Tombstone):
        assert all(isinstance(value, str) for value in (post.username, post.id))
    elif post is not None:
        assert all(isinstance(value, str) for value in (post.username, post.id, post.created_at, post.text))


# Frames of the newer endpoint


def test_both_endpoints_bring_the_same_record() -> None:
    stub = JetstreamStub(is_numbered=True, posts=3)
    assert parse_event(unframe(stub.frame(2))) == parse_event(stub.event(2))


def test_both_endpoints_bring_the_same_deletion() -> None:
    commit = {"operation": "delete", "collection": "app.bsky.feed.post", "rkey": "3lkey"}
    framed = frame("commit", did=DID, time="2026-09-21T14:13:20.123456Z", **commit)
    assert parse_event(unframe(framed)) == parse_event(deletion()) == Tombstone(DID, "3lkey")


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
