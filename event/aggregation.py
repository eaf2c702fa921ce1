"""Reads records that the Kinesis Producer Library aggregated: many user records in one Kinesis record.

"KPL Aggregated Record Format" (awslabs/amazon-kinesis-producer): four bytes of magic, a protobuf message, and the
MD5 digest of that message:

    message AggregatedRecord { repeated string partition_key_table = 1; repeated string explicit_hash_key_table = 2;
                               repeated Record records = 3; }
    message Record { required uint64 partition_key_index = 1; optional uint64 explicit_hash_key_index = 2;
                     required bytes data = 3; repeated Tag tags = 4; }

A record whose envelope is damaged is quarantined whole, because nothing in it can be trusted. What is in an intact
envelope is handled user record by user record, whatever its keys are.
"""

import binascii
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

from event.limits import MAX_PARTITION_KEY
from event.poison import PoisonError, Reason
from event.record import KinesisRecord

AGGREGATED_MAGIC: Final = b"\xf3\x89\x9a\xc2"
"""The first bytes of an aggregated record."""

_MAGIC_IN_BASE64: Final = "84maw"
"""The first 30 of the 32 bits: enough to spare other records a second decoding."""
_DIGEST_BYTES: Final = 16
_MAX_VARINT_BYTES: Final = 10

_PARTITION_KEYS: Final = 1
_HASH_KEYS: Final = 2
_RECORDS: Final = 3
_KEY_INDEX: Final = 1
_HASH_KEY_INDEX: Final = 2
_DATA: Final = 3

_MAX_HASH_KEY: Final = (1 << 128) - 1
"""An explicit hash key is a number of 128 bits ("PutRecords")."""


class _UserRecord(NamedTuple):
    """A user record; the positions of its keys in their tables, None without one."""

    key: int | None
    hash_key: int | None
    data: bytes


def deaggregate(record: KinesisRecord) -> Sequence[KinesisRecord]:
    """Return the user records of an aggregated record in their order; any other record is its only one.

    A user record has the sequence number of its Kinesis record, and its position as `subSequenceNumber`. It has
    the partition key of the Kinesis record if its own is missing, or is none that Kinesis takes.

    Raises:
        PoisonError: the record is aggregated, and damaged.
    """
    kinesis = record["kinesis"]
    if not kinesis["data"].startswith(_MAGIC_IN_BASE64):
        return (record,)
    try:
        payload = binascii.a2b_base64(kinesis["data"], strict_mode=True)
    except ValueError:
        return (record,)
    if not payload.startswith(AGGREGATED_MAGIC):
        return (record,)
    try:
        keys, hash_keys, user_records = _parse(payload)
    except ValueError as error:
        raise PoisonError(Reason.AGGREGATED, f"aggregated, but {error}") from None
    expanded = []
    for number, user_record in enumerate(user_records):
        own: dict[str, Any] = {
            "data": binascii.b2a_base64(user_record.data, newline=False).decode(),
            "subSequenceNumber": number,
        }
        if key := _find(keys, user_record.key):
            own["partitionKey"] = key
        if hash_key := _find(hash_keys, user_record.hash_key):
            own["explicitHashKey"] = hash_key
        expanded.append(cast("KinesisRecord", {**record, "kinesis": {**kinesis, **own}}))
    return expanded


def _parse(payload: bytes) -> tuple[list[str | None], list[str | None], list[_UserRecord]]:
    """Return the partition keys, the explicit hash keys and the user records; None for a key that Kinesis rejects.

    Raises:
        ValueError: the envelope is damaged; the message says how.
    """
    message, digest = payload[len(AGGREGATED_MAGIC) : -_DIGEST_BYTES], payload[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise ValueError("the MD5 digest is wrong: the record was changed or cut short")
    keys: list[str | None] = []
    hash_keys: list[str | None] = []
    records: list[_UserRecord] = []
    for number, value in _fields(message):
        if number == _PARTITION_KEYS:
            keys.append(_partition_key(_bytes(value)))
        elif number == _HASH_KEYS:
            hash_keys.append(_hash_key(_bytes(value)))
        elif number == _RECORDS:
            records.append(_user_record(_bytes(value)))
    if not records:
        raise ValueError("it has no user record")
    return keys, hash_keys, records


def _user_record(message: bytes) -> _UserRecord:
    key, hash_key, data = None, None, b""
    for number, value in _fields(message):
        if number == _KEY_INDEX and isinstance(value, int):
            key = value
        elif number == _HASH_KEY_INDEX and isinstance(value, int):
            hash_key = value
        elif number == _DATA:
            data = _bytes(value)
    return _UserRecord(key, hash_key, data)


def _partition_key(value: bytes) -> str | None:
    key = value.decode(errors="replace")
    return key if 1 <= len(key) <= MAX_PARTITION_KEY else None


def _hash_key(value: bytes) -> str | None:
    is_number = value.isdigit() and len(value) <= len(str(_MAX_HASH_KEY)) and int(value) <= _MAX_HASH_KEY
    return value.decode() if is_number else None


def _find(table: Sequence[str | None], index: int | None) -> str | None:
    return table[index] if index is not None and index < len(table) else None


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field has the wrong type")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf message, unknown ones included ("Encoding", protobuf.dev)."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire_type = tag & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if wire_type == 2:
            length, position = _varint(message, position)
        elif wire_type in (1, 5):
            length = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"it has a field of the unknown wire type {wire_type}")
        if length > len(message) - position:
            raise ValueError("a field is longer than what contains it")
        yield tag >> 3, message[position : position + length]
        position += length


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    value = 0
    for shift, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise ValueError("a number does not end")
