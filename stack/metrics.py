"""The CloudWatch metrics of the stack, as data: for the program and for the operator's commands."""

from dataclasses import dataclass
from typing import Literal

from event import metrics as embedded

Resource = Literal["stream", "function", "table", "mapping"]
"""The resource whose name or UUID is the value of a metric's dimension."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric of one of the stack's resources, with its statistic."""

    namespace: str
    name: str
    dimension: str
    resource: Resource
    statistic: str = "Sum"
    operation: str | None = None
    """Value of a further dimension, `Operation`."""


def _kinesis(name: str) -> Metric:
    return Metric(namespace="AWS/Kinesis", name=name, dimension="StreamName", resource="stream")


def _function(name: str, statistic: str = "Sum") -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        name=name,
        dimension="FunctionName",
        resource="function",
        statistic=statistic,
    )


def _mapping(name: str, statistic: str = "Sum") -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        name=name,
        dimension="EventSourceMappingUUID",
        resource="mapping",
        statistic=statistic,
    )


def _table(name: str, operation: str | None = None) -> Metric:
    return Metric(
        namespace="AWS/DynamoDB",
        name=name,
        dimension="TableName",
        resource="table",
        operation=operation,
    )


def _embedded(name: str, statistic: str = "Sum") -> Metric:
    return Metric(
        namespace=embedded.NAMESPACE,
        name=name,
        dimension=embedded.DIMENSION,
        resource="function",
        statistic=statistic,
    )


PUT = _kinesis("IncomingRecords")
PUT_THROTTLED = _kinesis("WriteProvisionedThroughputExceeded")
READS = _kinesis("GetRecords.Success")
ITERATOR_AGE = _function("IteratorAge", "Maximum")
LAG = _embedded(embedded.LAG, "Maximum")
INVOCATIONS = _function("Invocations")
ERRORS = _function("Errors")
THROTTLES = _function("Throttles")
DURATION = _function("Duration", "Maximum")
RECEIVED = _embedded(embedded.RECEIVED)
STORED = _embedded(embedded.STORED)
DELETED = _embedded(embedded.DELETED)
DUPLICATES = _embedded(embedded.DUPLICATES)
FAILED = _embedded(embedded.FAILED)
QUARANTINED = _embedded(embedded.QUARANTINED)
TABLE_THROTTLED = _table("WriteThrottleEvents")
TABLE_ERRORS = _table("SystemErrors", operation="BatchWriteItem")
QUARANTINED_BY_LAMBDA = _mapping("OnFailureDestinationDeliveredEventCount")
DROPPED = _mapping("DroppedEventCount")
POLLED = _mapping("PolledEventCount")
POLLS = _mapping("PolledEventCount", "SampleCount")  # an empty poll counts 0 events
FILTERED = _mapping("FilteredOutEventCount")
QUARANTINE_FAILURES = _function("DestinationDeliveryFailures")
