"""Puts the spool's records on the stream, retries as long as it takes, and acknowledges what was accepted.

Only one call is made at a time, which keeps a username's tweets in order; 500 records per call feed several
shards. Answers are evaluated entry by entry (Kinesis API reference, PutRecords: HTTP 200 with failed
entries is normal).
"""

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import orjson
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError
from botocore.parsers import ResponseParserError

from producer.config import AwsCredentials
from producer.errors import PublishError
from producer.lanes import Lanes, backoff
from producer.spool import Entry, Spool

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MAX_CALL_RECORDS = 500
MAX_CALL_BYTES = 10 * 1024 * 1024
MAX_HELD_RECORDS = 5_000
"""Limit of refused records, and those queued behind them, in memory; above it the spool is not read."""
MAX_HELD_BYTES = 16 * 1024 * 1024
CALL_SECONDS = (0.1, 20.0)
"""First and maximum back-off of a call that failed as a whole, in seconds."""

_THROTTLED = {
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
}
_NETWORK_ERRORS = (HTTPClientError, EndpointError, ResponseParserError)
_ADVICE = {
    "AccessDeniedException": "Deploy the stack that allows it, or run `python -m producer configure`.",
    "ResourceNotFoundException": "Deploy the stack, or run `python -m producer configure` for the right stream.",
    "InvalidSignatureException": "Check the secret and this machine's clock; `python -m producer configure`.",
    "UnrecognizedClientException": "The key was deleted or rotated: run `python -m producer configure`.",
}


class Publisher:
    """Publishes from one thread, which calls `run`; the other methods may be called from any thread.

    Attributes:
        retried: number of times that a record was sent again.
        trouble: the reason why it is waiting, or None.
        answer_seconds: durations of the last calls.
        newest: `created_at` of the tweet acknowledged last.
    """

    def __init__(self, spool: Spool, client: "KinesisClient", aws: AwsCredentials, linger: float) -> None:
        self._spool = spool
        self._client = client
        self._aws = aws
        self._linger = linger
        self._lanes = Lanes()
        self._wake = threading.Event()
        self._finishing = False
        self._deadline: float | None = None
        self.retried = 0
        self.trouble: str | None = None
        self.answer_seconds: deque[float] = deque(maxlen=200)
        self.newest: str | None = None

    @property
    def held(self) -> int:
        """Records in memory: refused, or queued behind refused ones."""
        return self._lanes.held

    def run(self) -> None:
        """Publish until `finish` is called, and then what is left.

        Raises:
            PublishError: retrying is useless.
        """
        while not self._expired() and not (
            self._finishing and not self._lanes.held and not self._spool.unread
        ):
            if call := self._next_call():
                self._deliver(call)

    def finish(self, timeout: float | None) -> None:
        """Let `run` end when everything is sent, or after `timeout` seconds. Nothing more will be appended."""
        if timeout is not None:
            self._deadline = time.monotonic() + timeout
        self._finishing = True
        self._wake.set()

    def _expired(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _pause(self, seconds: float) -> None:
        if self._deadline is not None:
            seconds = min(seconds, self._deadline - time.monotonic())
        if self._wake.wait(max(0.0, seconds)):
            self._wake.clear()

    def _next_call(self) -> list[Entry]:
        """Return the records to send now; empty if there was nothing for a while."""
        now = time.monotonic()
        call = self._lanes.due(now, MAX_CALL_RECORDS, MAX_CALL_BYTES)
        full = self._lanes.held >= MAX_HELD_RECORDS or self._lanes.held_bytes >= MAX_HELD_BYTES
        wait = min(self._lanes.next_due() - now, 1.0)
        if not call and (full or (self._finishing and not self._spool.unread)):
            self._pause(wait)
            return call
        if not call and self._spool.wait(1, wait):
            self._spool.wait(MAX_CALL_RECORDS, min(wait, self._linger))
        if not full:
            size = MAX_CALL_BYTES - sum(entry.size for entry in call)
            new = self._spool.take(MAX_CALL_RECORDS - len(call), size)
            call += [entry for entry in new if not self._lanes.hold(entry)]
        return call

    def _deliver(self, call: list[Entry]) -> None:
        failures = 0
        while not self._expired():
            started = time.monotonic()
            try:
                refused, reason = self._put(call)
            except (ClientError, *_NETWORK_ERRORS) as error:
                if not _is_transient(error):
                    raise PublishError(self._explain(error)) from error
                failures += 1
                self.retried += len(call)
                self.trouble = _describe(error)
                self._pause(backoff(failures, *CALL_SECONDS))
                continue
            now = time.monotonic()
            self.answer_seconds.append(now - started)
            self.trouble = reason
            self.retried += len(refused)
            self._lanes.settle(call, refused, now)
            kept = {entry.position for entry in refused}
            acknowledged = [entry for entry in call if entry.position not in kept] if kept else call
            self._spool.acknowledge(acknowledged)
            if acknowledged:
                self.newest = orjson.loads(acknowledged[-1].data)["created_at"]
            return

    def _put(self, call: list[Entry]) -> tuple[list[Entry], str | None]:
        """Make one call; return the entries that the stream refused, and why."""
        answer = self._client.put_records(
            StreamName=self._aws.stream_name,
            Records=[{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in call],
        )
        results = answer.get("Records") or []
        if len(results) != len(call):
            raise ResponseParserError(f"{len(results)} results for {len(call)} records")
        refused = [entry for entry, result in zip(call, results, strict=True) if result.get("ErrorCode")]
        if not refused:
            return refused, None
        code = next(result["ErrorCode"] for result in results if result.get("ErrorCode"))
        return refused, f"{len(refused)} of {len(call)} records refused: {code}"

    def _explain(self, error: Exception) -> str:
        assert isinstance(error, ClientError)
        code = error.response["Error"]["Code"]
        key = self._aws.access_key
        identity = f"Access key {key}" if key else "The identity of boto3's default chain"
        where = f"stream {self._aws.stream_name} in {self._aws.region}"
        if self._aws.endpoint:
            where += f" at {self._aws.endpoint}"
        return f"{identity} is not allowed to write to {where}: {_describe(error)}. " + _ADVICE.get(
            code, "Run `python -m producer configure` if the stack has changed."
        )


def _is_transient(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in _THROTTLED


def _describe(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}".rstrip(
            ". :"
        )
    return str(error).rstrip(".")
