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
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
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
    poisoned: list[tuple[KinesisRecord, PoisonError]] = field(default_factory=list)
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
    puts = _puts_of(records, batch)
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        _write(puts, pool, until, batch)
        _keep(pool, context.function_name, until, batch)
    _tell(records, context.function_name, batch)
    return {
        "batchItemFailures": [
            {"itemIdentifier": number} for record in records if (number := _number_of(record)) in batch.failed
        ]
    }


def _puts_of(records: Iterable[KinesisRecord], batch: _Batch) -> list[Put]:
    puts = []
    for record in records:
        try:
            puts.append(put_of(record, tweet_of(record), _settings.item_lifetime))
        except PoisonError as poison:
            # A traceback would hold on to the frames, and they to the decoded payload.
            batch.poisoned.append((record, poison.with_traceback(None)))
    return puts


def _write(puts: Iterable[Put], pool: ThreadPoolExecutor, until: float, batch: _Batch) -> None:
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
                batch.poisoned.append((put.record, PoisonError(Reason.REFUSED, error)))
                if group := versions.pop(put.key)[:-1]:
                    earlier[put.key] = group
        batch.stored += len(versions)
        batch.duplicates += sum(len(group) - 1 for group in versions.values())
        versions = earlier


def _keep(pool: ThreadPoolExecutor, function: str, until: float, batch: _Batch) -> None:
    """Quarantine the poison records; only then they count as handled."""
    obstacles = pool.map(lambda pair: _quarantine.keep(pair[0], pair[1], function, until), batch.poisoned)
    for (record, _), obstacle in zip(batch.poisoned, obstacles, strict=True):
        if obstacle is not None:
            batch.failed[_number_of(record)] = f"quarantine: {obstacle}"


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
        logging.WARNING if batch.failed or batch.poisoned else logging.INFO,
        "Batch processed",
        extra={
            "shard": shard,
            **values,
            "reasons": Counter(poison.reason for _, poison in batch.poisoned),
            "obstacles": Counter(batch.failed.values()),
        },
    )


def _number_of(record: KinesisRecord) -> str:
    return record["kinesis"]["sequenceNumber"]
