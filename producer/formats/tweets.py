"""The tweets' format: every shape of X's is read, and becomes the stream's own record (event/README.md)."""

import json
from dataclasses import dataclass

import orjson

from event.item import MAX_SORT_KEY_BYTES, Key
from event.poison import PoisonError, Reason
from event.schema import TOMBSTONE
from event.types.tweet import EVENT, RECORD_VERSION, parse_post
from producer.formats import Unwrapped
from producer.sources.source import Rejected
from producer.spooling.entry import StreamRecord


@dataclass  # neither frozen nor with slots: those take four times as long to make and to encode
class Record:
    """A tweet as it is put on the stream; the fields are the JSON object's members (event/README.md).

    `id` is a string because 64-bit ids lose digits as JSON numbers; `created_at` is ISO 8601 in UTC with
    milliseconds and a `Z`.
    """

    username: str
    id: str
    created_at: str
    text: str
    lang: str | None
    source: str
    version: int = RECORD_VERSION

    def encode(self) -> StreamRecord | Rejected:
        """Encode the tweet; the username is its partition key. An unpaired surrogate becomes U+FFFD.

        A tweet that Kinesis or the table would never accept is rejected.
        """
        username = self.username
        try:
            data = orjson.dumps(self)
        except orjson.JSONEncodeError:
            members = {name: _replace_surrogates(value) for name, value in vars(self).items()}
            username, data = str(members["username"]), orjson.dumps(members)
        return _within_limits(StreamRecord(username, data), self.id)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The deletion of a tweet, by the key that its record has."""

    username: str
    id: str

    def encode(self) -> StreamRecord | Rejected:
        """Encode the deletion, under the partition key of the tweet, so that it comes after it.

        That of a tweet which Kinesis or the table would never accept is rejected too.
        """
        data = EVENT.encode_tombstone((self.username, self.id))
        return _within_limits(StreamRecord(self.username, data, deletes=True), self.id)


class DeletionNotice:
    """X's notice of a deleted tweet: it names the author by the id at most, and a row has the name."""

    def encode(self) -> None:
        """Return None: there is nothing to send."""


class TweetFormat:
    """The format of tweets."""

    schema = EVENT

    def decode(self, line: bytes) -> Record | Tombstone:
        """Return the tweet in a line of JSON, in any of the shapes that the function reads, or the tombstone of one.

        Raises:
            PoisonError: the line is not JSON or not a tweet, or the tweet's time is unknown.
        """
        message = load(line)
        if type(message) is dict and TOMBSTONE in message:
            return Tombstone(*EVENT.read_event(message))
        return to_record(message, "file")

    def unwrap(self, value: bytes) -> Unwrapped | None:
        """Return the tweets in a page, an export or a dump; None if the value is none of these."""
        from producer.formats import shapes  # on demand: most files need none of it

        return shapes.unwrap(value)

    def read_key(self, data: bytes) -> Key:
        """Return username and id of a tweet on the stream."""
        tweet = orjson.loads(data)
        if TOMBSTONE in tweet:
            return EVENT.read_event(tweet)
        return tweet["username"], tweet["id"]

    def read_time(self, data: bytes) -> str | None:
        """Return when a tweet on the stream was created; None for a tombstone."""
        created_at: str | None = orjson.loads(data).get("created_at")
        return created_at


def load(line: bytes) -> object:
    """Decode one line of JSON; an unpaired surrogate becomes U+FFFD.

    Raises:
        PoisonError: the line is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if b"\\u" in line:
            try:
                return _load_lone_surrogates(line)
            except (ValueError, RecursionError):
                pass  # the first error is the one to report
        raise PoisonError(Reason.NOT_JSON, f"not JSON: {error}") from error


def is_deletion_notice(message: object) -> bool:
    """Tell whether a decoded message is X's notice of a deleted tweet ("Streaming message types", v1.1)."""
    match message:
        case {"delete": {"status": dict()}}:
            return True
    return False


def to_record(message: object, source: str) -> Record:
    """Parse a decoded tweet, in any of the shapes that the function reads.

    Raises:
        PoisonError: the message is not a tweet, or its time is unknown.
    """
    username, identifier, created_at, text, lang = parse_post(message)
    if created_at is None:
        raise PoisonError(
            Reason.NOT_A_TWEET, f"no time: created_at is missing, and the id {identifier[:40]} contains none"
        )
    return Record(username, identifier, created_at, text, lang, source)


def _within_limits(encoded: StreamRecord, identifier: str) -> StreamRecord | Rejected:
    """Return the record of a tweet with that id; reject it if Kinesis or the table would never accept it."""
    size = len(identifier.encode(errors="replace"))
    if 1 <= size <= MAX_SORT_KEY_BYTES:
        reason = encoded.excess("a username")
    else:
        reason = f"an id of {size:,} bytes; the table takes 1 to {MAX_SORT_KEY_BYTES:,}"
    return Rejected(f"tweet {identifier}", reason) if reason else encoded


def _load_lone_surrogates(line: bytes) -> object:
    # The escape of a lone surrogate is JSON to the standard library but not to orjson, and never valid UTF-8.
    text = json.dumps(json.loads(line), ensure_ascii=False)
    return orjson.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _replace_surrogates(value: object) -> object:
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
