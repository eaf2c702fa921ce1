"""The event that a replay sends to the function, and the response that it reads."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.replay.invocation import build_record, first_failure

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream"
NUMBERS = ["0", "1", "2", "3", "4"]


def failures(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def test_an_element_of_the_event_is_the_one_that_an_event_source_mapping_sends() -> None:
    arrival = datetime(2026, 11, 23, tzinfo=UTC)
    element = build_record(
        {
            "data": "e30=",
            "partitionKey": "key",
            "sequenceNumber": "42",
            "approximateArrivalTimestamp": arrival.timestamp(),
        },
        "shardId-000000000000",
        STREAM,
        "arn:role",
    )

    assert json.loads(json.dumps(element)) == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "key",
            "sequenceNumber": "42",
            "data": "e30=",
            "approximateArrivalTimestamp": arrival.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:42",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:role",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM,
    }


@pytest.mark.parametrize(
    "response", [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}']
)
def test_an_empty_or_null_response_is_a_success(response: bytes) -> None:
    assert first_failure(NUMBERS, response) is None


@pytest.mark.parametrize(
    ("response", "first"), [(failures("3"), 3), (failures("4", "2", "3"), 2), (failures("0"), 0)]
)
def test_the_failed_record_that_is_first_in_the_batch_counts(response: Any, first: int) -> None:
    assert first_failure(NUMBERS, json.dumps(response).encode()) == first


@pytest.mark.parametrize(
    "response",
    [
        failures(""),
        failures(None),
        failures("unknown"),
        failures("3", "unknown"),
        failures(3),
        failures(["3"]),
        {"batchItemFailures": [{"identifier": "3"}]},
        {"batchItemFailures": ["3"]},
        {"batchItemFailures": "3"},
        "a string",
        ["3"],
    ],
)
def test_a_response_that_names_no_record_of_the_batch_fails_the_whole_batch(response: Any) -> None:
    assert first_failure(NUMBERS, json.dumps(response).encode()) == 0


def test_a_response_that_is_not_json_fails_the_whole_batch() -> None:
    assert first_failure(NUMBERS, b"<html>") == 0
