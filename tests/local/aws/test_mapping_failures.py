"""Records that the function does not accept: retries, and where they end up."""

import json
import re
from typing import Any

import pytest

from tests.local.conftest import RAISE_ON_BAD, REPORT_BAD, Pipeline, unique
from tests.waiting import eventually


def received_payloads(discarded: dict[str, Any]) -> list[str]:
    import base64

    records = json.loads(discarded["payload"])["Records"]
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]


def test_the_lowest_reported_failure_and_all_after_it_are_sent_again(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put("a", "bad-once", "b", "bad-once too", "c")
    pipeline.map(
        """
        import os
        def respond(payloads, numbers):
            if os.path.exists(__file__ + ".again"):
                return {"batchItemFailures": []}
            open(__file__ + ".again", "w").close()
            bad = [number for payload, number in zip(payloads, numbers) if payload.startswith("bad")]
            return {"batchItemFailures": [{"itemIdentifier": number} for number in reversed(bad)]}
        """
    )
    pipeline.receives(9)
    assert pipeline.batches() == [
        ["a", "bad-once", "b", "bad-once too", "c"],
        ["bad-once", "b", "bad-once too", "c"],
    ]


def test_without_the_setting_a_report_is_not_read(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put("bad")
    pipeline.map(REPORT_BAD, FunctionResponseTypes=[])
    pipeline.receives(1)
    pipeline.put("a")
    pipeline.receives(2)
    assert pipeline.batches() == [["bad"], ["a"]]


@pytest.mark.parametrize("respond", [RAISE_ON_BAD, REPORT_BAD], ids=["raises", "reports"])
def test_a_bad_record_is_retried_discarded_and_does_not_block_the_shard(
    pipeline: Pipeline, respond: str
) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("bad")
    uuid = pipeline.map(
        respond, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": bucket}}
    )
    [(key, record)] = pipeline.discarded(bucket).items()
    pipeline.put("good")
    pipeline.receives(4)
    assert pipeline.batches() == [["bad"], ["bad"], ["bad"], ["good"]]  # the first attempt and two retries
    assert re.fullmatch(
        rf"aws/lambda/{uuid}/shardId-000000000000/\d{{4}}/\d\d/\d\d"
        r"/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}",
        key,
    )
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestContext"]["functionArn"].endswith(pipeline.function)
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert record["KinesisBatchInfo"]["streamArn"] == pipeline.stream_arn
    assert record["version"] == "1.0"
    assert received_payloads(record) == ["bad"]


def test_a_record_that_no_invocation_can_carry_blocks_its_shard_until_it_is_too_old(
    pipeline: Pipeline,
) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.kinesis.update_max_record_size(StreamARN=pipeline.stream_arn, MaxRecordSizeInKiB=10_240)
    pipeline.put("x" * 4_718_000, key=lambda _: "key")
    pipeline.put("y" * 4_719_000, "z", key=lambda _: "key")
    uuid = pipeline.map(
        BisectBatchOnFunctionError=True, DestinationConfig={"OnFailure": {"Destination": bucket}}
    )

    def result() -> str:
        mapping = pipeline.function_api.get_event_source_mapping(UUID=uuid)
        return str(mapping.get("LastProcessingResult"))

    eventually(lambda: "is too large" in result())
    assert [payload[0] for payload in pipeline.received()] == ["x"]
    pipeline.function_api.update_event_source_mapping(UUID=uuid, MaximumRecordAgeInSeconds=1)
    record = next(iter(pipeline.discarded(bucket).values()))
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"


def test_bisect_discards_the_bad_record_alone(pipeline: Pipeline) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    good = [f"good {number}" for number in range(9)]
    pipeline.put(*good[:4], "bad", *good[4:])
    pipeline.map(
        RAISE_ON_BAD,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": bucket}},
    )
    [record] = pipeline.discarded(bucket).values()
    assert received_payloads(record) == ["bad"]
    eventually(lambda: good[-1] in [batch[-1] for batch in pipeline.batches() if "bad" not in batch])
    taken = [payload for batch in pipeline.batches() if "bad" not in batch for payload in batch]
    assert taken == good


def test_without_bisect_the_rest_of_the_batch_is_discarded_with_the_bad_record(pipeline: Pipeline) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("a", "bad", "b")
    pipeline.map(REPORT_BAD, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": bucket}})
    [record] = pipeline.discarded(bucket).values()
    assert received_payloads(record) == ["bad", "b"]


def test_records_that_grow_too_old_are_discarded(pipeline: Pipeline) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("bad")
    pipeline.map(
        REPORT_BAD, MaximumRecordAgeInSeconds=2, DestinationConfig={"OnFailure": {"Destination": bucket}}
    )
    [record] = pipeline.discarded(bucket).values()
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert received_payloads(record) == ["bad"]


def test_a_timeout_is_a_failure_of_the_function(pipeline: Pipeline) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("slow")
    pipeline.create_function("def respond(payloads, numbers): time.sleep(30)", timeout=1)
    pipeline.map(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": bucket}})
    [record] = pipeline.discarded(bucket).values()
    assert received_payloads(record) == ["slow"]


def test_a_destination_that_denies_the_record_does_not_block_the_shard(pipeline: Pipeline) -> None:
    bucket = unique("forbidden")
    pipeline.s3.create_bucket(Bucket=bucket)
    pipeline.create_stream()
    pipeline.put("bad")
    pipeline.map(
        RAISE_ON_BAD,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )
    eventually(lambda: "403" in pipeline.result() or "AccessDenied" in pipeline.result())
    pipeline.put("good")
    assert pipeline.receives(2) == ["bad", "good"]
    assert pipeline.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
