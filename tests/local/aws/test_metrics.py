"""Embedded metrics of a function, and those of the mapping, become metrics that an alarm can read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.aws.local_aws import LocalAws
from local.aws.metrics import Series, embedded
from tests.local.conftest import REPORT_BAD, Pipeline
from tests.waiting import eventually

PRINT_METRICS = """
import os
def respond(payloads, numbers):
    directive = {
        "Namespace": "Test",
        "Dimensions": [["Function"]],
        "Metrics": [{"Name": "Received", "Unit": "Count"}],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    print(json.dumps({"_aws": metadata, "Function": name, "Received": len(payloads)}))
    print("CloudWatchMetrics in another line")
"""
LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


def total(
    aws: LocalAws, namespace: str, name: str, dimension: str, value: str, statistic: str = "Sum"
) -> float:
    now = datetime.now(UTC)
    points = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return float(sum(point[statistic] for point in points))


def test_a_line_of_embedded_metric_format_holds_values_for_each_set_of_dimensions() -> None:
    line = {
        "_aws": {
            "Timestamp": 1_700_000_000_500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "N",
                    "Dimensions": [["A"], ["A", "B"]],
                    "Metrics": [{"Name": "M", "Unit": "Count"}],
                }
            ],
        },
        "A": "a",
        "B": "b",
        "M": [1, 2],
    }
    a, b = ("A", "a"), ("B", "b")
    assert list(embedded(json.dumps(line))) == [
        (Series("N", "M", "Count", (a,), 1_700_000_000), 1.0),
        (Series("N", "M", "Count", (a,), 1_700_000_000), 2.0),
        (Series("N", "M", "Count", (a, b), 1_700_000_000), 1.0),
        (Series("N", "M", "Count", (a, b), 1_700_000_000), 2.0),
    ]


@pytest.mark.parametrize("line", ["START RequestId: 1", '"_aws"', "[1]", '{"message": "_aws"}', "3"])
def test_another_line_holds_none(line: str) -> None:
    assert list(embedded(line)) == []


@pytest.mark.parametrize("group", [None, "own"])
def test_metrics_that_the_function_prints_are_counted_once(pipeline: Pipeline, group: str | None) -> None:
    pipeline.create_stream()
    pipeline.create_function(PRINT_METRICS)
    pipeline.allow(LOGS, "*")
    if group:
        name = f"{pipeline.function}-{group}"
        pipeline.aws.client("logs").create_log_group(logGroupName=name)
        pipeline.function_api.update_function_configuration(
            FunctionName=pipeline.function, LoggingConfig={"LogGroup": name}
        )
    pipeline.map(BatchSize=10)
    pipeline.put(*map(str, range(25)))

    def received() -> float:
        return total(pipeline.aws, "Test", "Received", "Function", pipeline.function)

    eventually(lambda: received() >= 25)
    pipeline.put("later")  # so that the log is read again
    eventually(lambda: received() >= 26)
    assert received() == 26


def test_a_role_that_may_not_write_the_log_leaves_none(pipeline: Pipeline) -> None:
    pipeline.map(PRINT_METRICS)
    pipeline.put("a")
    pipeline.receives(1)
    logs = pipeline.aws.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{pipeline.function}")["logGroups"]
    assert groups == []


def test_a_stream_counts_what_is_put(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put("a", "b")
    pipeline.kinesis.put_record(StreamName=pipeline.stream, Data=b"c", PartitionKey="c")
    assert total(pipeline.aws, "AWS/Kinesis", "IncomingRecords", "StreamName", pipeline.stream) == 3


def test_the_mapping_counts_its_records_and_their_age(pipeline: Pipeline) -> None:
    bucket = pipeline.create_bucket()
    pipeline.create_stream()
    pipeline.put("a", "bad", "b")
    uuid = pipeline.map(
        REPORT_BAD,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": bucket}},
    )
    expected = {"PolledEventCount": 3, "OnFailureDestinationDeliveredEventCount": 1, "DroppedEventCount": 0}

    def counted() -> dict[str, Any]:
        return {
            name: total(pipeline.aws, "AWS/Lambda", name, "EventSourceMappingUUID", uuid) for name in expected
        }

    eventually(lambda: counted() == expected)
    assert counted() == expected
    age = total(pipeline.aws, "AWS/Lambda", "IteratorAge", "FunctionName", pipeline.function, "Maximum")
    assert age > 0
