"""The shapes in which other tools and our own keep tweets, besides those that the function reads, too."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson

from event.payload import Json
from event.poison import PoisonError
from event.record import iso
from producer.formats import Unwrapped
from producer.formats.jetstream import parse_event, unframe
from producer.formats.tweets import DeletionNotice, is_deletion_notice, load, to_record
from producer.sources.source import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = range(10**12, 10**13)  # from 2001 to 2286; what is less may be seconds
_ROW = ("username", "id", "timestamp", "message")


def unwrap(value: bytes) -> Unwrapped | None:
    """Return the tweets in a value that is none by itself; None if its shape is unknown."""
    try:
        message = load(value)
    except PoisonError:
        return None
    if not isinstance(message, dict):
        return None
    if is_deletion_notice(message):
        return Unwrapped("notices of deleted tweets, which name no author", [DeletionNotice()])
    with suppress(PoisonError):
        message = unframe(message)
    if "did" in message and "time_us" in message:
        return _unwrap_jetstream(message, value)
    found = _find(message)
    if found is None:
        return None
    shape, messages = found
    return Unwrapped(shape, [_read(inner) for inner in messages])


def _find(message: Json) -> tuple[str, list[object]] | None:
    """Return the name of a message's shape, and the tweets in it."""
    match message:
        case {"data": [*posts], **envelope} if "includes" in envelope or "meta" in envelope:
            shared = {"includes": envelope["includes"]} if "includes" in envelope else {}
            return "pages of X's API v2", [{"data": post, **shared} for post in posts]
        case {"meta": {"result_count": 0}}:
            return "pages of X's API v2", []
        case {"statuses": [*statuses]}:
            return "pages of X's API v1.1", statuses
        case {"_index": _, "_source": dict(document)}:
            return "a dump of Elasticsearch", [document]
        case {"Item": dict(item)}:
            return "an export of a DynamoDB table", [_from_row(_plain(item))]
        case {"created_at": int(milliseconds)} if milliseconds in _MILLISECONDS:
            return "times in milliseconds since 1970, as pandas writes them", [message]
    row = {name.lower(): member for name, member in message.items()}
    if row.keys() == set(_ROW):
        return "rows of `explore --export`", [_from_row(row)]
    return None


def _read(message: object) -> Event | tuple[str, bytes]:
    """Return a tweet; the reason and its bytes if it is rejected."""
    try:
        return to_record(_with_time(message), "file")
    except PoisonError as error:
        return str(error), orjson.dumps(message)


def _with_time(message: object) -> object:
    """Return the message with its time in milliseconds as text."""
    match message:
        case {"created_at": int(milliseconds), **rest} if milliseconds in _MILLISECONDS:
            return {**rest, "created_at": iso(_EPOCH + timedelta(milliseconds=milliseconds))}
    return message


def _plain(item: Json) -> Json:
    """Return the strings and numbers of an item in DynamoDB's JSON form."""
    return {
        name.lower(): value.get("S", value.get("N"))
        for name, value in item.items()
        if isinstance(value, dict)
    }


def _from_row(row: Json) -> Json:
    """Return the stream's own record of a row of the table, whose text has nothing escaped."""
    username, identifier, timestamp, text = (row.get(name) for name in _ROW)
    return {"username": username, "id": identifier, "created_at": timestamp, "text": text}


def _unwrap_jetstream(event: Json, value: bytes) -> Unwrapped:
    """Return the post of an event of Jetstream, or its tombstone, as the Bluesky source sends it; else nothing."""
    shape = "events of Jetstream"
    try:
        post = parse_event(event)
    except PoisonError as error:
        return Unwrapped(shape, [(str(error), value)])
    return Unwrapped(shape, [post] if post else [])
