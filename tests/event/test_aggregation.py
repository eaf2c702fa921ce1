"""Records aggregated by the Kinesis Producer Library, made by AWS's own implementation of the format."""

import base64
import hashlib
from contextlib import suppress
from typing import Any

import aws_kinesis_agg.aggregator  # noqa: F401 # puts its folder on the path, from which messages_pb2 imports
import pytest
from aws_kinesis_agg import messages_pb2
from hypothesis import given
from hypothesis import strategies as st

from event.aggregation import MAX_USER_RECORDS, deaggregate
from event.poison import PoisonError, Reason
from tests.handler.events import aggregate, record

MAGIC = b"\xf3\x89\x9a\xc2"

PARTITION_KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def envelope(message: bytes) -> bytes:
    """An intact envelope around any message."""
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def message(*payloads: bytes, index: int = 0, key: str = "ada") -> Any:
    """An aggregated record's message, to be changed by a test."""
    made = messages_pb2.AggregatedRecord()
    made.partition_key_table.append(key)
    for payload in payloads:
        made.records.add(partition_key_index=index, data=payload)
    return made


def read(payload: bytes) -> list[tuple[str, bytes]]:
    """The partition key and the payload of each user record."""
    return [
        (each["kinesis"]["partitionKey"], base64.b64decode(each["kinesis"]["data"]))
        for each in deaggregate(record(payload))
    ]


@given(st.lists(st.tuples(PARTITION_KEYS, st.binary(max_size=40)), min_size=1, max_size=30))
def test_aggregated_records_are_read_in_order(user_records: list[tuple[str, bytes]]) -> None:
    payload = aggregate(*(data for _, data in user_records), keys=[key for key, _ in user_records])
    assert read(payload) == user_records


def test_a_user_record_keeps_its_kinesis_records_place_and_has_a_position() -> None:
    whole = record(aggregate(b"a", b"b"), 17)
    for position, user_record in enumerate(deaggregate(whole)):
        assert {**user_record, "kinesis": None} == {**whole, "kinesis": None}
        assert user_record["kinesis"]["sequenceNumber"] == "17"
        assert user_record["kinesis"]["subSequenceNumber"] == position


@given(st.binary(max_size=40))
def test_any_other_record_is_its_only_one(payload: bytes) -> None:
    plain = record(payload)
    assert payload.startswith(MAGIC) or list(deaggregate(plain)) == [plain]


def test_a_record_that_only_begins_like_an_aggregated_one_is_its_only_one() -> None:
    plain = record(b"\xf3\x89\x9a\xc1")
    not_base64 = record(b"")
    not_base64["kinesis"]["data"] = "84maw!"
    assert list(deaggregate(plain)) == [plain]
    assert list(deaggregate(not_base64)) == [not_base64]


def test_explicit_hash_keys_tags_and_unknown_fields_are_passed_over() -> None:
    made = message(b"payload")
    made.explicit_hash_key_table.append("123")
    made.records[0].explicit_hash_key_index = 0
    made.records[0].tags.add(key="colour", value="blue")
    unknown = b"\x79" + bytes(8) + b"\x7d" + bytes(4) + b"\x78\x01" + b"\x7a\x01x"  # field 15, each wire type
    assert read(envelope(unknown + made.SerializeToString() + unknown)) == [("ada", b"payload")]


def test_the_table_of_partition_keys_may_follow_the_records() -> None:
    records, table = message(b"payload"), message()
    del records.partition_key_table[:]
    assert read(envelope(records.SerializeToString() + table.SerializeToString())) == [("ada", b"payload")]


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (MAGIC, "the MD5 digest is wrong"),
        (aggregate(b"payload")[:-1], "the MD5 digest is wrong"),
        (aggregate(b"payload").replace(b"payload", b"changed"), "the MD5 digest is wrong"),
        (envelope(b""), "no user record"),
        (envelope(message().SerializeToString()), "no user record"),
        (envelope(message(b"x", index=1).SerializeToString()), "a partition key that is not there"),
        (envelope(message(b"x", key="k" * 257).SerializeToString()), "a partition key has 257 characters"),
        (envelope(message(b"x", key="").SerializeToString()), "a partition key has 0 characters"),
        (envelope(b"\x0a\x01\xff"), "invalid start byte"),
        (envelope(message(b"x").SerializeToString() + b"\x1a\x00"), "lacks its partition key or its data"),
        (envelope(b"\x1a\x7f"), "a field is longer than what contains it"),
        (envelope(b"\x18\x01"), "a field has the wrong type"),
        (envelope(b"\x1b"), "the unknown wire type 3"),
        (envelope(b"\xff" * 20), "a number does not end"),
        (envelope(b"\x1a"), "a number does not end"),
        (
            envelope(message(*[b""] * (MAX_USER_RECORDS + 1)).SerializeToString()),
            "more than 10,000 user records",
        ),
    ],
)
def test_a_damaged_record_is_poison_with_the_reason(payload: bytes, error: str) -> None:
    with pytest.raises(PoisonError, match=error) as raised:
        deaggregate(record(payload))
    assert raised.value.reason is Reason.AGGREGATED


@given(st.binary(max_size=60))
def test_whatever_an_envelope_holds_is_read_or_poison(content: bytes) -> None:
    with suppress(PoisonError):
        assert deaggregate(record(envelope(content)))


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    payload = bytearray(aggregate(b"one", b"two"))
    position = data.draw(st.integers(len(MAGIC), len(payload) - 1))
    payload[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PoisonError, match="the MD5 digest is wrong"):
        deaggregate(record(bytes(payload)))
