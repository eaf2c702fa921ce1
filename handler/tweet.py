"""Parses a record's payload into a tweet, or names the reason why it can never be one; pure functions.

Three shapes are read: the stream's own record (README.md beside this file), an object of X's v2 filtered
stream, and an X v1.1 status.
"""

import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from handler.errors import HandlerError
from handler.record import KinesisRecord, arrival_time, iso


class Reason(StrEnum):
    """Why a record is in quarantine; each reason is a folder of the bucket."""

    NOT_BASE64 = "not-base64"
    AGGREGATED = "aggregated"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    CONTROL_MESSAGE = "control-message"
    NOT_A_TWEET = "not-a-tweet"
    INVALID_KEY = "invalid-key"
    TOO_LARGE = "too-large"
    REFUSED = "refused"


class PoisonError(HandlerError):
    """A record that fails however often it is retried; `reason` is the kind, the message the detail."""

    def __init__(self, reason: Reason, error: str) -> None:
        super().__init__(error)
        self.reason = reason


class Tweet(NamedTuple):
    """A tweet as the table stores it: the values of `Username`, `Id`, `Timestamp` and `Message`."""

    username: str
    id: str
    timestamp: str
    message: str


_AGGREGATED_MAGIC: Final = b"\xf3\x89\x9a\xc2"
"""The first bytes of a record aggregated by the Kinesis Producer Library ("KPL Aggregated Record Format")."""

_CONTROL_MEMBERS: Final = frozenset(
    [
        # v1.1: delete and limit notices, withheld content, disconnects, stall warnings, user streams
        *("delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning"),
        *("event", "friends"),
        # v2: errors, wrapped or not, and the answers of the rules endpoint
        *("errors", "error", "title", "meta"),
    ]
)
"""Members of X's messages between the tweets ("Streaming message types"; "Handling disconnections")."""

_FINAL_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_tweet(record: KinesisRecord) -> Tweet:
    """Parse the tweet that a record carries.

    Raises:
        PoisonError: the record can never become an item.
    """
    message = _decode(record["kinesis"]["data"])
    if not isinstance(message, dict):
        raise PoisonError(
            Reason.NOT_A_TWEET, f"the payload is JSON of type {type(message).__name__}, not an object"
        )
    if "username" in message:
        parts = _own(message)
    elif "data" in message:
        parts = _v2(message)
    elif "user" in message:
        parts = _v1(message)
    elif _CONTROL_MEMBERS.isdisjoint(message):
        raise PoisonError(Reason.NOT_A_TWEET, "no member of the object is username, data or user")
    else:
        raise PoisonError(Reason.CONTROL_MESSAGE, "a message of X's stream that is not a tweet")
    username, identifier, created, text = parts
    return Tweet(
        _key(username, "the username"),
        # Python's integers are exact at any size; a float has already lost its last digits.
        _key(str(identifier) if type(identifier) is int else identifier, "the id"),
        created or iso(arrival_time(record)),
        text,
    )


_Parts = tuple[object, object, str | None, str]
"""Username and id as received, the time of creation in its final form or None, and the text."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_parse_json: Final = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _decode(data: str) -> Any:
    try:
        payload = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise PoisonError(Reason.NOT_BASE64, str(error)) from None
    if payload.startswith(_AGGREGATED_MAGIC):
        raise PoisonError(
            Reason.AGGREGATED, "aggregated by the Kinesis Producer Library: turn aggregation off"
        )
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise PoisonError(Reason.NOT_UTF8, str(error)) from None
    try:
        return _parse_json(text)
    except RecursionError:
        raise PoisonError(Reason.NOT_JSON, "nested too deeply") from None
    except ValueError as error:
        if not text.strip():
            raise PoisonError(Reason.CONTROL_MESSAGE, "an empty line, the keep-alive of X's stream") from None
        raise PoisonError(Reason.NOT_JSON, str(error)) from None


def _own(record: dict[str, Any]) -> _Parts:
    return record["username"], record.get("id"), _time(record.get("created_at")), _string(record.get("text"))


def _v2(message: dict[str, Any]) -> _Parts:
    data = _object(message["data"], "data")
    includes = message.get("includes")
    author = data.get("author_id")
    user = _included(includes, "users", author)
    username = user.get("username") or author or "unknown"
    text = _v2_text(data)
    for reference in _objects(data.get("referenced_tweets")):
        original = _included(includes, "tweets", reference.get("id"))
        if reference.get("type") == "retweeted" and original:
            text = _retweet(text, _v2_text(original))
    return username, data.get("id"), _time(data.get("created_at")), _unescape(text)


def _v1(status: dict[str, Any]) -> _Parts:
    user = _object(status["user"], "user")
    text = _v1_text(status)
    if isinstance(original := status.get("retweeted_status"), dict):
        text = _retweet(text, _v1_text(original))
    return (
        user.get("screen_name") or user.get("id_str") or "unknown",
        status.get("id_str") or status.get("id"),
        _time(status.get("created_at"), _v1_time_to_iso),
        _unescape(text),
    )


def _v2_text(data: dict[str, Any]) -> str:
    """Return a post's text; in a long post, `text` is only the beginning."""
    note = data.get("note_tweet")
    return _string(note.get("text") if isinstance(note, dict) else data.get("text"))


def _v1_text(status: dict[str, Any]) -> str:
    extended = status.get("extended_tweet")
    if isinstance(extended, dict) and "full_text" in extended:
        return _string(extended["full_text"])
    return _string(status.get("full_text", status.get("text")))


def _retweet(text: str, original: str) -> str:
    """Replace the shortened original in a retweet's text, `RT @name: …`, by the whole one."""
    head, separator, _ = text.partition(": ")
    return head + separator + original if head.startswith("RT @") else text


def _unescape(text: str) -> str:
    """Undo X's escaping of three characters; the ampersand last, so that `&amp;lt;` becomes `&lt;`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _time(value: object, to_iso: Callable[[str], str] = str) -> str | None:
    """Convert a time of creation to its final form, None to None; a time without an offset is UTC."""
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise TypeError
        moment = datetime.fromisoformat(to_iso(value))
        if _FINAL_FORM(value):  # nearly always so, and formatting costs ten times this check
            return value
        return iso(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
    except (TypeError, ValueError, OverflowError):
        raise PoisonError(Reason.NOT_A_TWEET, "created_at is not a time") from None


def _v1_time_to_iso(value: str) -> str:
    """Convert `Wed Oct 10 20:19:24 +0000 2018` to ISO 8601; `strptime` is slower than all other parsing."""
    _, month, day, clock, offset, year = value.split()
    return f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}{offset}"


def _included(includes: object, kind: str, identifier: object) -> dict[str, Any]:
    """Find the expanded object of an id; an empty one if `includes` lacks it or is absent."""
    if isinstance(includes, dict) and identifier is not None:
        for candidate in _objects(includes.get(kind)):
            if candidate.get("id") == identifier:
                return candidate
    return {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PoisonError(Reason.NOT_A_TWEET, f"{name} is {type(value).__name__}, not an object")
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise PoisonError(Reason.NOT_A_TWEET, f"the text is {type(value).__name__}, not a string")
    return value


def _key(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise PoisonError(Reason.INVALID_KEY, f"{name} is {'empty' if value == '' else type(value).__name__}")
    return value
