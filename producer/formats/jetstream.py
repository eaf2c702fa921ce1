"""The events of Bluesky's Jetstream, from its websocket or from a file of them."""

from datetime import UTC, datetime, timedelta

from event.payload import Json
from event.poison import PoisonError, Reason
from event.record import iso
from event.types.tweet import normalize_time
from producer.formats.tweets import Record, Tombstone

POSTS = "app.bsky.feed.post"
"""The collection that posts are in."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES_US = range(253_402_300_799_000_000)  # from 1970 to the last second that a datetime can hold


def parse_event(event: Json) -> Record | Tombstone | None:
    """Convert the event of a new post to a record, and that of a deleted one to its tombstone; None for others.

    The username is the DID, which does not change with the handle, and the id is the post's key in its author's
    repository: both are in either event. The time is the author's, unless it is after Jetstream's or before 1970.
    A changed post is left as it was: Bluesky's own application changes none.

    Raises:
        PoisonError: a new post lacks what the lexicon app.bsky.feed.post requires, or it is not an event of Jetstream.
    """
    match event, parse_time_us(event):
        case {"kind": str(kind)}, _ if kind != "commit":
            return None
        case {"commit": {"collection": str(collection), "operation": str(operation)}}, _ if (
            collection != POSTS or operation not in ("create", "delete")
        ):
            return None
        case {
            "did": str(did),
            "commit": {"operation": "delete", "collection": str(), "rkey": str(rkey)},
        }, int():
            return Tombstone(did, rkey)
        case (
            {
                "did": str(did),
                "commit": {
                    "collection": str(),
                    "operation": str(),
                    "rkey": str(rkey),
                    "record": {"text": str(text), **post},
                },
            },
            int(time_us),
        ):
            arrived = iso(datetime.fromtimestamp(time_us / 1_000_000, UTC))
            created = normalize_time(post.get("createdAt"))
            return Record(
                username=did,
                id=rkey,
                created_at=created if created and "1970" <= created <= arrived else arrived,
                text=text,
                lang=_first_language(post.get("langs")),
                source="bluesky",
            )
    raise PoisonError(
        Reason.NOT_A_TWEET, "neither an event of another kind nor a post with author, time, key and text"
    )


def parse_time_us(event: Json) -> int | None:
    """Return when Jetstream received an event, in microseconds since 1970; None if `time_us` is invalid."""
    time_us = event.get("time_us")
    return time_us if type(time_us) is int and time_us in _TIMES_US else None


def _first_language(languages: object) -> str | None:
    match languages:
        case [str(language), *_]:
            return language
    return None


def unframe(frame: Json) -> Json:
    """Return the content of a frame of the endpoint `subscribeEvents` in the form of the events of `/subscribe`.

    What is no event has the kind `info` or `error`, and the frame's own members. `witnessed_us` is the time by which
    the server resumes, if it tells it.

    Raises:
        PoisonError: it is not a frame.
    """
    match frame:
        case {"$type": "message", "payload": {"$type": str(name)}}:
            return _to_event(name.rpartition("#")[2], frame["payload"])
        case {"$type": "error"}:
            return {**frame, "kind": "error"}
    raise PoisonError(Reason.NOT_A_TWEET, "neither a message nor an error of xrpc.v1.json")


def _to_event(kind: str, payload: Json) -> Json:
    event = {
        "did": payload.get("did"),
        "kind": kind,
        "cursor": payload.get("seq"),
        "time_us": _to_microseconds(payload.get("time")),
        "witnessed_us": _to_microseconds(payload.get("witnessedAt")),
    }
    return {**payload, **event, "commit": payload} if kind == "commit" else {**payload, **event}


def _to_microseconds(text: object) -> int | None:
    """Return a time in microseconds since 1970; None if the text is none."""
    try:
        return (datetime.fromisoformat(str(text)) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):  # not a time, or one without a zone
        return None
