"""The Lambda function: a batch of stream records in, rows of the table out.

Every record of a batch ends in exactly one of five states: stored, deleted (a tombstone, whose row is gone), replaced
by a later version of the same event (a duplicate), quarantined because it can never be stored, or reported for a
retry. Of a record that the Kinesis Producer Library aggregated, every user record does. README.md beside this file
has the rules.
"""

import gc
import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from event import metrics
from event.item import Key, Write
from event.poison import PoisonError, Reason
from event.quarantine_object import group_body, group_key, object_body, object_key
from event.record import KinesisRecord, shard_id
from event.types import load
from handler.event import BatchResponse, KinesisEvent, kinesis_records
from handler.metrics import metrics_line
from handler.quarantine import QuarantineBucket
from handler.retries import CONCURRENCY, GRACE_SECONDS, call_deadline
from handler.settings import Settings
from handler.table import Outcome, Table, chunks

MAX_SINGLE_OBJECTS: Final = 100
"""Poison records of one Kinesis record that are quarantined one by one; if there are more, those of each reason are one
object: an invocation would not have the time to write thousands."""

_NO_ANSWER: Final = "no answer before the deadline"

_settings: Final = Settings.from_environment(os.environ)
_event: Final = load(_settings.event_type)
_table: Final = Table(_settings.table_name, _event)
_bucket: Final = QuarantineBucket(_settings.quarantine_bucket)
_logger: Final = logging.getLogger(__name__)

# Two pools, so that neither a throttled table nor a failing bucket can starve the other; for the life of the execution
# environment, because starting sixteen threads costs as much as several calls.
_table_calls: Final = ThreadPoolExecutor(CONCURRENCY)
_bucket_calls: Final = ThreadPoolExecutor(CONCURRENCY)

# What the imports allocated lives as long as the execution environment: the collector need not scan it for every batch.
gc.freeze()


class Context(Protocol):
    """The part of Lambda's context object that the function uses."""

    @property
    def function_name(self) -> str:
        """The function's name, which is the dimension of its metrics."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


@dataclass(slots=True)
class _Batch:
    """Outcomes of a batch's records."""

    received: int = 0
    """User records; a record that is not aggregated, or damaged, is one."""
    stored: int = 0
    deleted: int = 0
    """Tombstones whose rows are gone, or never were there: DynamoDB does not say which."""
    duplicates: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    """Poison records by reason, whether or not they could be written to the bucket."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Of each user record to retry, its Kinesis record's sequence number and the cause of its failure."""


def lambda_handler(event: KinesisEvent, context: Context) -> BatchResponse:
    """Store the events of a batch; quarantine what can never be stored; report what to retry.

    Raises:
        EventError: the event is not one of a Kinesis event source mapping.
        TableError: nothing can be written at all, so the whole batch must be retried.
    """
    deadline = call_deadline(context.get_remaining_time_in_millis())
    records = kinesis_records(event)
    batch = _Batch()
    quarantining: list[tuple[KinesisRecord, Future[str | None]]] = []

    def quarantine(poison: PoisonError, *members: KinesisRecord) -> None:
        batch.reasons[poison.reason] += len(members)
        record = members[0]
        if len(members) == 1:
            key = object_key(record, poison.reason)
            body = object_body(record, poison, context.function_name)
        else:
            key = group_key(record, poison.reason)
            body = group_body(record, poison, context.function_name, members)
        writing = _bucket_calls.submit(_bucket.write, key, body, deadline)
        quarantining.extend((member, writing) for member in members)

    try:
        _write(_build_writes(records, batch, quarantine), deadline, batch, quarantine)
    finally:
        ended = _wait((writing for _, writing in quarantining), deadline)
    # A poison record is handled only once it is in the bucket.
    for record, writing in quarantining:
        if (cause := writing.result() if writing in ended else _NO_ANSWER) is not None:
            batch.failed.append((_sequence_number(record), f"quarantine: {cause}"))
    _report(records, context.function_name, batch)
    retried = {number for number, _ in batch.failed}
    return {
        "batchItemFailures": [
            {"itemIdentifier": number}
            for record in records
            if (number := _sequence_number(record)) in retried
        ]
    }


class _Quarantine(Protocol):
    """A function that starts to write poison records, all from one Kinesis record, to the bucket as one object."""

    def __call__(self, poison: PoisonError, *members: KinesisRecord) -> None: ...


def _build_writes(records: Iterable[KinesisRecord], batch: _Batch, quarantine: _Quarantine) -> list[Write]:
    writes = []
    for record in records:
        poisoned: list[tuple[KinesisRecord, PoisonError]] = []
        for user_record, values in _event.parse_all(record):
            batch.received += 1
            if isinstance(values, PoisonError):
                poisoned.append((user_record, values))
                continue
            try:
                writes.append(_event.build_write(user_record, values, _settings.item_lifetime))
            except PoisonError as poison:
                poisoned.append((user_record, poison))
        if poisoned:
            _quarantine_all(poisoned, quarantine)
    return writes


def _quarantine_all(poisoned: Sequence[tuple[KinesisRecord, PoisonError]], quarantine: _Quarantine) -> None:
    """Quarantine what is poison of one Kinesis record: each user record alone, or, of many, one object a reason."""
    if len(poisoned) <= MAX_SINGLE_OBJECTS:
        for user_record, error in poisoned:
            quarantine(error, user_record)
        return
    by_reason: dict[Reason, list[tuple[KinesisRecord, PoisonError]]] = defaultdict(list)
    for member in poisoned:
        by_reason[member[1].reason].append(member)
    for reason, members in by_reason.items():
        summary = f"{len(members):,} of one record, the first: {members[0][1]}"
        quarantine(PoisonError(reason, summary), *(user_record for user_record, _ in members))


def _write(writes: Iterable[Write], deadline: float, batch: _Batch, quarantine: _Quarantine) -> None:
    """Write the last version of each key, which may be its deletion.

    The versions of a key share one outcome: once the last is stored, the earlier ones count as duplicates;
    if it failed, they are retried with it, because an earlier one becomes the last if DynamoDB rejects it.
    """
    versions: dict[Key, list[Write]] = defaultdict(list)
    for write in writes:
        versions[write.key].append(write)
    while versions:
        latest = [group[-1] for group in versions.values()]
        earlier: dict[Key, list[Write]] = {}
        calls = {_table_calls.submit(_table.write, chunk, deadline): chunk for chunk in chunks(latest)}
        # A write that is still on its way when the batch is retried could replace a newer version.
        ended = _wait(calls, deadline)
        for outcome in [
            call.result() if call in ended else Outcome([], [(write, _NO_ANSWER) for write in chunk])
            for call, chunk in calls.items()
        ]:
            for write, cause in outcome.unfinished:
                batch.failed += [
                    (_sequence_number(version.record), cause) for version in versions.pop(write.key)
                ]
            for write, error in outcome.rejected:
                quarantine(PoisonError(Reason.REFUSED, error), write.record)
                if group := versions.pop(write.key)[:-1]:
                    earlier[write.key] = group
        deleted = sum([group[-1].deletes for group in versions.values()])
        batch.deleted += deleted
        batch.stored += len(versions) - deleted
        batch.duplicates += sum(len(group) - 1 for group in versions.values())
        versions = earlier


def _wait(calls: Iterable[Future[Any]], deadline: float) -> set[Future[Any]]:
    """Wait for calls; return those that have ended, which is all unless one does not keep to the deadline."""
    return wait(calls, timeout=deadline + GRACE_SECONDS - time.monotonic()).done


def _report(records: list[KinesisRecord], function: str, batch: _Batch) -> None:
    """Print the batch's metrics and log one line; neither contains any part of a payload."""
    values = {
        metrics.RECEIVED: batch.received,
        metrics.STORED: batch.stored,
        metrics.DELETED: batch.deleted,
        metrics.DUPLICATES: batch.duplicates,
        metrics.QUARANTINED: batch.received
        - (batch.stored + batch.deleted + batch.duplicates + len(batch.failed)),
        metrics.FAILED: len(batch.failed),
    }
    shard = None
    if records:
        newest = max(record["kinesis"]["approximateArrivalTimestamp"] for record in records)
        values[metrics.LAG] = max(0, round((time.time() - newest) * 1000))
        shard = shard_id(records[0])
    print(metrics_line(function, values), flush=True)
    _logger.log(
        logging.WARNING if batch.failed or batch.reasons else logging.INFO,
        "Batch processed",
        extra={
            "shard": shard,
            **values,
            "reasons": batch.reasons,
            "causes": Counter(cause for _, cause in batch.failed),
        },
    )


def _sequence_number(record: KinesisRecord) -> str:
    return record["kinesis"]["sequenceNumber"]
