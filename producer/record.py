"""A record as the stream takes it: compact JSON, and the limits of Kinesis (API reference, PutRecords)."""

import orjson

from producer.source import Record

MAX_RECORD_BYTES = 1024 * 1024
"""Data and partition key together; more only on a stream whose limit was raised."""
MAX_KEY_CHARACTERS = 256


def to_json(record: Record) -> bytes:
    """The record as compact UTF-8 JSON; half of a surrogate pair, which UTF-8 cannot say, becomes U+FFFD."""
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError:
        return orjson.dumps({name: _mend(getattr(record, name)) for name in Record.__slots__})


def partition_key(data: bytes) -> str:
    """The partition key of what `to_json` made: the username, so that an author's tweets keep their order."""
    key: str = orjson.loads(data)["username"]
    return key


def objection(record: Record, data: bytes) -> str | None:
    """Why Kinesis would refuse the record for ever, or None."""
    if not 1 <= len(record.username) <= MAX_KEY_CHARACTERS:
        return (
            f"a username of {len(record.username)} characters; a partition key has 1 to {MAX_KEY_CHARACTERS}"
        )
    size = len(data) + len(record.username.encode(errors="replace"))
    if size > MAX_RECORD_BYTES:
        return f"{size:,} bytes; the stream takes {MAX_RECORD_BYTES:,}"
    return None


def _mend(value: str | None) -> str | None:
    return value and value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
