"""Sends records through the function again, as an event source mapping does.

The mapping's rules for failures apply ("Configuring partial batch response with Kinesis Data Streams and Lambda"):
the records before the first reported one are done; a batch that fails as a whole is halved until the record at
fault is alone. A record that fails in every attempt is put into quarantine, but only while the function stores
another one: if it stores none, the record is not at fault, and the replay ends.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from event.poison import PoisonError, Reason
from event.quarantine_object import object_body, object_key
from event.record import KinesisData, KinesisRecord
from event.schema import Schema
from ops.aws.rate_limiter import RateLimiter
from ops.aws.records import payload_size
from ops.errors import ExpiredShardError, ReplayError
from ops.replay.checkpoint import Checkpoint
from ops.replay.invocation import MAX_EVENT_BYTES, build_record, first_failure
from ops.replay.schedule import Gate, Schedule
from ops.replay.shards import Range, ShardReader, list_shards
from ops.terminal.interrupt import DaemonPool
from stack.aws.live_alias import LIVE
from stack.filters.criteria import NO_FILTERS, FilterCriteria

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""Invocations for a record that is alone and fails."""
MAX_WITNESSES = 20
"""If the function handles none of so many other records either, the records are not the cause."""

MAX_SHARDS = 16
"""Shards that are replayed at the same time, each with one invocation at a time."""

_BASE_DELAY = 0.5
_MAX_DELAY = 30.0


@dataclass(frozen=True, slots=True)
class Clients:
    """AWS clients with the operator's credentials; each attempt of `invoker` may last as long as the function."""

    kinesis: "KinesisClient"
    invoker: "LambdaClient"
    s3: "S3Client"


@dataclass(frozen=True, slots=True)
class Target:
    """The function, the events that it stores, and the bucket for the records that it fails to handle.

    `filters` are the mapping's: AWS applies none to a direct invocation.
    """

    event: Schema
    function_name: str
    role_arn: str
    bucket: str
    filters: FilterCriteria = NO_FILTERS


@dataclass(slots=True)
class _Batch:
    """Records of one shard, as elements of the event and as their JSON.

    Attributes:
        last: the last record that was read, which may be a filtered one.
        filtered: number of the records beside these that the filters dropped.
        missed: what its reader had missed when it read the last one.
    """

    records: list[KinesisRecord]
    texts: list[str]
    attempts: int = 0
    last: KinesisRecord | None = None
    filtered: int = 0
    missed: float = 0.0

    def part(self, start: int, end: int | None = None, attempts: int = 0) -> "_Batch":
        return _Batch(self.records[start:end], self.texts[start:end], attempts)


class Replayer:
    """One run of a replay, of several shards at the same time; `checkpoint` is saved after every batch.

    Args:
        clients: the clients.
        target: the function and the bucket.
        checkpoint: the range and the progress.
        retention: how long the stream keeps a record.
        batch_size: maximum number of records in one invocation.
        rate: maximum number of records per second of each shard.
        stop: when set, the run ends after the current invocations; a shard that fails sets it.
        on_progress: called after every batch with the shard and the arrival of its last record.
    """

    def __init__(
        self,
        clients: Clients,
        target: Target,
        checkpoint: Checkpoint,
        *,
        retention: timedelta,
        batch_size: int,
        rate: int,
        stop: threading.Event,
        on_progress: Callable[[str, float], None] = lambda _shard, _arrival: None,
    ) -> None:
        self._clients = clients
        self._target = target
        self._checkpoint = checkpoint
        self._range = Range(
            checkpoint.stream_arn, checkpoint.start.timestamp(), checkpoint.end.timestamp(), retention
        )
        self._batch_size = batch_size
        self._rate = rate
        self._stop = stop
        self._on_progress = on_progress
        self._ancestors: Mapping[str, Collection[str]] = {}
        self._progress = threading.Lock()  # of the checkpoint
        self._gate = Gate()  # of the function
        self._stored: _Batch | None = None  # the last record that the function stored in this run

    def run(self, *, dry_run: bool = False) -> None:
        """Replay the rest of every shard, as the checkpoint has it.

        Args:
            dry_run: only count; neither invoke nor save.

        Raises:
            ReplayError: the function fails for every record.
            botocore.exceptions.ClientError: a call is denied.
        """
        self._ancestors = list_shards(self._clients.kinesis, self._checkpoint.stream_arn)
        unfinished = self._unfinished()
        schedule = Schedule(unfinished, self._ancestors, self._stop)
        with DaemonPool(min(MAX_SHARDS, len(unfinished))) as pool:
            workers = [pool.submit(self._work, schedule, dry_run) for _ in unfinished[:MAX_SHARDS]]
            for worker in workers:
                worker.result()

    def _work(self, schedule: Schedule, dry_run: bool) -> None:
        """Replay one shard after the other, until all are done or the run is stopped."""
        while (shard_id := schedule.take()) is not None:
            try:
                self._replay(shard_id, dry_run)
            except BaseException:
                self._stop.set()
                raise
            finally:
                schedule.finish(shard_id)

    def _unfinished(self) -> list[str]:
        done = {*self._checkpoint.finished, *self._checkpoint.expired}
        return [shard_id for shard_id in self._checkpoint.shards if shard_id not in done]

    def _reader(self, shard_id: str) -> ShardReader:
        """Return a reader of the records of a shard that come after the checkpoint."""
        checkpoint = self._checkpoint
        position = checkpoint.shards[shard_id]
        read = [self._range.start]  # an ancestor's last record came before the shard's first
        read += [checkpoint.reached.get(ancestor, 0.0) for ancestor in self._ancestors.get(shard_id, ())]
        # An earlier release did not keep how far it had read: nothing is known to be missed.
        arrival = checkpoint.reached.get(shard_id, self._range.end) if position else max(read)
        return ShardReader(self._clients.kinesis, shard_id, self._range, self._stop, position, arrival)

    def _replay(self, shard_id: str, dry_run: bool) -> None:
        """Replay a shard, to its end or until the run is stopped."""
        checkpoint, reader = self._checkpoint, self._reader(shard_id)
        limiter = RateLimiter(self._rate, self._stop)
        missed_before = checkpoint.missed.get(shard_id, 0.0)
        try:
            for batch in self._batches(reader):
                if not dry_run:
                    limiter.wait(len(batch.records))
                quarantined = 0 if dry_run else self._handle(batch)
                if quarantined is None:
                    return
                with self._saved(dry_run):
                    assert batch.last
                    last = batch.last["kinesis"]
                    checkpoint.shards[shard_id] = last["sequenceNumber"]
                    checkpoint.reached[shard_id] = last["approximateArrivalTimestamp"]
                    checkpoint.records += len(batch.records)
                    checkpoint.bytes += sum(payload_size(record["kinesis"]) for record in batch.records)
                    checkpoint.refused += quarantined
                    checkpoint.filtered += batch.filtered
                    self._count_missed(shard_id, missed_before + batch.missed)
                    self._on_progress(shard_id, last["approximateArrivalTimestamp"])
            if self._stop.is_set():
                return
            done = checkpoint.finished
        except ExpiredShardError:
            done = checkpoint.expired
        with self._saved(dry_run):
            done.append(shard_id)
            self._count_missed(shard_id, missed_before + reader.missed)
            self._on_progress(shard_id, self._range.end)

    @contextmanager
    def _saved(self, dry_run: bool) -> Iterator[None]:
        """Let this thread alone change the checkpoint, and save it."""
        with self._progress:
            yield
            if not dry_run:
                self._checkpoint.save()

    def _count_missed(self, shard_id: str, seconds: float) -> None:
        if seconds:
            self._checkpoint.missed[shard_id] = seconds

    def _batches(self, reader: ShardReader) -> Iterator[_Batch]:
        """Group a shard's records into events, by count and by bytes."""
        batch, size = _Batch([], []), len('{"Records": []}')
        for record in reader:
            element = self._element(record, reader.shard_id)
            if not self._target.filters.delivers(element["kinesis"]):
                batch.last, batch.filtered, batch.missed = element, batch.filtered + 1, reader.missed
                continue
            text = json.dumps(element)
            length = len(text) + len(", ")
            if batch.records and (len(batch.records) == self._batch_size or size + length > MAX_EVENT_BYTES):
                yield batch
                batch, size = _Batch([], []), len('{"Records": []}')
            batch.records.append(element)
            batch.texts.append(text)
            batch.last, batch.missed = element, reader.missed
            size += length
        if batch.last and not self._stop.is_set():
            yield batch

    def _element(self, record: KinesisData, shard_id: str) -> KinesisRecord:
        return build_record(record, shard_id, self._checkpoint.stream_arn, self._target.role_arn)

    def _handle(self, batch: _Batch) -> int | None:
        """Send a batch until each of its records is handled or in quarantine.

        Returns:
            The number of records put into quarantine; None if the run was stopped before the end.

        Raises:
            ReplayError: the function fails for every record.
        """
        pending = deque([batch] if batch.records else [])
        quarantined = 0
        while pending:
            if self._stop.is_set():
                return None
            current = pending.popleft()
            with self._gate.open():
                failed, cause = self._invoke(current)
                if failed != 0:
                    self._remember_stored(current.part(0, failed))
            if failed is None:
                continue
            attempts = current.attempts + 1
            if failed > 0:
                pending.appendleft(current.part(failed))
            elif len(current.records) > 1:
                middle = (len(current.records) + 1) // 2
                pending.extendleft([current.part(middle), current.part(0, middle)])
            elif attempts < ATTEMPTS:
                self._stop.wait(min(_BASE_DELAY * 2**current.attempts, _MAX_DELAY))
                if attempts == ATTEMPTS - 1:
                    self._find_witness(current, cause)
                pending.appendleft(current.part(0, attempts=attempts))
            else:
                self._quarantine(current.records[0], cause)
                quarantined += 1
        return quarantined

    def _remember_stored(self, handled: _Batch) -> None:
        for index in reversed(range(len(handled.records))):
            if _is_storable(handled.records[index], self._target.event):
                self._stored = handled.part(index, index + 1)
                return

    def _find_witness(self, suspect: _Batch, cause: str) -> None:
        """Check that the function stores another record now, so that the suspect is at fault.

        The other one is the last that it stored, or one that this run is still to send, and no other shard is sent
        meanwhile: no older version of an event replaces a newer one for good.

        Raises:
            ReplayError: it stores none.
        """
        with self._gate.alone():
            ahead = islice(self._ahead(suspect), MAX_WITNESSES)
            for witness in [self._stored] if self._stored else ahead:
                if self._stop.is_set() or self._invoke(witness)[0] is None:
                    return
            if self._stop.is_set():
                return
            self._stop.set()  # before another shard looks for one too
        raise ReplayError(
            f"The function fails for every record, so the records are not the cause: {cause}. Nothing was put into "
            "quarantine for it. Fix the cause (`python -m ops status` shows more), then continue with --resume."
        )

    def _ahead(self, suspect: _Batch) -> Iterator[_Batch]:
        """Yield records that the function should store, and that the checkpoint has not passed, each alone."""
        for shard_id in self._unfinished():
            with suppress(ExpiredShardError):
                for record in self._reader(shard_id):
                    element = self._element(record, shard_id)
                    if element != suspect.records[0] and self._is_stored(element):
                        yield _Batch([element], [json.dumps(element)])

    def _is_stored(self, record: KinesisRecord) -> bool:
        """Return whether the mapping would deliver the record, and the function write it to the table."""
        delivered = self._target.filters.delivers(record["kinesis"])
        return delivered and _is_storable(record, self._target.event)

    def _invoke(self, batch: _Batch) -> tuple[int | None, str]:
        """Invoke the function; return the index of the first failed record, None for success, and the cause."""
        event = f'{{"Records": [{", ".join(batch.texts)}]}}'
        answer = self._clients.invoker.invoke(
            FunctionName=self._target.function_name, Qualifier=LIVE, Payload=event.encode()
        )
        response = answer["Payload"].read()
        if "FunctionError" in answer:
            return 0, _error_message(response)
        numbers = [record["kinesis"]["sequenceNumber"] for record in batch.records]
        return first_failure(numbers, response), "reported for a retry"

    def _quarantine(self, record: KinesisRecord, cause: str) -> None:
        poison = PoisonError(Reason.REFUSED, f"failed in {ATTEMPTS} invocations of a replay: {cause}")
        self._clients.s3.put_object(
            Bucket=self._target.bucket,
            Key=object_key(record, poison.reason),
            Body=object_body(record, poison, self._target.function_name),
            ContentType="application/json",
        )


def _is_storable(record: KinesisRecord, event: Schema) -> bool:
    """Return whether the function would write the record to the table, not to quarantine."""
    try:
        items = [
            event.build_item(values) for _, values in event.parse_all(record) if isinstance(values, tuple)
        ]
    except PoisonError:
        return False
    return bool(items)


def _error_message(response: bytes) -> str:
    try:
        answer: Any = json.loads(response)
        return f"{answer['errorType']}: {answer['errorMessage']}"
    except (KeyError, TypeError, ValueError):
        return "the function ended without an answer"
