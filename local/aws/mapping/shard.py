"""One shard of a mapping: read it in order, send its lanes' batches, keep the order of each lane."""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.mapping import contract, decisions
from local.aws.mapping.decisions import Batch, Condition, MappingRecord, MappingSettings
from local.aws.mapping.destination import deliver
from local.aws.metrics import Metrics
from local.aws.server import Server
from local.errors import LocalAwsError

READ_INTERVAL = 0.2
"""Seconds between reads once a shard has no more records: it serves five reads a second (Kinesis quotas)."""
_MAX_RECORDS = 10_000
"""Of one read (Kinesis quotas)."""
_MAX_RETRY_WAIT = 2.0
"""Maximum seconds between attempts. AWS waits longer, but here a person is watching."""
_CALL_ERRORS = (ClientError, BotoCoreError, LocalAwsError, LookupError)
"""Raised by a call that failed; LookupError: the function was deleted."""

log = logging.getLogger("local.aws.mapping")


@dataclass
class _Lane:
    """Records of some partition keys, in order; no more than one batch of them is being processed."""

    waiting: list[MappingRecord] = field(default_factory=list)
    again: deque[Batch] = field(default_factory=deque)
    since: float = 0.0  # when the first waiting record was read
    batch: Batch | None = None  # is with the function
    sent: "Future[_Sent] | None" = None
    failures: int = 0
    not_before: float = 0.0

    def batches(self) -> list[tuple[MappingRecord, ...]]:
        """Return all records in memory, in order."""
        sent = [self.batch.records] if self.batch else []
        return [
            *sent,
            *(batch.records for batch in self.again),
            *([tuple(self.waiting)] if self.waiting else []),
        ]


@dataclass(frozen=True)
class _Sent:
    """The outcome of sending a batch."""

    again: tuple[Batch, ...]
    same_again: bool  # no progress: wait before the next attempt


@dataclass(frozen=True)
class Source:
    """The parts of a mapping that a shard's reader uses."""

    aws: Server
    metrics: Metrics
    invoker: Any  # a Lambda client whose every attempt is one invocation
    role_arn: str
    report: Callable[[str], None]  # takes Lambda's "last processing result"


class ShardReader:
    """Reads one shard in a thread of its own until the shard is at its end, or it is stopped.

    The position of each lane is in memory: a mapping that is disabled and enabled, or updated, resumes where it
    stopped. Without a failure no record is sent twice; with one, only the records that did not succeed.

    Attributes:
        settings: may be replaced at any time; holds from the next batch on.
        finished: the shard was closed by a reshard and all its records were handled.
        stream_deleted: the stream was deleted.
        delivered: how many records were handled, by the function or by the filters, which drop them.
        lag: the age of the oldest record that is not yet handled, in seconds.
    """

    def __init__(self, source: Source, settings: MappingSettings, shard_id: str, start: float | None) -> None:
        """Start to read at the time ``start`` (epoch seconds), or at the oldest record (None)."""
        self.settings = settings
        self.shard_id = shard_id
        self.finished = False
        self.stream_deleted = False
        self.delivered = 0
        self.lag = 0.0
        self._source = source
        self._start = start
        self._behind = 0.0
        self._position: str | None = None
        self._iterator: str | None = None
        self._closed = False
        self._next_read = 0.0
        self._lanes = [_Lane()]
        self._held = 0
        self._clients: dict[str, Any] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._pool = ThreadPoolExecutor(10, thread_name_prefix=f"lanes of {shard_id}")
        self._thread = threading.Thread(target=self._run, name=f"reader of {shard_id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to send nothing more; ``join`` waits for its end."""
        self._stopping = True
        self._wake.set()

    def join(self) -> None:
        """Wait until nothing more is sent, but not for batches that the function is still processing."""
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping and not self.finished:
            self._wake.clear()
            self._collect()
            if self.settings.enabled:
                try:
                    self._read()
                except _CALL_ERRORS as error:
                    # A later stream of this name is another one, for another reader.
                    self.stream_deleted = self.stream_deleted or _is_not_found(error)
                    self._closed = self._closed or self.stream_deleted
                    self._clients.clear()  # the role may have changed
                    self._next_read = time.monotonic() + READ_INTERVAL
                    self._source.report(f"PROBLEM: {error}")
                    log.info("%s of %s: %s", self.shard_id, self.settings.stream_arn, error)
                if self._spread():
                    self._send()
            self._wake.wait(READ_INTERVAL)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _collect(self) -> None:
        """Take the results of the batches that were processed."""
        for lane in self._lanes:
            if lane.sent is None or not lane.sent.done():
                continue
            assert lane.batch
            sent, batch, lane.sent, lane.batch = lane.sent.result(), lane.batch, None, None
            self.delivered += len(batch.records) - sum(len(rest.records) for rest in sent.again)
            lane.again.extendleft(reversed(sent.again))
            lane.failures = lane.failures + 1 if sent.same_again else 0
            delay = min(0.05 * 2**lane.failures, _MAX_RETRY_WAIT) if sent.same_again else 0.0
            lane.not_before = time.monotonic() + delay
        held = [batch for lane in self._lanes for batch in lane.batches()]
        self._held = sum(map(len, held))
        self.lag = max((time.time() - batch[0].arrival for batch in held), default=self._behind)
        self.finished = self._closed and not held

    def _spread(self) -> bool:
        """Follow a change of the parallelization factor; return False while batches are still being processed."""
        if len(self._lanes) == self.settings.lanes:
            return True
        if any(lane.sent for lane in self._lanes):
            return False
        held = [record for lane in self._lanes for batch in lane.batches() for record in batch]
        self._lanes = [_Lane() for _ in range(self.settings.lanes)]
        self._take(sorted(held, key=lambda record: int(record.sequence_number)))
        return True

    def _take(self, records: list[MappingRecord]) -> None:
        for record in records:
            lane = self._lanes[decisions.lane_index(record.partition_key, len(self._lanes))]
            if not lane.waiting:
                lane.since = time.monotonic()
            lane.waiting.append(record)

    def _read(self) -> None:
        room = self.settings.read_ahead - self._held
        few = room < self.settings.read_ahead // 2  # not worth a call
        if self._closed or few or time.monotonic() < self._next_read:
            return
        kinesis = self._client("kinesis")
        if self._iterator is None:
            self._iterator = kinesis.get_shard_iterator(
                StreamARN=self.settings.stream_arn, ShardId=self.shard_id, **self._where_to_start()
            )["ShardIterator"]
        try:
            answer = kinesis.get_records(
                ShardIterator=self._iterator,
                StreamARN=self.settings.stream_arn,
                Limit=min(room, _MAX_RECORDS),
            )
        except kinesis.exceptions.ExpiredIteratorException:
            self._iterator = None
            return
        self._iterator = answer.get("NextShardIterator")
        self._closed = self._iterator is None
        self._behind = answer.get("MillisBehindLatest", 0) / 1000
        if answer["Records"]:
            self._position = answer["Records"][-1]["SequenceNumber"]
            self._count("PolledEventCount", len(answer["Records"]))
            self._take(self._deliverable(answer["Records"]))
        if not self._behind:
            self._next_read = time.monotonic() + READ_INTERVAL

    def _deliverable(self, answers: list[dict[str, Any]]) -> list[MappingRecord]:
        """Convert records to the function's event format, without those that the filters drop: they are done."""
        settings = self.settings
        records = [
            record
            for answer in answers
            if (record := decisions.build_record(answer, self.shard_id, self._source.role_arn, settings))
        ]
        if dropped := len(answers) - len(records):
            self._count("FilteredOutEventCount", dropped)
            self.delivered += dropped
        return records

    def _where_to_start(self) -> dict[str, Any]:
        if self._position is not None:
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._position}
        if self._start is not None:
            moment = datetime.fromtimestamp(self._start, UTC)
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        return {"ShardIteratorType": "TRIM_HORIZON"}

    def _send(self) -> None:
        now = time.monotonic()
        for lane in self._lanes:
            if lane.sent or now < lane.not_before:
                continue
            if lane.again:
                batch = lane.again.popleft()
            else:
                count = decisions.batch_to_send(
                    lane.waiting, now - lane.since, self.settings, last=self._closed
                )
                if count is None:
                    continue
                batch = Batch(tuple(lane.waiting[:count]))
                del lane.waiting[:count]
                lane.since = now
            lane.batch = batch
            lane.sent = self._pool.submit(self._process, batch, self.settings)
            lane.sent.add_done_callback(lambda _: self._wake.set())

    # --- In the threads of the pool, one for each batch on its way ---------------------------------------

    def _process(self, batch: Batch, settings: MappingSettings) -> _Sent:
        current, old = decisions.too_old(batch, settings, time.time())
        if old:
            self._discard(old, "RecordAgeExceeded", settings, str(uuid.uuid4()))
        if current is None:
            return _Sent((), same_again=False)
        self._source.metrics.add(
            "AWS/Lambda",
            "IteratorAge",
            (time.time() - current.records[-1].arrival) * 1000,
            "Milliseconds",
            {"FunctionName": settings.function_name},
        )
        payload = decisions.build_event(current.records).encode()
        if len(payload) > contract.MAX_EVENT_BYTES:
            # One record that no invocation can carry. The function is not called, as while it is throttled.
            self._source.report(f"PROBLEM: the payload of {len(payload)} bytes is too large")
            return _Sent((current,), same_again=True)
        try:
            answer = self._source.invoker.invoke(FunctionName=settings.function_arn, Payload=payload)
            response = answer["Payload"].read()
        except _CALL_ERRORS as error:
            # Not an error of the function: tried again until the records are too old, whatever the quota.
            self._source.report(f"PROBLEM: {error}")
            return _Sent((current,), same_again=True)
        failed = 0 if "FunctionError" in answer else decisions.first_failure(current, response, settings)
        self._count("InvokedEventCount", len(current.records))
        if failed is None:
            self._source.report("OK")
            return _Sent((), same_again=False)
        self._source.report("PROBLEM: Function call failed")
        self._count("FailedInvokeEventCount", len(current.records) - failed)
        verdict = decisions.after_failure(current, failed, settings)
        if verdict.discarded:
            request_id = answer["ResponseMetadata"]["RequestId"]
            function_error = answer.get("FunctionError")
            self._discard(verdict.discarded, "RetryAttemptsExhausted", settings, request_id, function_error)
        no_progress = len(verdict.again) == 1 and len(verdict.again[0].records) == len(current.records)
        return _Sent(verdict.again, same_again=no_progress)

    def _discard(
        self,
        batch: Batch,
        condition: Condition,
        settings: MappingSettings,
        request_id: str,
        function_error: str | None = None,
    ) -> None:
        log.warning("%s: %d records discarded (%s)", self.shard_id, len(batch.records), condition)
        if settings.destination_arn is None:
            self._count("DroppedEventCount", len(batch.records))
            return
        record = decisions.failure_record(
            batch, condition, self.shard_id, settings, request_id, time.time(), function_error
        )
        try:
            deliver(self._client, settings, self.shard_id, record, decisions.build_event(batch.records))
        except _CALL_ERRORS as error:
            # As on AWS: the shard continues, and only metrics show the loss.
            log.error("%d records are lost, writing to the destination failed: %s", len(batch.records), error)
            self._source.report(f"PROBLEM: {error}")
            self._count("DroppedEventCount", len(batch.records))
            function = {"FunctionName": settings.function_name}
            self._source.metrics.add("AWS/Lambda", "DestinationDeliveryFailures", 1, "Count", function)
        else:
            self._count("OnFailureDestinationDeliveredEventCount", len(batch.records))

    def _client(self, service: str) -> Any:
        """Return the client of a service with the credentials of the function's role."""
        client = self._clients.get(service)
        if client is None:
            # Reads are repeated by the loop; what goes to the destination would be lost.
            attempts = 1 if service == "kinesis" else 4
            client = self._clients[service] = self._source.aws.role_client(
                service, self.settings.function_name, retries={"total_max_attempts": attempts}
            )
        return client

    def _count(self, metric: str, records: int) -> None:
        """Record a metric of the mapping itself ("Lambda event source mapping metrics", developer guide)."""
        mapping = {"EventSourceMappingUUID": self.settings.uuid}
        self._source.metrics.add("AWS/Lambda", metric, records, "Count", mapping)


def _is_not_found(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException"
