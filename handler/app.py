"""The Lambda function: a batch of stream records in, rows of the table out.

Every record of a batch ends in exactly one way: stored, replaced by a later version of the same tweet
(a duplicate), quarantined because it can never be stored, or reported to come again. README.md beside this
file has the rules.
"""

import gc
import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, TypedDict

from handler import metrics
from handler.calls import CONCURRENCY, deadline
from handler.quarantine import Quarantine
from handler.record import KinesisRecord, shard_of
from handler.settings import Settings
from handler.table import Put, Table, chunks, put_of
from handler.tweet import PoisonError, Reason, tweet_of

_settings: Final = Settings.from_environment(os.environ)
_table: Final = Table(_settings.table_name)
_quarantine: Final = Quarantine(_settings.quarantine_bucket)
_logger: Final = logging.getLogger(__name__)

# What the imports made stays for the sandbox's life: keep the collector from walking it in every batch.
gc.freeze()


class KinesisEvent(TypedDict):
    """What an event source mapping invokes the function with: records of one shard in sequence order."""

    Records: list[KinesisRecord]


class BatchItemFailure(TypedDict):
    """The sequence number of a record that is to come again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A partial batch response; an empty list means that every record is done with."""

    batchItemFailures: list[BatchItemFailure]


class Context(Protocol):
    """What the function uses of Lambda's context object."""

    @property
    def function_name(self) -> str:
        """The function's name, the metrics' dimension."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


@dataclass(slots=True)
class _Batch:
    """What became of a batch's records."""

    stored: int = 0
    duplicates: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    """Poison records by reason, whether the bucket took them or not."""
    failed: dict[str, str] = field(default_factory=dict)
    """The sequence numbers of the records to report, each with what stood in its way."""


def lambda_handler(event: KinesisEvent, context: Context) -> BatchResponse:
    """Store the tweets of a batch; quarantine what can never be stored; report what may succeed later.

    Raises:
        TableError: nothing can be written at all, so that the whole batch has to come again.
    """
    until = deadline(context.get_remaining_time_in_millis())
    records = event["Records"]
    batch = _Batch()
    keeping: list[tuple[KinesisRecord, Future[str | None]]] = []
    # Two pools, so that neither a throttled table nor a failing bucket takes all the time from the other.
    with ThreadPoolExecutor(CONCURRENCY) as writers, ThreadPoolExecutor(CONCURRENCY) as keepers:

        def quarantine(record: KinesisRecord, poison: PoisonError) -> None:
            batch.reasons[poison.reason] += 1
            keeping.append(
                (record, keepers.submit(_quarantine.keep, record, poison, context.function_name, until))
            )

        _write(_puts_of(records, quarantine), writers, until, batch, quarantine)
    # Only what the bucket took counts as handled.
    for record, kept in keeping:
        if (obstacle := kept.result()) is not None:
            batch.failed[_number_of(record)] = f"quarantine: {obstacle}"
    _tell(records, context.function_name, batch)
    return {
        "batchItemFailures": [
            {"itemIdentifier": number} for record in records if (number := _number_of(record)) in batch.failed
        ]
    }


_Quarantine = Callable[[KinesisRecord, PoisonError], None]


def _puts_of(records: Iterable[KinesisRecord], quarantine: _Quarantine) -> list[Put]:
    puts = []
    for record in records:
        try:
            puts.append(put_of(record, tweet_of(record), _settings.item_lifetime))
        except PoisonError as poison:
            quarantine(record, poison)
    return puts


def _write(
    puts: Iterable[Put], pool: ThreadPoolExecutor, until: float, batch: _Batch, quarantine: _Quarantine
) -> None:
    """Write the last version of each key.

    The versions of a key share a fate: earlier ones count as duplicates once a later one is stored, and are
    reported with it when it failed, since it may yet be refused, which makes the one before it the last.
    """
    versions: dict[tuple[str, str], list[Put]] = defaultdict(list)
    for put in puts:
        versions[put.key].append(put)
    while versions:
        latest = [group[-1] for group in versions.values()]
        earlier: dict[tuple[str, str], list[Put]] = {}
        for outcome in pool.map(lambda chunk: _table.write(chunk, until), chunks(latest)):
            for put, obstacle in outcome.unfinished:
                batch.failed |= {_number_of(version.record): obstacle for version in versions.pop(put.key)}
            for put, error in outcome.refused:
                quarantine(put.record, PoisonError(Reason.REFUSED, error))
                if group := versions.pop(put.key)[:-1]:
                    earlier[put.key] = group
        batch.stored += len(versions)
        batch.duplicates += sum(len(group) - 1 for group in versions.values())
        versions = earlier


def _tell(records: list[KinesisRecord], function: str, batch: _Batch) -> None:
    """Print the batch's metrics and log its line; neither holds anything of a payload."""
    values = {
        metrics.RECEIVED: len(records),
        metrics.STORED: batch.stored,
        metrics.DUPLICATES: batch.duplicates,
        metrics.QUARANTINED: len(records) - batch.stored - batch.duplicates - len(batch.failed),
        metrics.FAILED: len(batch.failed),
    }
    shard = None
    if records:
        newest = max(record["kinesis"]["approximateArrivalTimestamp"] for record in records)
        values[metrics.LAG] = max(0, round((time.time() - newest) * 1000))
        shard = shard_of(records[0])
    print(metrics.line(function, values), flush=True)
    _logger.log(
        logging.WARNING if batch.failed or batch.reasons else logging.INFO,
        "Batch processed",
        extra={
            "shard": shard,
            **values,
            "reasons": batch.reasons,
            "obstacles": Counter(batch.failed.values()),
        },
    )


def _number_of(record: KinesisRecord) -> str:
    return record["kinesis"]["sequenceNumber"]
