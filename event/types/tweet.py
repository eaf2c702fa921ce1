"""Parses tweets in every shape that X has given them; pure functions.

The one parser of the project: the function reads the stream's records with it, and the producer its sources.
Four shapes are read: an object of X's v2 filtered stream, a bare v2 post (also with its references inside, as
twarc's `flatten` writes them), an X v1.1 status, and the stream's own record (`event/README.md`). Each must prove that
it is one, because others write objects with an id and a text too. X renamed members of its v2 posts in August 2026 (its
OpenAPI document 2.0): both names are read, also side by side.
"""

import re
from datetime import UTC, datetime
from typing import Final

from event import record
from event.payload import Json, show
from event.poison import PoisonError, Reason
from event.record import iso
from event.schema import Attribute, Schema, Type, Values

RECORD_VERSION: Final = 1
"""Version of the stream's own record; a record that does not name one has this one."""

Post = tuple[str, str, str | None, str, str | None]
"""Username, id, time of creation in UTC with milliseconds and `Z`, text, language; time and language may be unknown."""

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

_RECORD_SOURCES: Final = frozenset(["x", "file", "bluesky"])
"""The values of `source` in the stream's own record, by which one of a later version is known."""

_V2_ENVELOPE: Final = frozenset(["data", "errors", "includes", "matching_rules"])
"""The members around a post ("Filtered stream", X API v2)."""

_STATUS_MEMBERS: Final = frozenset(
    [
        *("id_str", "truncated", "full_text", "extended_tweet", "extended_entities", "display_text_range"),
        *("retweeted_status", "quoted_status", "quoted_status_id", "is_quote_status"),
        *("in_reply_to_status_id", "in_reply_to_user_id", "in_reply_to_screen_name"),
        *("retweet_count", "favorite_count", "retweeted", "favorited", "possibly_sensitive"),
    ]
)
"""Members that v1.1 statuses have, and other objects with a user and a text have not ("Tweet object", v1.1)."""

_UNKNOWN_AUTHOR: Final = "unknown"

_V1_TIME: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})", re.ASCII
).fullmatch
_MONTHS: Final = {
    name: f"{number:02}"
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}

# Ids created since 4 November 2010 contain their time: milliseconds since this epoch, above 22 bits ("Snowflake").
_SNOWFLAKE_EPOCH_MS: Final = 1_288_834_974_657
_SNOWFLAKES: Final = range(29_700_859_247, 1 << 63)

_RETWEET_PREFIX: Final = re.compile(r"RT @\w+: ").match


def read_tweet(message: object) -> Values:
    """Read the attributes' values from a decoded message.

    Raises:
        PoisonError: as `parse_post` does.
    """
    return parse_post(message)[:4]


def parse_post(message: object) -> Post:
    """Parse a decoded message, in time linear in its size.

    The text is the whole one: of a long post, and of a retweet's original. X's escapes of `&`, `<` and `>` are
    undone; the stream's own record has none. A username that X left out is replaced by the author's id, and a
    time by that in the id.

    Raises:
        PoisonError: the message is no tweet, or lacks a valid id, username or text, or its time is not a time.
    """
    if not isinstance(message, dict):
        raise PoisonError(Reason.NOT_A_TWEET, f"JSON of type {type(message).__name__}, not an object")
    if "version" in message and ("username" in message or message.get("source") in _RECORD_SOURCES):
        return _parse_record(message)
    data = message.get("data")
    if isinstance(data, dict) and _is_v2(data, message):
        return _parse_v2(data, message.get("includes"), _UNKNOWN_AUTHOR)
    if isinstance(data, list):
        raise PoisonError(Reason.NOT_A_TWEET, "`data` is not a single post; give one post per line")
    if isinstance(user := message.get("user"), dict) and _is_v1(message, user):
        return _parse_v1(message, user)
    if data is None and _is_v2(message, message):
        return _parse_v2(message, None, "")
    if "username" in message:
        return _parse_record(message)
    if not _CONTROL_MEMBERS.isdisjoint(message):
        raise PoisonError(
            Reason.CONTROL_MESSAGE, f"a message of X's stream, not a tweet: {_members(message)}"
        )
    raise PoisonError(Reason.NOT_A_TWEET, f"no tweet and its author in {_members(message)}")


def _is_v2(post: Json, envelope: Json) -> bool:
    """Tell whether a post is X's: an id and a text alone may be a row of anybody's table."""
    if "matching_rules" in envelope or "edit_history_tweet_ids" in post or "edit_history_post_ids" in post:
        return True
    author = post.get("author_id")
    is_bare = envelope is post
    return isinstance(author, str) and author.isdigit() and (is_bare or envelope.keys() <= _V2_ENVELOPE)


def _is_v1(status: Json, user: Json) -> bool:
    """Tell whether a status is X's: a user and a text alone may be anybody's comment."""
    return not (_STATUS_MEMBERS.isdisjoint(status) or {"screen_name", "id", "id_str"}.isdisjoint(user))


def normalize_time(time: object) -> str | None:
    """Convert a time to UTC with milliseconds and `Z`; None if it is not a time.

    ISO 8601 is read, without an offset as UTC, and the form of v1.1: `Wed Oct 10 20:19:24 +0000 2018`.
    """
    if isinstance(time, str) and time[:1].isalpha() and (found := _V1_TIME(time)):
        month, day, clock, offset, year = found.groups()
        time = f"{year}-{_MONTHS.get(month, '??')}-{day}T{clock}.000{'Z' if offset == '+0000' else offset}"
    return record.normalize_time(time)


def _parse_record(record: Json) -> Post:
    version = record.get("version", RECORD_VERSION)
    if type(version) is not int or version != RECORD_VERSION:
        raise PoisonError(
            Reason.UNKNOWN_VERSION, f"version {show(version)} of the record; known is {RECORD_VERSION}"
        )
    username = record.get("username")
    if not isinstance(username, str) or not username:
        raise PoisonError(
            Reason.INVALID_KEY, f"the username is {'empty' if username == '' else type(username).__name__}"
        )
    identifier = _id(record.get("id"))
    text = record.get("text")
    return username, identifier, _created_at(record, identifier), _string(record, text), _lang(record)


def _parse_v2(post: Json, includes: object, unknown_author: str) -> Post:
    text = _string(post, _v2_text(post))
    # What X shows in place of a withheld retweet is a notice without this prefix, which is kept.
    if (prefix := _RETWEET_PREFIX(text)) and (original := _v2_original(post, includes)):
        text = prefix[0] + original
    username = _v2_username(post, includes) or unknown_author
    if not username:
        raise PoisonError(Reason.INVALID_KEY, "neither the author's name nor an id")
    identifier = _id(post.get("id"))
    return username, identifier, _created_at(post, identifier), _unescape(text), _lang(post)


def _v2_text(post: Json) -> object:
    """Return a post's text; `text` is only the beginning of a long post, and only the link of an article."""
    article = post.get("article")
    if isinstance(article, dict) and isinstance(body := article.get("plain_text"), str):
        title = article.get("title")
        return f"{title}\n\n{body}" if isinstance(title, str) and title else body
    for name in ("note_post", "note_tweet"):
        note = post.get(name)
        if isinstance(note, dict) and isinstance(whole := note.get("text"), str):
            return whole
    return post.get("text")


def _v2_original(post: Json, includes: object) -> str | None:
    """Return the whole text of the post that a retweet repeats, if it is included."""
    for reference in [*_objects(post, "referenced_posts"), *_objects(post, "referenced_tweets")]:
        if reference.get("type") in ("reposted", "retweeted"):
            identifier = reference.get("id")
            # A flattened post has the original in the reference itself.
            for original in (
                _find(includes, "posts", identifier),
                _find(includes, "tweets", identifier),
                reference,
            ):
                if isinstance(text := _v2_text(original), str):
                    return text
    return None


def _v2_username(post: Json, includes: object) -> str:
    author = post.get("author")
    identifier = post.get("author_id")
    if not isinstance(author, dict):
        author = _find(includes, "users", identifier)
    name = author.get("username")
    if isinstance(name, str) and name:
        return name
    return _key(identifier, "the author's id") or _key(author.get("id"), "the author's id")


def _parse_v1(status: Json, user: Json) -> Post:
    text = _string(status, _v1_text(status))
    original = status.get("retweeted_status")
    # The prefix keeps the author's name of that time.
    if isinstance(original, dict) and (prefix := _RETWEET_PREFIX(text)):
        whole = _v1_text(original)
        text = prefix[0] + whole if isinstance(whole, str) else text
    # JSON readers may have rounded the number of an id, but not its string.
    username = (
        _key(user.get("screen_name"), "the username")
        or _key(user.get("id_str"), "the author's id")
        or _key(user.get("id"), "the author's id")
        or _UNKNOWN_AUTHOR
    )
    identifier = _id(status.get("id_str") or status.get("id"))
    return username, identifier, _created_at(status, identifier), _unescape(text), _lang(status)


def _v1_text(status: Json) -> object:
    extended = status.get("extended_tweet")
    if isinstance(extended, dict) and isinstance(whole := extended.get("full_text"), str):
        return whole
    full_text = status.get("full_text")
    return status.get("text") if full_text is None else full_text


def _created_at(tweet: Json, identifier: str) -> str | None:
    created_at = tweet.get("created_at")
    if created_at is not None:
        if (time := normalize_time(created_at)) is None:
            raise PoisonError(Reason.NOT_A_TWEET, f"created_at is not a time: {show(created_at)}")
        return time
    if identifier.isascii() and identifier.isdigit() and len(identifier) < 20:
        number = int(identifier)
        if number in _SNOWFLAKES:
            seconds, milliseconds = divmod((number >> 22) + _SNOWFLAKE_EPOCH_MS, 1000)
            return iso(datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000))
    return None


def _unescape(text: str) -> str:
    """Undo X's escaping of three characters; the ampersand last, so that `&amp;lt;` becomes `&lt;`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _lang(tweet: Json) -> str | None:
    lang = tweet.get("lang")
    return lang if isinstance(lang, str) else None


def _string(tweet: Json, text: object) -> str:
    if not isinstance(text, str):
        fault = "no text" if text is None else f"a text of type {type(text).__name__}"
        raise PoisonError(Reason.NOT_A_TWEET, f"{fault} in {_members(tweet)}")
    return text


def _id(value: object) -> str:
    if identifier := value if isinstance(value, str) else _key(value, "the id"):
        return identifier
    raise PoisonError(Reason.INVALID_KEY, "the id is missing or empty")


def _key(value: object, name: str) -> str:
    """Return an id or a name as a string, empty if it is missing; X's ids are positive 64-bit integers."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    # A float has already lost its last digits.
    if type(value) is int and 0 < value < 1 << 64:
        return str(value)
    raise PoisonError(Reason.INVALID_KEY, f"{name} is neither a string nor a positive integer: {show(value)}")


def _find(includes: object, kind: str, identifier: object) -> Json:
    """Find an included object by its id; an empty one if it is absent. Called once for each kind."""
    if type(identifier) is int:
        identifier = str(identifier)
    if isinstance(identifier, str):
        for candidate in _objects(includes, kind):
            found = candidate.get("id")
            if found == identifier or (type(found) is int and str(found) == identifier):
                return candidate
    return {}


def _objects(parent: object, member: str) -> list[Json]:
    """Return the objects in a list; empty if the member is missing or not a list."""
    found = parent.get(member) if isinstance(parent, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _members(message: Json) -> str:
    """Name the first members of an object, for a person."""
    names = ", ".join(name[:30] for name in list(message)[:5]) or "no members"
    return f"an object of {names.encode(errors='backslashreplace').decode()}"


EVENT: Final = Schema(
    noun="tweet",
    partition_key=Attribute("Username", member="username"),
    sort_key=Attribute("Id", member="id"),
    attributes=(
        Attribute("Timestamp", Type.TIME, member="created_at", required=False),
        Attribute("Message", member="text"),
    ),
    time="Timestamp",
    shown=("Message",),
    read=read_tweet,
    samples=(
        '{"username":"ada","id":"1860000000000000001","created_at":"2026-11-23T14:41:28.000Z","text":"good morning",'
        '"lang":"en","source":"x","version":1}',
        '{"username":"grace","id":"1860000000000000002","created_at":"2026-11-23T14:41:29.500Z","text":"Tee & Käse",'
        '"lang":"de","source":"file","version":1}',
    ),
    invalid=('{"username":"ada","created_at":"2026-11-23T14:41:28.000Z","text":"no id"}',),
)
