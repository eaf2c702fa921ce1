"""Converts tweets to the stream's records: decodes and parses them, decides the partition key, checks the limits."""

import json
from dataclasses import dataclass

import orjson

from event.item import MAX_SORT_KEY_BYTES
from event.limits import MAX_PARTITION_KEY, MAX_RECORD_BYTES
from event.poison import PoisonError, Reason
from event.types.tweet import parse_post
from producer.sources.source import Record, Rejected


@dataclass(slots=True)
class StreamRecord:
    """A record as PutRecords takes it.

    Attributes:
        partition_key: the username, which keeps an author's tweets in order.
        data: the tweet as compact UTF-8 JSON (event/README.md).
    """

    partition_key: str
    data: bytes


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


def encode(record: Record) -> StreamRecord | Rejected:
    """Encode a record and decide its partition key; an unpaired surrogate becomes U+FFFD.

    A record that Kinesis or the table would never accept is rejected.
    """
    username = record.username
    try:
        data = orjson.dumps(record)
    except orjson.JSONEncodeError:
        members = {name: _replace_surrogates(value) for name, value in vars(record).items()}
        username, data = str(members["username"]), orjson.dumps(members)
    if reason := _rejection_reason(record, data):
        return Rejected(f"tweet {record.id}", reason)
    return StreamRecord(username, data)


def read_partition_key(data: bytes) -> str:
    """Return the partition key of a record that `encode` has encoded in an earlier run."""
    username: str = orjson.loads(data)["username"]
    return username


def _rejection_reason(record: Record, data: bytes) -> str | None:
    """Return the limit that a record exceeds, or None."""
    if not 1 <= len(record.username) <= MAX_PARTITION_KEY:
        return (
            f"a username of {len(record.username)} characters; a partition key has 1 to {MAX_PARTITION_KEY}"
        )
    if not record.id or 4 * len(record.id) > MAX_SORT_KEY_BYTES < _byte_count(record.id):
        return f"an id of {_byte_count(record.id):,} bytes; the table takes 1 to {MAX_SORT_KEY_BYTES:,}"
    size = len(data) + _byte_count(record.username)
    if size > MAX_RECORD_BYTES:
        return f"{size:,} bytes; the limit is {MAX_RECORD_BYTES:,}"
    return None


def _byte_count(text: str) -> int:
    return len(text.encode(errors="replace"))


def _load_lone_surrogates(line: bytes) -> object:
    # The escape of a lone surrogate is JSON to the standard library but not to orjson, and never valid UTF-8.
    text = json.dumps(json.loads(line), ensure_ascii=False)
    return orjson.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _replace_surrogates(value: object) -> object:
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
