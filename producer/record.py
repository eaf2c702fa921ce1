"""Encodes records as compact JSON, within the limits of Kinesis (API reference, PutRecords)."""

import orjson

from producer.source import Record

MAX_RECORD_BYTES = 1024 * 1024
"""Limit of data and partition key together, unless the stream's limit was raised."""
MAX_KEY_CHARACTERS = 256


def to_json(record: Record) -> bytes:
    """Encode a record as compact UTF-8 JSON; an unpaired surrogate becomes U+FFFD."""
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError:
        return orjson.dumps({name: _replace_surrogates(getattr(record, name)) for name in Record.__slots__})


def partition_key(data: bytes) -> str:
    """Return the partition key of an encoded record: the username, which keeps an author's tweets in order."""
    key: str = orjson.loads(data)["username"]
    return key


def objection(record: Record, data: bytes) -> str | None:
    """Return why Kinesis would always refuse the record, or None."""
    if not 1 <= len(record.username) <= MAX_KEY_CHARACTERS:
        return (
            f"a username of {len(record.username)} characters; a partition key has 1 to {MAX_KEY_CHARACTERS}"
        )
    size = len(data) + len(record.username.encode(errors="replace"))
    if size > MAX_RECORD_BYTES:
        return f"{size:,} bytes; the limit is {MAX_RECORD_BYTES:,}"
    return None


def _replace_surrogates(value: str | None) -> str | None:
    return value and value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
