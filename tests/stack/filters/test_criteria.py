"""A mapping's filters deliver the records that AWS would deliver, and one that delivers none is rejected."""

import base64
import json

import pytest

from stack.errors import FilterError, MisreadFilterError
from stack.filters.criteria import parse_criteria

GUIDE = b'{"record": 12345, "order": {"type": "buy", "stock": "ANYCO", "quantity": 1000}}'
"""The record of "Using event filtering with a Kinesis event source", AWS Lambda Developer Guide."""


def delivers(patterns: str | list[str], data: bytes, partition_key: str = "1") -> bool:
    criteria = parse_criteria([patterns] if isinstance(patterns, str) else patterns)
    return criteria.delivers(
        {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1545084650.987,
        }
    )


def test_without_filters_every_record_is_delivered() -> None:
    assert delivers([], b"hello, not JSON")


@pytest.mark.parametrize(
    ("pattern", "delivered"),
    [
        ('{"data": {"order": {"type": ["buy"]}}}', True),
        ('{"data": {"order": {"type": ["sell"]}}}', False),
        ('{"data": {"record": [12345], "order": {"quantity": [{"numeric": [">=", 1000]}]}}}', True),
    ],
)
def test_the_guides_record_is_filtered_as_the_guide_says(pattern: str, delivered: bool) -> None:
    assert delivers(pattern, GUIDE) == delivered


def test_one_filter_that_matches_is_enough() -> None:
    patterns = [f'{{"data": {{"order": {{"type": ["{kind}"]}}}}}}' for kind in ("sell", "buy", "hold")]
    assert delivers(patterns, GUIDE)
    assert not delivers(patterns[::2], GUIDE)


def test_the_other_members_of_a_record_are_filtered_too() -> None:
    pattern = '{"partitionKey": ["1"], "data": {"order": {"type": ["buy"]}}}'
    assert delivers(pattern, GUIDE, "1")
    assert not delivers(pattern, GUIDE, "2")
    assert delivers('{"approximateArrivalTimestamp": [{"numeric": [">", 1545084650]}]}', GUIDE)
    assert not delivers('{"approximateArrivalTimestamp": [{"numeric": [">", 1545084651]}]}', GUIDE)


@pytest.mark.parametrize(
    "data",
    [b"hello, not JSON", b"\xff", b'{"a": NaN}', b'{"a": 1', b"[" * 100_000, b"", b"\xf3\x89\x9a\xc2\n\x01a"],
)
def test_a_record_that_is_not_json_matches_only_a_filter_that_does_not_name_data(data: bytes) -> None:
    absent = '{"data": {"a": [{"exists": false}]}}'
    assert not delivers(absent, data)
    assert not delivers('{"data.a": [{"exists": false}]}', data)
    assert delivers('{"partitionKey": ["1"]}', data)
    assert delivers([absent, '{"partitionKey": ["1"]}'], data)
    assert not delivers([absent, '{"partitionKey": ["2"]}'], data)


def test_a_record_without_a_partition_key_has_none_to_match() -> None:
    data = base64.b64encode(b"{}").decode()
    criteria = parse_criteria(['{"partitionKey": [{"exists": false}]}'])
    assert criteria.delivers({"sequenceNumber": "1", "data": data})
    assert not criteria.delivers({"sequenceNumber": "1", "data": data, "partitionKey": "1"})


@pytest.mark.parametrize("pattern", ['{"data": ["text"]}', '{"data": [{"exists": true}]}'])
def test_a_condition_on_data_itself_is_rejected_as_the_guide_says(pattern: str) -> None:
    with pytest.raises(
        FilterError, match=r'data: its members have conditions, as in {"data": {"lang": \["en"\]}}'
    ):
        parse_criteria([pattern])


@pytest.mark.parametrize("member", ["lang", "kinesis", "Data", "eventSource"])
def test_a_member_that_no_record_has_is_rejected_with_what_is_meant(member: str) -> None:
    with pytest.raises(MisreadFilterError) as rejection:
        parse_criteria([json.dumps({member: {"name": ["en"]}})])
    assert str(rejection.value).startswith(
        f"{member}.name: a record has no {member} beside data, partitionKey, "
    )
    assert str(rejection.value).endswith(f'for a member of its data, write {{"data": {{"{member}": ...}}}}')
