"""The rules of a mapping, one by one, without a stream or a function."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.aws.mapping import decisions
from local.aws.mapping.contract import MAX_EVENT_BYTES
from local.aws.mapping.decisions import Batch, MappingRecord, MappingSettings, Verdict
from local.aws.mapping.destination import object_key
from stack.filters.criteria import FilterCriteria

SETTINGS = MappingSettings(
    uuid="uuid",
    stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/stream",
    function_arn="arn:aws:lambda:us-east-1:000000000000:function:function",
    enabled=True,
    starting_position="TRIM_HORIZON",
    starting_timestamp=None,
    batch_size=100,
    batching_window=0,
    lanes=1,
    bisect=False,
    maximum_retries=-1,
    maximum_age=-1,
    reports_failures=True,
    destination_arn=None,
    filters=FilterCriteria(),
)


def records(count: int, size: int = 10) -> tuple[MappingRecord, ...]:
    return tuple(
        MappingRecord(str(number), f"key {number}", float(number), "x" * size) for number in range(count)
    )


def batch(count: int, retries: int = 0) -> Batch:
    return Batch(records(count), invocations=retries, retries=retries)


# --- Batches ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "waited", "window", "expected"),
    [
        (0, 9, 0, None),
        (7, 0, 0, 7),
        (7, 0, 5, None),
        (7, 5, 5, 7),
        (100, 0, 5, 100),
        (101, 0, 5, 100),
    ],
)
def test_a_batch_goes_when_it_is_full_or_its_window_is_over(
    waiting: int, waited: float, window: int, expected: int | None
) -> None:
    settings = replace(SETTINGS, batching_window=window)
    assert decisions.batch_to_send(records(waiting), waited, settings) == expected


def test_the_last_records_of_a_shard_do_not_wait() -> None:
    settings = replace(SETTINGS, batching_window=300)
    assert decisions.batch_to_send(records(3), 0, settings, last=True) == 3


@given(st.lists(st.integers(min_value=1, max_value=2_000_000), min_size=1, max_size=20))
@example([2_000_000] * 5)
@example([7_000_000, 1])
def test_a_payload_fits_unless_it_is_a_single_record(sizes: list[int]) -> None:
    waiting = [MappingRecord(str(index), "key", 0.0, "x" * size) for index, size in enumerate(sizes)]
    count = decisions.batch_to_send(waiting, 0, SETTINGS)
    assert count
    assert count == 1 or len(decisions.build_event(waiting[:count])) <= MAX_EVENT_BYTES
    assert count == len(waiting) or len(decisions.build_event(waiting[: count + 1])) > MAX_EVENT_BYTES


@given(st.text(min_size=1), st.integers(min_value=1, max_value=10))
def test_a_partition_key_has_one_lane(key: str, lanes: int) -> None:
    lane = decisions.lane_index(key, lanes)
    assert 0 <= lane < lanes
    assert lane == decisions.lane_index(key, lanes)


def test_lanes_share_the_keys() -> None:
    assert {decisions.lane_index(f"user{number}", 10) for number in range(200)} == set(range(10))


def test_the_event_is_the_one_that_a_function_receives_from_kinesis() -> None:
    answer = {
        "Data": b"{}",
        "PartitionKey": "key",
        "SequenceNumber": "42",
        "ApproximateArrivalTimestamp": datetime(2026, 11, 23, tzinfo=UTC),
    }
    record = decisions.build_record(answer, "shardId-000000000000", "arn:role", SETTINGS)
    assert record
    assert json.loads(decisions.build_event([record])) == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "key",
                    "sequenceNumber": "42",
                    "data": "e30=",
                    "approximateArrivalTimestamp": 1795392000.0,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000000:42",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:role",
                "awsRegion": "us-east-1",
                "eventSourceARN": SETTINGS.stream_arn,
            }
        ]
    }


# --- Responses -------------------------------------------------------------------------------------------


def failures(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_empty_or_null_report_is_a_success(response: Any) -> None:
    assert decisions.first_failure(batch(5), json.dumps(response).encode(), SETTINGS) is None


@pytest.mark.parametrize(
    ("response", "first"), [(failures("3"), 3), (failures("4", "2", "3"), 2), (failures("0"), 0)]
)
def test_the_lowest_sequence_number_counts(response: Any, first: int) -> None:
    assert decisions.first_failure(batch(5), json.dumps(response).encode(), SETTINGS) == first


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
def test_a_report_that_names_no_record_of_the_batch_fails_the_whole_batch(response: Any) -> None:
    assert decisions.first_failure(batch(5), json.dumps(response).encode(), SETTINGS) == 0


def test_a_response_that_is_not_json_fails_the_whole_batch() -> None:
    assert decisions.first_failure(batch(5), b"<html>", SETTINGS) == 0


def test_no_response_is_read_unless_the_mapping_asks_for_reports() -> None:
    settings = replace(SETTINGS, reports_failures=False)
    assert decisions.first_failure(batch(5), json.dumps(failures("3")).encode(), settings) is None


# --- Retried and discarded batches ------------------------------------------------------------------------


def test_a_failed_batch_is_sent_again_and_uses_a_retry() -> None:
    assert decisions.after_failure(batch(4), 0, SETTINGS) == Verdict((Batch(records(4), 1, 1),))


def test_a_partial_success_leaves_the_rest_with_a_new_retry_quota() -> None:
    assert decisions.after_failure(batch(4, retries=2), 1, SETTINGS) == Verdict(
        (Batch(records(4)[1:], 0, 0),)
    )


def test_a_batch_is_discarded_after_its_last_retry() -> None:
    settings = replace(SETTINGS, maximum_retries=2)
    assert decisions.after_failure(batch(2, retries=1), 0, settings).discarded is None
    last = decisions.after_failure(batch(2, retries=2), 0, settings)
    assert last == Verdict(discarded=Batch(records(2), 3, 2))


def test_bisect_halves_what_failed_as_a_whole_and_uses_no_retry() -> None:
    settings = replace(SETTINGS, bisect=True, maximum_retries=0)
    every = records(5)
    halves = (Batch(every[:3], 1, 0), Batch(every[3:], 1, 0))
    assert decisions.after_failure(batch(5), 0, settings) == Verdict(halves)


def test_bisect_splits_at_the_reported_record_and_uses_no_retry() -> None:
    settings = replace(SETTINGS, bisect=True, maximum_retries=0)
    assert decisions.after_failure(batch(5), 2, settings) == Verdict((Batch(records(5)[2:], 0, 0),))


def test_a_single_record_cannot_be_bisected() -> None:
    settings = replace(SETTINGS, bisect=True, maximum_retries=1)
    assert decisions.after_failure(batch(1), 0, settings) == Verdict((Batch(records(1), 1, 1),))
    assert decisions.after_failure(batch(1, retries=1), 0, settings).discarded is not None


@given(
    bad=st.sets(st.integers(min_value=0, max_value=30)),
    size=st.integers(min_value=1, max_value=31),
    retries=st.integers(min_value=0, max_value=3),
    reports=st.booleans(),
)
def test_with_bisect_exactly_the_bad_records_are_discarded_and_the_others_taken_in_order(
    bad: set[int], size: int, retries: int, reports: bool
) -> None:
    settings = replace(SETTINGS, bisect=True, maximum_retries=retries)
    left, taken, discarded = [batch(size)], [], []
    while left:
        sent = left.pop(0)
        numbers = [int(record.sequence_number) for record in sent.records]
        wrong = [index for index, number in enumerate(numbers) if number in bad]
        if not wrong:
            taken += numbers
            continue
        failed = wrong[0] if reports else 0
        taken += numbers[:failed]
        verdict = decisions.after_failure(sent, failed, settings)
        left[:0] = verdict.again
        if verdict.discarded:
            discarded += [int(record.sequence_number) for record in verdict.discarded.records]
            assert verdict.discarded.retries == retries
    assert discarded == sorted(bad & set(range(size)))
    assert taken == sorted(set(range(size)) - bad)


@pytest.mark.parametrize(("now", "old"), [(9, 0), (10, 0), (11, 1), (12.5, 3), (99, 5)])
def test_records_beyond_the_maximum_age_are_discarded(now: float, old: int) -> None:
    settings = replace(SETTINGS, maximum_age=10)
    current, discarded = decisions.too_old(batch(5), settings, now)
    assert [len(part.records) if part else 0 for part in (discarded, current)] == [old, 5 - old]


def test_without_a_maximum_age_nothing_is_too_old() -> None:
    assert decisions.too_old(batch(5), SETTINGS, 1e12) == (batch(5), None)


# --- Shards ----------------------------------------------------------------------------------------------


def test_a_child_is_read_after_its_parents() -> None:
    shards = [
        {"ShardId": "0"},
        {"ShardId": "1"},
        {"ShardId": "2", "ParentShardId": "0", "AdjacentParentShardId": "1"},
    ]
    assert decisions.readable(shards, readers=[], finished=[]) == ["0", "1"]
    assert decisions.readable(shards, readers=["0", "1"], finished=["0"]) == []
    assert decisions.readable(shards, readers=["0", "1"], finished=["0", "1"]) == ["2"]


def test_a_parent_that_is_no_longer_listed_is_not_waited_for() -> None:
    assert decisions.readable([{"ShardId": "2", "ParentShardId": "0"}], readers=[], finished=[]) == ["2"]


@pytest.mark.parametrize(
    ("position", "start"), [("TRIM_HORIZON", None), ("LATEST", 50.0), ("AT_TIMESTAMP", 20.0)]
)
def test_where_a_new_mapping_starts(position: str, start: float | None) -> None:
    settings = replace(SETTINGS, starting_position=position, starting_timestamp=20.0)
    assert decisions.starting_point(settings, first_seen=50.0) == start


# --- The destination -------------------------------------------------------------------------------------


def test_an_object_is_named_as_lambda_names_it() -> None:
    key = object_key("uuid", "shardId-000000000000", "2026-11-23T14:41:28.123Z")
    assert key.startswith("aws/lambda/uuid/shardId-000000000000/2026/11/23/2026-11-23T14.41.28-")


def test_the_record_of_a_discarded_batch_is_that_of_lambda() -> None:
    discarded = batch(3, retries=2)
    record = decisions.failure_record(
        discarded, "RetryAttemptsExhausted", "shard", SETTINGS, "id", 7.25, "Unhandled"
    )
    assert record == {
        "requestContext": {
            "requestId": "id",
            "functionArn": SETTINGS.function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "1970-01-01T00:00:07.250Z",
        "KinesisBatchInfo": {
            "shardId": "shard",
            "startSequenceNumber": "0",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "1970-01-01T00:00:00.000Z",
            "approximateArrivalOfLastRecord": "1970-01-01T00:00:02.000Z",
            "batchSize": 3,
            "streamArn": SETTINGS.stream_arn,
        },
    }
