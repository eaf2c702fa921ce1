"""Event source mappings of Kinesis streams, as AWS was recorded to run them.

Source, unless a test names another: localstack/localstack, commit 8b9a79f,
`tests/aws/services/lambda_/event_source_mapping/test_lambda_integration_kinesis.snapshot.json`, recorded on
25 November 2025 (record age: the same file; API errors: `tests/aws/services/lambda_/test_lambda_api.snapshot.json`,
25 to 27 November 2025). The recorder decodes JSON strings, so the recording does not tell whether S3's
`payload` is an object or a string: `ops.quarantine` reads both.
"""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.quarantine.bucket import Bucket
from tests.local.conftest import RAISE_ON_BAD, REPORT_BAD, Pipeline, unique
from tests.waiting import eventually

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def answer(response: str) -> str:
    return f"def respond(payloads, numbers): return {response}"


def error(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


class TestApi:
    """The life of a mapping, and its errors."""

    def test_a_mapping_is_created_enabled_and_deleted_by_user_action(self, pipeline: Pipeline) -> None:
        pipeline.create_stream()
        pipeline.create_function()
        created = pipeline.function_api.create_event_source_mapping(
            EventSourceArn=pipeline.stream_arn, FunctionName=pipeline.function, StartingPosition="LATEST"
        )
        assert created["ResponseMetadata"]["HTTPStatusCode"] == 202
        # On AWS the state is `Creating` for some seconds; ministack's mappings are enabled at once.
        assert created["State"] in ("Creating", "Enabled")
        expected = {
            "BatchSize": 100,
            "BisectBatchOnFunctionError": False,
            "DestinationConfig": {"OnFailure": {}},
            "FunctionResponseTypes": [],
            "LastProcessingResult": "No records processed",
            "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "StartingPosition": "LATEST",
            "StateTransitionReason": "User action",
            "TumblingWindowInSeconds": 0,
        }
        assert {name: created.get(name) for name in expected} == expected
        deleted = pipeline.function_api.delete_event_source_mapping(UUID=created["UUID"])
        assert (deleted["ResponseMetadata"]["HTTPStatusCode"], deleted["State"]) == (202, "Deleting")
        assert deleted["StateTransitionReason"] == "User action"

    def test_a_second_mapping_of_a_stream_and_a_function_is_a_conflict(self, pipeline: Pipeline) -> None:
        uuid = pipeline.map()
        assert error(
            pipeline.function_api.create_event_source_mapping,
            EventSourceArn=pipeline.stream_arn,
            FunctionName=pipeline.function,
            StartingPosition="LATEST",
        ) == (
            409,
            "ResourceConflictException",
            f'The event source arn (" {pipeline.stream_arn} ") and function (" {pipeline.function} ") provided '
            f"mapping already exists. Please update or delete the existing mapping with UUID {uuid}",
        )

    def test_one_stream_may_have_mappings_to_two_functions(self, pipeline: Pipeline) -> None:
        pipeline.map()
        pipeline.function = unique("function")
        assert pipeline.map()

    @pytest.mark.parametrize("operation", ["get", "delete", "update"])
    def test_an_unknown_mapping_is_not_found(self, pipeline: Pipeline, operation: str) -> None:
        call = getattr(pipeline.function_api, f"{operation}_event_source_mapping")
        status, code, message = error(call, UUID="01234567-89ab-cdef-0123-456789abcdef")
        assert (status, code) == (404, "ResourceNotFoundException")
        assert message == "The resource you requested does not exist."

    @pytest.mark.parametrize(
        ("position", "code", "message"),
        [
            (
                {},
                "InvalidParameterValueException",
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
                "Member must not be null.",
            ),
            (
                {"StartingPosition": "invalid"},
                "ValidationException",
                "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy "
                "constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
            ),
        ],
        ids=["missing", "unknown"],
    )
    def test_a_starting_position_is_required_and_checked(
        self, pipeline: Pipeline, position: dict[str, str], code: str, message: str
    ) -> None:
        pipeline.create_stream()
        pipeline.create_function()
        create = pipeline.function_api.create_event_source_mapping
        source = {"EventSourceArn": pipeline.stream_arn, "FunctionName": pipeline.function}
        assert error(create, **source, **position) == (400, code, message)

    def test_a_mapping_of_a_missing_stream_is_rejected(self, pipeline: Pipeline) -> None:
        pipeline.create_function()
        assert error(
            pipeline.function_api.create_event_source_mapping,
            EventSourceArn=pipeline.stream_arn,
            FunctionName=pipeline.function,
            StartingPosition="LATEST",
        ) == (400, "InvalidParameterValueException", f"Stream not found: {pipeline.stream_arn}")

    def test_a_mapping_to_a_missing_function_is_rejected(self, pipeline: Pipeline) -> None:
        pipeline.create_stream()
        status, code, message = error(
            pipeline.function_api.create_event_source_mapping,
            EventSourceArn=pipeline.stream_arn,
            FunctionName=unique("missing"),
            StartingPosition="LATEST",
        )
        # AWS answers 400 InvalidParameterValueException, "Function does not exist"; ministack does otherwise.
        assert (status, code) in (
            (400, "InvalidParameterValueException"),
            (404, "ResourceNotFoundException"),
        ), message


class TestEvents:
    """The event that the function receives."""

    def test_a_disabled_mapping_delivers_nothing(self, pipeline: Pipeline) -> None:
        uuid = pipeline.map()
        pipeline.put("first")
        pipeline.receives(1)
        disabled = pipeline.function_api.update_event_source_mapping(UUID=uuid, Enabled=False)
        assert disabled["State"] in ("Disabling", "Disabled")
        eventually(lambda: [one.enabled for one in pipeline.aws.mappings() if one.uuid == uuid] == [False])
        pipeline.put("second")
        assert pipeline.batches() == [["first"]]

    def test_a_filter_delivers_what_it_matches_as_it_was_put(self, pipeline: Pipeline) -> None:
        """Recorded in `test_kinesis_event_filtering_json_pattern` of the same tests."""
        criteria = {"Filters": [{"Pattern": json.dumps({"data": {"event_type": ["function_1"]}})}]}
        uuid = pipeline.map(BatchSize=1, MaximumBatchingWindowInSeconds=1, FilterCriteria=criteria)
        assert pipeline.function_api.get_event_source_mapping(UUID=uuid)["FilterCriteria"] == criteria
        messages = [
            json.dumps({"event_type": f"function_{number}", "message": "foo"}) for number in (2, 1, 2, 1)
        ]
        pipeline.put(*messages, key=lambda _: "custom")
        assert pipeline.receives(2) == messages[1::2]

    def test_records_from_before_the_mapping_arrive_in_batches_of_its_size(self, pipeline: Pipeline) -> None:
        """`test_kinesis_event_source_trim_horizon`: 30 records, batches of 10, in order."""
        pipeline.create_stream()
        numbers = [str(number) for number in range(30)]
        pipeline.put(*numbers, key=lambda _: "key")
        pipeline.map(BatchSize=10)
        pipeline.receives(30)
        assert pipeline.batches() == [numbers[:10], numbers[10:20], numbers[20:]]

    @pytest.mark.parametrize(
        "response",
        ["[]", "None", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": None}', '""'],
    )
    def test_a_response_without_failures_is_a_success(self, pipeline: Pipeline, response: str) -> None:
        """`test_kinesis_report_batch_item_success_scenarios`: one event each."""
        pipeline.map(answer(response), BatchSize=1, MaximumRetryAttempts=2)
        pipeline.put("bad", "next")
        pipeline.receives(2)
        assert pipeline.batches() == [["bad"], ["next"]]


class TestFailures:
    """Retries, and the records of discarded batches."""

    @pytest.mark.parametrize(
        ("response", "function_error"),
        [
            ('{"batchItemFailures": [{"itemIdentifier": ""}]}', None),
            ('{"batchItemFailures": [{"itemIdentifier": None}]}', None),
            ('{"batchItemFailures": [{"foo": numbers[0]}]}', None),
            ('{"batchItemFailures": [{"foo": None}]}', None),
            ('{"batchItemFailures": [{"itemIdentifier": "unknown"}]}', None),
            ("1 / 0", "Unhandled"),
        ],
        ids=["empty", "null", "wrong key", "wrong key, null", "unknown", "exception"],
    )
    def test_a_failure_is_delivered_three_times_with_two_retries(
        self, pipeline: Pipeline, response: str, function_error: str | None
    ) -> None:
        """`test_kinesis_report_batch_item_failure_scenarios`."""
        bucket = pipeline.create_bucket()
        on_failure = {"OnFailure": {"Destination": bucket}}
        pipeline.map(answer(response), BatchSize=1, MaximumRetryAttempts=2, DestinationConfig=on_failure)
        pipeline.put("bad")
        [record] = pipeline.discarded(bucket).values()
        assert pipeline.batches() == [["bad"]] * 3
        assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == 3
        assert record["responseContext"] == {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": function_error,
        }

    def test_the_retry_quota_starts_anew_after_a_partial_success(self, pipeline: Pipeline) -> None:
        """`test_kinesis_report_batch_item_failures`: ten records delivered; DynamoDB streams recorded the same."""
        bucket = pipeline.create_bucket()
        pipeline.create_stream()
        pipeline.put("1", "2", "3", "4", "5", "bad", key=lambda _: "key")
        pipeline.map(
            REPORT_BAD,
            BatchSize=3,
            MaximumRetryAttempts=3,
            DestinationConfig={"OnFailure": {"Destination": bucket}},
        )
        [record] = pipeline.discarded(bucket).values()
        assert pipeline.batches() == [["1", "2", "3"], ["4", "5", "bad"], *[["bad"]] * 4]
        assert record["requestContext"]["approximateInvokeCount"] == 4
        assert record["responseContext"]["functionError"] is None
        assert record["KinesisBatchInfo"]["batchSize"] == 1

    def test_the_bucket_receives_the_recorded_members(self, pipeline: Pipeline) -> None:
        """`test_kinesis_event_source_mapping_with_s3_on_failure_destination`: one retry, two invocations."""
        bucket = pipeline.create_bucket()
        pipeline.create_stream()
        pipeline.put("bad")
        uuid = pipeline.map(
            RAISE_ON_BAD,
            BatchSize=1,
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": bucket}},
        )
        [(key, record)] = pipeline.discarded(bucket).items()
        payload = record.pop("payload")
        info = record.pop("KinesisBatchInfo")
        assert re.fullmatch(UUID, record["requestContext"].pop("requestId"))
        assert re.fullmatch(ISO, record.pop("timestamp"))
        assert record == {
            "requestContext": {
                "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{pipeline.function}",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 2,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
        }
        assert re.fullmatch(ISO, info.pop("approximateArrivalOfFirstRecord"))
        assert re.fullmatch(ISO, info.pop("approximateArrivalOfLastRecord"))
        assert info.pop("startSequenceNumber") == info.pop("endSequenceNumber")
        assert info == {
            "shardId": "shardId-000000000000",
            "batchSize": 1,
            "streamArn": pipeline.stream_arn,
        }
        assert json.loads(payload)["Records"][0]["kinesis"]["partitionKey"] == "bad"
        assert re.fullmatch(
            rf"aws/lambda/{uuid}/shardId-000000000000/\d{{4}}/\d\d/\d\d/"
            rf"\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-{UUID}",
            key,
        )

    def test_a_record_that_is_too_old_before_its_first_invocation_counts_one(
        self, pipeline: Pipeline
    ) -> None:
        """`test_kinesis_maximum_record_age_exceeded`: no response context, a UUID, a count of one."""
        bucket = pipeline.create_bucket()
        pipeline.create_stream()
        pipeline.put("old")
        put = time.time()
        on_failure = {"OnFailure": {"Destination": bucket}}
        # AWS takes 60 seconds or more; the double takes less, so that a test need not wait for a minute.
        eventually(lambda: time.time() - put > 1.1)
        pipeline.map(MaximumRecordAgeInSeconds=1, DestinationConfig=on_failure)
        [record] = pipeline.discarded(bucket).values()
        assert "responseContext" not in record
        assert re.fullmatch(UUID, record["requestContext"]["requestId"])
        assert record["requestContext"]["condition"] == "RecordAgeExceeded"
        assert record["requestContext"]["approximateInvokeCount"] == 1
        assert pipeline.batches() == []


@pytest.mark.parametrize("as_text", [True, False])
def test_operators_read_the_payload_as_a_string_and_as_an_object(pipeline: Pipeline, as_text: bool) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("bad")
    on_failure = {"OnFailure": {"Destination": bucket}}
    pipeline.map(RAISE_ON_BAD, MaximumRetryAttempts=0, DestinationConfig=on_failure)
    [(key, record)] = pipeline.discarded(bucket).items()
    name = bucket.rpartition(":")[2]
    event = record["payload"]
    event = json.loads(event) if isinstance(event, str) else event
    record["payload"] = json.dumps(event) if as_text else event
    pipeline.s3.put_object(Bucket=name, Key=key, Body=json.dumps(record).encode())
    quarantine = Bucket(pipeline.s3, name)
    [entry] = quarantine.entries()
    assert [one.payload for one in quarantine.read(entry).records] == [b"bad"]
