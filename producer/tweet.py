"""Parses tweets as X delivers them: v2 stream objects and the older v1.1 statuses.

Pure functions on the hot path: no `strptime`, and no work for members that a tweet lacks.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson

from producer.source import Record

Json = dict[str, Any]

# Ids created since 4 November 2010 contain their time: milliseconds since this epoch, above 22 bits ("Snowflake").
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_SNOWFLAKES = range(29_700_859_247, 1 << 63)

_V1_DATE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d:\d\d:\d\d) \+0000 (\d{4})", re.ASCII)
_RECORD_DATE = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z", re.ASCII)
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}


class NotATweet(ValueError):  # noqa: N818  -- an answer about the input, not a failure
    """The input cannot become a record; the message is the reason."""


def load(line: bytes) -> object:
    """Decode one line of JSON; an unpaired surrogate becomes U+FFFD.

    Raises:
        NotATweet: the line is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if b"\\u" in line:
            try:
                return _load_lone_surrogates(line)
            except (ValueError, RecursionError):
                pass  # the first error is the one to report
        raise NotATweet(f"not JSON: {error}") from error


def _load_lone_surrogates(line: bytes) -> object:
    # The escape of a lone surrogate is JSON to the standard library but not to orjson, and never valid UTF-8.
    text = json.dumps(json.loads(line), ensure_ascii=False)
    return orjson.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def parse(obj: object, source: str) -> Record:
    """Convert a decoded tweet, a v2 stream object or a v1.1 status, to a record.

    The text is the whole text: of a long post, of the original of a retweet; `&amp;`, `&lt;` and `&gt;` are
    unescaped. A username that X left out is replaced by the author's id, an unknown author by `unknown`. A
    missing time is taken from the id.

    Raises:
        NotATweet: no id, no text, no time, an id or a username that is neither text nor a number, or
            something else altogether, such as a deletion notice.
    """
    if not isinstance(obj, dict):
        raise NotATweet("not a JSON object")
    data = obj.get("data")
    if isinstance(data, dict):
        includes = obj.get("includes")
        text = _text_v2(data, includes)
        username = _username(data, includes)
        tweet = data
    elif data is None:
        text = _text_v1(obj)
        username = _username_v1(obj)
        tweet = obj
    else:
        raise NotATweet("`data` is not a single post; give one post per line")
    if not isinstance(text, str):
        raise NotATweet(f"no text in an object of {', '.join(list(tweet)[:5]) or 'no members'}")
    tweet_id = _tweet_id(tweet)
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    lang = tweet.get("lang")
    return Record(
        username=username,
        id=tweet_id,
        created_at=_created_at(tweet.get("created_at"), tweet_id),
        text=text,
        lang=lang if isinstance(lang, str) else None,
        source=source,
    )


def iso_utc(time: object) -> str | None:
    """Normalize an ISO 8601 time to UTC, milliseconds and `Z`; None if it cannot be parsed."""
    if not isinstance(time, str):
        return None
    try:
        moment = datetime.fromisoformat(time)
        # X's times already have this form, and formatting one anew is most of the work here.
        if _RECORD_DATE.fullmatch(time):
            return time
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return iso_ms(moment)


def iso_ms(moment: datetime) -> str:
    """Format a UTC time as in the records: `2026-11-23T14:41:28.000Z`."""
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def _text_v2(data: Json, includes: object) -> object:
    text = _whole_text_v2(data)
    # The text of a withheld retweet is a notice without this prefix, which is kept.
    if isinstance(text, str) and text.startswith("RT @") and (retweeted := _retweeted_id(data)):
        for original in _objects(includes, "tweets"):
            if original.get("id") == retweeted and isinstance(whole := _whole_text_v2(original), str):
                prefix, _, _ = text.partition(": ")
                return f"{prefix}: {whole}"
    return text


def _whole_text_v2(data: Json) -> object:
    note = data.get("note_tweet")
    if isinstance(note, dict) and isinstance(note.get("text"), str):
        return note["text"]
    return data.get("text")


def _retweeted_id(data: Json) -> object:
    for reference in _objects(data, "referenced_tweets"):
        if reference.get("type") == "retweeted":
            return reference.get("id")
    return None


def _username(data: Json, includes: object) -> str:
    author = data.get("author_id")
    author_id = _key(author)
    if not author_id:
        return "unknown"
    for user in _objects(includes, "users"):
        if user.get("id") == author and isinstance(name := user.get("username"), str) and name:
            return name
    return author_id


def _text_v1(status: Json) -> object:
    retweeted = status.get("retweeted_status")
    if isinstance(retweeted, dict) and isinstance(whole := _whole_text_v1(retweeted), str):
        return f"RT @{_username_v1(retweeted)}: {whole}"
    return _whole_text_v1(status)


def _whole_text_v1(status: Json) -> object:
    extended = status.get("extended_tweet")
    if isinstance(extended, dict) and isinstance(extended.get("full_text"), str):
        return extended["full_text"]
    full_text = status.get("full_text")
    return status.get("text") if full_text is None else full_text


def _username_v1(status: Json) -> str:
    user = status.get("user")
    if not isinstance(user, dict):
        return "unknown"
    return _key(user.get("screen_name")) or _key(user.get("id_str")) or _key(user.get("id")) or "unknown"


def _tweet_id(tweet: Json) -> str:
    # JSON readers may have rounded v1.1's number, but not its string.
    if tweet_id := _key(tweet.get("id_str")) or _key(tweet.get("id")):
        return tweet_id
    raise NotATweet("no id")


def _key(value: object) -> str:
    """Return an id or a username as a string, empty if it is missing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if type(value) is int and value > 0:
        return str(value)
    raise NotATweet(f"{value!r:.40} is not an id or a username")


def _created_at(created_at: object, tweet_id: str) -> str:
    if isinstance(created_at, str):
        if found := _V1_DATE.fullmatch(created_at):
            month, day, time, year = found.groups()
            created_at = f"{year}-{_MONTHS.get(month, '??')}-{day}T{time}.000Z"
        if normalised := iso_utc(created_at):
            return normalised
    if tweet_id.isascii() and tweet_id.isdigit() and len(tweet_id) < 20 and int(tweet_id) in _SNOWFLAKES:
        milliseconds = (int(tweet_id) >> 22) + _SNOWFLAKE_EPOCH_MS
        return iso_ms(
            datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
        )
    raise NotATweet(f"no time: created_at is {created_at!r}, and the id {tweet_id[:40]} contains none")


def _objects(parent: object, member: str) -> list[Json]:
    """Return the objects in a list; empty if the member is missing or not a list."""
    found = parent.get(member) if isinstance(parent, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
