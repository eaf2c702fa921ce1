"""Decides what a mapping does with records, batches and responses: pure functions, no I/O.

The rules are those of the AWS Lambda Developer Guide: "How Lambda processes records from stream and
queue-based event sources", "Configuring partial batch response with Kinesis Data Streams and Lambda" and
"Retain discarded batch records for a Kinesis Data Streams event source".
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from local.aws.mapping import contract
from stack.filters.criteria import FilterCriteria, parse_criteria

_ENVELOPE_BYTES = len('{"Records": []}')

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
"""Why Lambda discarded records, as named in the record that a destination receives."""


@dataclass(frozen=True)
class MappingSettings:
    """A mapping's configuration, as the Lambda API returns it. Times are seconds; -1 is no limit."""

    uuid: str
    stream_arn: str
    function_arn: str
    enabled: bool
    starting_position: str
    starting_timestamp: float | None
    batch_size: int
    batching_window: int
    lanes: int
    bisect: bool
    maximum_retries: int
    maximum_age: int
    reports_failures: bool
    destination_arn: str | None
    filters: FilterCriteria

    @property
    def function_name(self) -> str:
        return self.function_arn.split(":")[6]

    @property
    def read_ahead(self) -> int:
        """Maximum number of a shard's records in memory: two batches per lane."""
        return max(2 * self.batch_size * self.lanes, 1000)

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> Self:
        """Read the configuration out of an answer of the Lambda API."""
        timestamp = mapping.get("StartingPositionTimestamp")
        return cls(
            uuid=mapping["UUID"],
            stream_arn=mapping["EventSourceArn"],
            function_arn=mapping["FunctionArn"],
            enabled=mapping["State"] == "Enabled",
            starting_position=mapping["StartingPosition"],
            starting_timestamp=timestamp and timestamp.timestamp(),
            batch_size=mapping["BatchSize"],
            batching_window=mapping["MaximumBatchingWindowInSeconds"],
            lanes=mapping["ParallelizationFactor"],
            bisect=mapping["BisectBatchOnFunctionError"],
            maximum_retries=mapping["MaximumRetryAttempts"],
            maximum_age=mapping["MaximumRecordAgeInSeconds"],
            reports_failures="ReportBatchItemFailures" in mapping["FunctionResponseTypes"],
            destination_arn=mapping["DestinationConfig"].get("OnFailure", {}).get("Destination"),
            filters=parse_criteria(
                each["Pattern"] for each in mapping.get("FilterCriteria", {}).get("Filters", [])
            ),
        )


def starting_point(settings: MappingSettings, first_seen: float) -> float | None:
    """Return the time, in epoch seconds, from which a mapping reads every shard; None for the oldest record.

    LATEST is the time when the mapping was first seen. Shards that appear later are thus read from their
    first record, and nothing between a reshard and its discovery is skipped.
    """
    if settings.starting_position == "TRIM_HORIZON":
        return None
    return settings.starting_timestamp if settings.starting_position == "AT_TIMESTAMP" else first_seen


@dataclass(frozen=True, slots=True)
class MappingRecord:
    """One record of a shard: ``event`` is its JSON in the function's event, ``arrival`` epoch seconds."""

    sequence_number: str
    partition_key: str
    arrival: float
    event: str


def build_record(
    answer: dict[str, Any], shard_id: str, role_arn: str, settings: MappingSettings
) -> MappingRecord | None:
    """Convert a record of ``GetRecords`` to the function's event format; None if the mapping's filters drop it."""
    event = contract.build_event_record(answer, shard_id, settings.stream_arn, role_arn)
    if not settings.filters.delivers(event["kinesis"]):
        return None
    return MappingRecord(
        answer["SequenceNumber"],
        answer.get("PartitionKey", answer["SequenceNumber"]),
        answer["ApproximateArrivalTimestamp"].timestamp(),
        json.dumps(event),
    )


def build_event(records: Sequence[MappingRecord]) -> str:
    """Return the function's event as JSON."""
    return f'{{"Records": [{", ".join(record.event for record in records)}]}}'


def lane_index(partition_key: str, lanes: int) -> int:
    """Return the lane of a partition key: always the same, so that its records stay in order."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()[:4]) % lanes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are sent together, with the number of invocations and retries so far."""

    records: tuple[MappingRecord, ...]
    invocations: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a failed batch: the batches to send, in order, and the discarded one."""

    again: tuple[Batch, ...] = ()
    discarded: Batch | None = None


def batch_to_send(
    waiting: Sequence[MappingRecord], waited: float, settings: MappingSettings, *, last: bool = False
) -> int | None:
    """Return how many of the waiting records form the next batch; None to wait for more.

    A batch is sent when it has ``batch_size`` records, when the next record would exceed the payload limit, when its
    first record has waited for the batching window, or when the shard has no more (``last``).
    """
    size = _ENVELOPE_BYTES
    for count, record in enumerate(waiting[: settings.batch_size]):
        size += len(record.event) + 2
        if size > contract.MAX_EVENT_BYTES:
            return max(count, 1)
    count = min(len(waiting), settings.batch_size)
    due = count == settings.batch_size or waited >= settings.batching_window or last
    return count if count and due else None


def too_old(batch: Batch, settings: MappingSettings, now: float) -> tuple[Batch | None, Batch | None]:
    """Split a batch into records to send and records that exceed the maximum age; None for no records."""
    if settings.maximum_age < 0:
        return batch, None
    oldest = now - settings.maximum_age
    expired = sum(record.arrival < oldest for record in batch.records)  # arrival order: the first ones
    young, old = batch.records[expired:], batch.records[:expired]
    return (
        Batch(young, batch.invocations, batch.retries) if young else None,
        Batch(old, batch.invocations, batch.retries) if old else None,
    )


def first_failure(batch: Batch, response: bytes, settings: MappingSettings) -> int | None:
    """Return the index of the first record that a response reports as failed; None if the batch succeeded."""
    if not settings.reports_failures:
        return None
    return contract.first_failure([record.sequence_number for record in batch.records], response)


def after_failure(batch: Batch, failed: int, settings: MappingSettings) -> Verdict:
    """Decide what happens to a batch whose first failed record is at index ``failed``.

    The records before it are done. After such a partial success the rest is a new batch, whose retry quota and
    count of invocations start anew (recorded from AWS: tests/local/conformance/test_mapping.py). A batch that
    failed as a whole is sent again: in two halves with bisect, which uses no retry.
    """
    if failed:
        return Verdict(again=(Batch(batch.records[failed:]),))
    rest, invocations = batch.records, batch.invocations + 1
    if settings.bisect and len(rest) > 1:
        middle = (len(rest) + 1) // 2
        halves = rest[:middle], rest[middle:]
        return Verdict(again=tuple(Batch(half, invocations, batch.retries) for half in halves))
    if 0 <= settings.maximum_retries <= batch.retries:
        return Verdict(discarded=Batch(rest, invocations, batch.retries))
    return Verdict(again=(Batch(rest, invocations, batch.retries + 1),))


def failure_record(
    batch: Batch,
    condition: Condition,
    shard_id: str,
    settings: MappingSettings,
    request_id: str,
    now: float,
    function_error: str | None = None,
) -> dict[str, Any]:
    """Return the record that a destination receives of a discarded batch; S3 also gets a ``payload``.

    ``function_error`` is that of the last invocation: None if the function reported the failures itself. A
    batch that is too old has no response, and counts at least one invocation (both recorded from AWS).
    """
    context = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": function_error}
    exhausted = condition == "RetryAttemptsExhausted"
    first, last = batch.records[0], batch.records[-1]
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": settings.function_arn,
            "condition": condition,
            "approximateInvokeCount": max(1, batch.invocations),
        },
        **({"responseContext": context} if exhausted else {}),
        "version": "1.0",
        "timestamp": _iso(now),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(first.arrival),
            "approximateArrivalOfLastRecord": _iso(last.arrival),
            "batchSize": len(batch.records),
            "streamArn": settings.stream_arn,
        },
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def readable(
    shards: Sequence[dict[str, Any]], readers: Collection[str], finished: Collection[str]
) -> list[str]:
    """Return the shards to start reading: those without a reader whose parents were read to the end.

    That keeps the order of a partition key across a reshard.
    """
    unfinished = {shard["ShardId"] for shard in shards}.difference(finished)
    return [
        shard["ShardId"]
        for shard in shards
        if shard["ShardId"] not in readers
        and unfinished.isdisjoint({shard.get("ParentShardId"), shard.get("AdjacentParentShardId")})
    ]
