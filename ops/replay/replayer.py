"""Sends records through the function again, as an event source mapping does.

The mapping's rules for failures apply ("Configuring partial batch response with Kinesis Data Streams and Lambda"):
the records before the first reported one are done; a batch that fails as a whole is halved until the record at
fault is alone. A record that fails in every attempt is put into quarantine, but only while the function stores
another one: if it stores none, the record is not at fault, and the replay ends.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from event.poison import PoisonError, Reason
from event.quarantine_object import object_body, object_key
from event.record import KinesisRecord
from event.schema import Schema
from ops.aws.rate_limiter import RateLimiter
from ops.errors import ExpiredShardError, ReplayError
from ops.replay.checkpoint import Checkpoint
from ops.replay.invocation import MAX_EVENT_BYTES, build_record, first_failure
from ops.replay.shards import read_range
from stack.aws.live_alias import LIVE

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""Invocations for a record that is alone and fails."""
MAX_WITNESSES = 20
"""If the function handles none of so many other records either, the records are not the cause."""

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
    """The function, the events that it stores, and the bucket for the records that it fails to handle."""

    event: Schema
    function_name: str
    role_arn: str
    bucket: str


@dataclass(slots=True)
class _Batch:
    """Records of one shard, as elements of the event and as their JSON."""

    records: list[KinesisRecord]
    texts: list[str]
    attempts: int = 0

    def part(self, start: int, end: int | None = None, attempts: int = 0) -> "_Batch":
        return _Batch(self.records[start:end], self.texts[start:end], attempts)


class Replayer:
    """One run of a replay; `checkpoint` is saved after every batch.

    Args:
        clients: the clients.
        target: the function and the bucket.
        checkpoint: the range and the progress.
        batch_size: maximum number of records in one invocation.
        rate: maximum number of records per second.
        stop: when set, the run ends after the current invocation.
        on_progress: called after every batch with the shard and the arrival of its last record.
    """

    def __init__(
        self,
        clients: Clients,
        target: Target,
        checkpoint: Checkpoint,
        *,
        batch_size: int,
        rate: int,
        stop: threading.Event,
        on_progress: Callable[[str, float], None] = lambda _shard, _arrival: None,
    ) -> None:
        self._clients = clients
        self._target = target
        self._checkpoint = checkpoint
        self._batch_size = batch_size
        self._limiter = RateLimiter(rate, stop)
        self._stop = stop
        self._on_progress = on_progress
        self._stored: _Batch | None = None  # the last record that the function stored in this run

    def run(self, *, dry_run: bool = False) -> None:
        """Replay the rest of every shard, as the checkpoint has it.

        Args:
            dry_run: only count; neither invoke nor save.

        Raises:
            ReplayError: the function fails for every record.
            botocore.exceptions.ClientError: a call is denied.
        """
        checkpoint = self._checkpoint
        for shard_id in self._unfinished():
            try:
                self._replay(shard_id, dry_run)
            except ExpiredShardError:
                checkpoint.expired.append(shard_id)
            else:
                if self._stop.is_set():
                    return
                checkpoint.finished.append(shard_id)
            self._on_progress(shard_id, checkpoint.end.timestamp())
            if not dry_run:
                checkpoint.save()

    def _unfinished(self) -> list[str]:
        done = {*self._checkpoint.finished, *self._checkpoint.expired}
        return [shard_id for shard_id in self._checkpoint.shards if shard_id not in done]

    def _read(self, shard_id: str) -> Iterator["RecordTypeDef"]:
        """Read the records of a shard that come after the checkpoint."""
        checkpoint = self._checkpoint
        return read_range(
            self._clients.kinesis,
            checkpoint.stream_arn,
            shard_id,
            checkpoint.start,
            checkpoint.end,
            after=checkpoint.shards[shard_id],
            stop=self._stop,
        )

    def _replay(self, shard_id: str, dry_run: bool) -> None:
        """Replay a shard, to its end or until the run is stopped.

        Raises:
            ExpiredShardError: the stream no longer has it.
        """
        checkpoint = self._checkpoint
        for batch in self._batches(shard_id, self._read(shard_id)):
            quarantined = 0 if dry_run else self._handle(batch)
            if quarantined is None:
                return
            last = batch.records[-1]["kinesis"]
            checkpoint.shards[shard_id] = last["sequenceNumber"]
            checkpoint.records += len(batch.records)
            checkpoint.bytes += sum(len(record["kinesis"]["data"]) * 3 // 4 for record in batch.records)
            checkpoint.refused += quarantined
            if not dry_run:
                checkpoint.save()
            self._on_progress(shard_id, last["approximateArrivalTimestamp"])

    def _batches(self, shard_id: str, records: Iterable["RecordTypeDef"]) -> Iterator[_Batch]:
        """Group a shard's records into events, by count and by bytes."""
        batch, size = _Batch([], []), len('{"Records": []}')
        for answer in records:
            element = self._element(answer, shard_id)
            text = json.dumps(element)
            length = len(text) + len(", ")
            if batch.records and (len(batch.records) == self._batch_size or size + length > MAX_EVENT_BYTES):
                yield batch
                batch, size = _Batch([], []), len('{"Records": []}')
            batch.records.append(element)
            batch.texts.append(text)
            size += length
        if batch.records and not self._stop.is_set():
            yield batch

    def _element(self, answer: "RecordTypeDef", shard_id: str) -> KinesisRecord:
        return build_record(answer, shard_id, self._checkpoint.stream_arn, self._target.role_arn)

    def _handle(self, batch: _Batch) -> int | None:
        """Send a batch until each of its records is handled or in quarantine.

        Returns:
            The number of records put into quarantine; None if the run was stopped before the end.

        Raises:
            ReplayError: the function fails for every record.
        """
        self._limiter.wait(len(batch.records))
        pending = deque([batch])
        quarantined = 0
        while pending:
            if self._stop.is_set():
                return None
            current = pending.popleft()
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

        The other one is the last that it stored, or one that this run is still to send: no older version of an event
        replaces a newer one for good.

        Raises:
            ReplayError: it stores none.
        """
        ahead = islice(self._ahead(suspect), MAX_WITNESSES)
        for witness in [self._stored] if self._stored else ahead:
            failed, _ = self._invoke(witness)
            if failed is None or self._stop.is_set():
                return
        raise ReplayError(
            f"The function fails for every record, so the records are not the cause: {cause}. Nothing was put into "
            "quarantine for it. Fix the cause (`python -m ops status` shows more), then continue with --resume."
        )

    def _ahead(self, suspect: _Batch) -> Iterator[_Batch]:
        """Yield records that the function should store, and that the checkpoint has not passed, each alone."""
        for shard_id in self._unfinished():
            with suppress(ExpiredShardError):
                for answer in self._read(shard_id):
                    element = self._element(answer, shard_id)
                    if element != suspect.records[0] and _is_storable(element, self._target.event):
                        yield _Batch([element], [json.dumps(element)])

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
