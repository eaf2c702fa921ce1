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

from event.aggregation import deaggregate
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


@pytest.mark.parametrize(
    "made",
    [message(b"x", index=1), message(b"x", key="k" * 257), message(b"x", key="")],
    ids=["none", "long", "empty"],
)
def test_a_partition_key_that_kinesis_would_not_take_is_replaced_by_that_of_the_kinesis_record(
    made: Any,
) -> None:
    plain = record(envelope(made.SerializeToString()))
    plain["kinesis"]["partitionKey"] = "outer"
    assert [each["kinesis"]["partitionKey"] for each in deaggregate(plain)] == ["outer"]


def test_a_key_that_nobody_uses_harms_nobody() -> None:
    made = message(b"payload")
    made.partition_key_table.extend(["", "k" * 300])
    assert read(envelope(b"\x0a\x01\xff" + made.SerializeToString())) == [("\ufffd", b"payload")]
    assert read(envelope(made.SerializeToString() + b"\x0a\x01\xff")) == [("ada", b"payload")]


def test_a_user_record_without_data_is_an_empty_one_beside_its_siblings() -> None:
    assert read(envelope(message(b"x").SerializeToString() + b"\x1a\x00")) == [("ada", b"x"), ("ada", b"")]


def test_an_explicit_hash_key_stays_with_its_user_record() -> None:
    made = message(b"one", b"two", b"three", b"four")
    made.explicit_hash_key_table.extend(["5", "no number", "9" * 40])
    for number in range(3):
        made.records[number].explicit_hash_key_index = number
    found = [
        each["kinesis"].get("explicitHashKey")
        for each in deaggregate(record(envelope(made.SerializeToString())))
    ]
    assert found == ["5", None, None, None]


def test_what_amazons_kpl_wrote_is_read() -> None:
    with_hash_keys = record(b"")
    with_hash_keys["kinesis"]["data"] = (
        "84mawgoCZWUKAmZmEgE1EgE3GgcIABAAGgF4GgUIARoBeRoHCAAQARoBei4AJv2Le1v8ViDRQeahdvc="
    )
    assert [
        (kinesis["partitionKey"], kinesis.get("explicitHashKey"), kinesis["data"])
        for kinesis in (each["kinesis"] for each in deaggregate(with_hash_keys))
    ] == [("ee", "5", "eA=="), ("ff", None, "eQ=="), ("ee", "7", "eg==")]
    with_an_empty_one = record(b"")
    with_an_empty_one["kinesis"]["data"] = "84mawgoCZGQaBAgAGgAaBQgAGgF4tBd4Fe//nZVmyjbZ810cyw=="
    assert [each["kinesis"]["data"] for each in deaggregate(with_an_empty_one)] == ["", "eA=="]


def test_an_intact_record_has_as_many_user_records_as_fit_into_it() -> None:
    assert len(read(envelope(message(*[b"x"] * 100_000).SerializeToString()))) == 100_000


def test_tags_and_unknown_fields_are_passed_over() -> None:
    made = message(b"payload")
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
        (envelope(b"\x1a\x7f"), "a field is longer than what contains it"),
        (envelope(b"\x18\x01"), "a field has the wrong type"),
        (envelope(b"\x1b"), "the unknown wire type 3"),
        (envelope(b"\xff" * 20), "a number does not end"),
        (envelope(b"\x1a"), "a number does not end"),
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
