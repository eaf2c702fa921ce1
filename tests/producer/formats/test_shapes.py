"""The shapes in which other tools keep tweets."""

import json
from typing import Any

import pytest

from event.poison import PoisonError
from producer.formats import Unwrapped
from producer.formats.tweets import DeletionNotice, Record, Tombstone, TweetFormat

TIME = "2026-11-23T14:41:28.000Z"
MILLISECONDS = 1_795_444_888_000


def unwrap(message: object) -> Unwrapped | None:
    line = json.dumps(message).encode()
    with pytest.raises(PoisonError):
        TweetFormat().decode(line)  # or it would not be asked for
    return TweetFormat().unwrap(line)


def records(message: object) -> list[Record]:
    found = unwrap(message)
    assert found
    assert all(isinstance(item, Record) for item in found.items)
    return [item for item in found.items if isinstance(item, Record)]


def post(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": f"kite {number} &amp; co",
        "author_id": "4",
        "created_at": TIME,
        **members,
    }


USERS = {"users": [{"id": "4", "username": "mia_moth"}, {"id": "5", "username": "nils_nut"}]}


def test_every_post_of_a_page_gets_the_includes_of_the_page() -> None:
    page = {
        "data": [post(1), post(2, author_id="5")],
        "includes": USERS,
        "meta": {"result_count": 2},
        "__twarc": {},
    }

    assert records(page) == [
        Record("mia_moth", "1", TIME, "kite 1 & co", None, "file"),
        Record("nils_nut", "2", TIME, "kite 2 & co", None, "file"),
    ]


@pytest.mark.parametrize(
    ("included", "reference"), [("tweets", "referenced_tweets"), ("posts", "referenced_posts")]
)
def test_a_repost_of_a_page_is_whole_in_both_of_xs_dialects(included: str, reference: str) -> None:
    kind = "retweeted" if included == "tweets" else "reposted"
    repost = post(3, text="RT @nils_nut: the first…", **{reference: [{"type": kind, "id": "9"}]})
    page = {
        "data": [repost],
        "includes": {**USERS, included: [{"id": "9", "text": "the first and the rest"}]},
    }

    assert [record.text for record in records(page)] == ["RT @nils_nut: the first and the rest"]


def test_a_page_without_posts_has_no_tweets() -> None:
    assert records({"meta": {"result_count": 0}}) == []
    assert records({"data": [], "meta": {"result_count": 0}}) == []


def test_a_bad_post_of_a_page_is_rejected_alone_with_the_users_it_needs() -> None:
    found = unwrap({"data": [post(1), post(2, text=None)], "includes": USERS})

    assert found
    good, bad = found.items
    assert isinstance(good, Record)
    assert isinstance(bad, tuple)
    reason, data = bad
    assert "no text" in reason
    assert json.loads(data) == {"data": post(2, text=None), "includes": USERS}


def test_rows_of_somebody_elses_list_are_no_page() -> None:
    assert unwrap({"data": [{"id": 7, "text": "a note"}], "metadata": {}}) is None
    found = unwrap({"data": [{"id": 7, "text": "a note"}], "meta": {}})
    assert found
    assert [type(item) for item in found.items] == [tuple]


def test_a_page_of_statuses_is_read() -> None:
    status = {"id_str": "8", "full_text": "old kite", "created_at": "Mon Nov 23 14:41:28 +0000 2026"}

    assert records(
        {"statuses": [{**status, "user": {"screen_name": "mia"}}], "search_metadata": {"count": 1}}
    ) == [Record("mia", "8", TIME, "old kite", None, "file")]


ROW = {"username": "mia", "id": "10", "timestamp": TIME, "message": "&amp; stays \x00\n"}


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {name.capitalize(): value for name, value in ROW.items()},
        {
            "Item": {name.capitalize(): {"S": value} for name, value in ROW.items()}
            | {"ExpiresAt": {"N": "1"}}
        },
    ],
)
def test_a_row_is_what_was_stored(row: object) -> None:
    assert records(row) == [Record("mia", "10", TIME, "&amp; stays \x00\n", None, "file")]


@pytest.mark.parametrize("row", [{**ROW, "price": 1}, {"Username": "mia"}, {"Item": "mia"}, [ROW]])
def test_what_only_looks_like_a_row_is_none(row: object) -> None:
    assert unwrap(row) is None


def test_a_row_without_its_id_is_rejected() -> None:
    found = unwrap({"Item": {"Username": {"S": "mia"}}})

    assert found
    assert [type(item) for item in found.items] == [tuple]


def test_a_document_of_elasticsearch_is_read() -> None:
    status = {"id_str": "8", "text": "kite", "created_at": MILLISECONDS, "user": {"screen_name": "mia"}}

    assert records({"_index": "kites", "_id": "8", "_source": status}) == [
        Record("mia", "8", TIME, "kite", None, "file")
    ]


def test_milliseconds_since_1970_are_a_time() -> None:
    frame = {"id": 11, "username": "mia", "text": "kite", "created_at": MILLISECONDS + 7}

    assert [record.created_at for record in records(frame)] == ["2026-11-23T14:41:28.007Z"]
    assert unwrap({**frame, "created_at": MILLISECONDS // 1000}) is None


def jetstream(**commit: Any) -> dict[str, Any]:
    return {
        "did": "did:plc:mia",
        "time_us": MILLISECONDS * 1000,
        "kind": "commit",
        "commit": {
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": "3k",
            "record": {"text": "kites", "langs": ["de"], "createdAt": TIME},
            **commit,
        },
    }


def test_events_of_jetstream_are_what_the_source_of_bluesky_sends() -> None:
    assert records(jetstream()) == [Record("did:plc:mia", "3k", TIME, "kites", "de", "bluesky")]
    assert records({**jetstream(), "kind": "identity"}) == []


def test_a_deletion_of_jetstream_is_the_tombstone_that_the_source_of_bluesky_sends() -> None:
    found = unwrap(jetstream(operation="delete"))

    assert found
    assert found.items == [Tombstone("did:plc:mia", "3k")]


def test_a_notice_of_x_is_no_event_and_is_not_rejected() -> None:
    found = unwrap({"delete": {"status": {"id": 1, "id_str": "1", "user_id": 4, "user_id_str": "4"}}})

    assert found
    (notice,) = found.items
    assert isinstance(notice, DeletionNotice)
    assert unwrap({"delete": {"favorite": {"tweet_id": 1, "user_id": 4}}}) is None
    assert unwrap({"delete": {"status": 1}}) is None


def test_frames_of_jetstream_are_read_too() -> None:
    event = jetstream()
    payload = {"$type": "network.bsky.jetstream.subscribeEvents#commit", "did": event["did"], "time": TIME}
    frame = {"$type": "message", "payload": {**payload, **event["commit"]}}
    assert records(frame) == records(event)


def test_a_broken_post_of_jetstream_is_kept_as_it_came() -> None:
    found = unwrap(event := jetstream(record={}))

    assert found
    (bad,) = found.items
    assert isinstance(bad, tuple)
    reason, data = bad
    assert "neither an event" in reason
    assert json.loads(data) == event
