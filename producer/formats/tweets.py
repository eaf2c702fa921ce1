"""The tweets' format: every shape of X's is read, and becomes the stream's own record (event/README.md)."""

import json
from dataclasses import dataclass

import orjson

from event.item import MAX_SORT_KEY_BYTES, Key
from event.poison import PoisonError, Reason
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
        encoded = StreamRecord(username, data)
        if reason := self._id_excess() or encoded.excess("a username"):
            return Rejected(f"tweet {self.id}", reason)
        return encoded

    def _id_excess(self) -> str | None:
        """Return the limit that the id exceeds, or None."""
        size = len(self.id.encode(errors="replace"))
        if 1 <= size <= MAX_SORT_KEY_BYTES:
            return None
        return f"an id of {size:,} bytes; the table takes 1 to {MAX_SORT_KEY_BYTES:,}"


class TweetFormat:
    """The format of tweets."""

    schema = EVENT

    def decode(self, line: bytes) -> Record:
        """Return the tweet in a line of JSON, in any of the shapes that the function reads.

        Raises:
            PoisonError: the line is not JSON or not a tweet, or the tweet's time is unknown.
        """
        return to_record(load(line), "file")

    def unwrap(self, value: bytes) -> Unwrapped | None:
        """Return the tweets in a page, an export or a dump; None if the value is none of these."""
        from producer.formats import shapes  # on demand: most files need none of it

        return shapes.unwrap(value)

    def read_key(self, data: bytes) -> Key:
        """Return username and id of a tweet on the stream."""
        tweet = orjson.loads(data)
        return tweet["username"], tweet["id"]

    def read_time(self, data: bytes) -> str | None:
        """Return when a tweet on the stream was created."""
        created_at: str = orjson.loads(data)["created_at"]
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


def _load_lone_surrogates(line: bytes) -> object:
    # The escape of a lone surrogate is JSON to the standard library but not to orjson, and never valid UTF-8.
    text = json.dumps(json.loads(line), ensure_ascii=False)
    return orjson.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _replace_surrogates(value: object) -> object:
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
