"""Puts the spool's records on the stream, retries as long as it takes, and acknowledges the accepted ones.

Several calls may be under way, none of which shares a partition key with another; 500 records per call feed several
shards. Answers are evaluated entry by entry (Kinesis API reference, PutRecords: HTTP 200 with failed
entries is normal).
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from event.item import Key
from event.limits import MAX_PUT_BYTES, MAX_PUT_RECORDS
from producer.config import AwsCredentials
from producer.errors import PublishError
from producer.publish.lanes import Lanes, backoff
from producer.publish.outage import Outage, judge
from producer.spooling.entry import Entry
from producer.spooling.spool import Spool
from stack.aws.causes import CredentialsError, no_answer

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef

    from producer.publish.client import StreamClient

MAX_CALLS = 12
"""Maximum number of calls under way at once."""
MAX_HELD_RECORDS = 8_000
"""Maximum number of records in memory: under way, throttled, or queued behind those; then the spool is not read."""
MAX_HELD_BYTES = 16 * 1024 * 1024
CALL_SECONDS = (0.1, 20.0)
"""First and maximum back-off after a call that failed as a whole, in seconds."""
_PARTIAL_CALL_SECONDS = 0.25
"""Delay of a call that is not full while another one is under way, which may take long."""
_GATHER_SECONDS = 0.05
"""Delay of the last records for throttled ones that are due soon: a small call costs as much as a large one."""

_position = attrgetter("position")


class _Answer(NamedTuple):
    """The outcome of a call: the answer of the API, or an error."""

    call: list[Entry]
    started: float
    ended: float
    answer: "PutRecordsOutputTypeDef | Exception"


class Publisher:
    """The publishing loop: `run` is called from one thread, the other methods from any thread.

    Attributes:
        retried: number of times that a record was sent again.
        trouble: the reason why it is waiting, or None.
        answer_seconds: durations of the last calls.
        newest: the own time of the event acknowledged last; None if it has none.
    """

    def __init__(
        self,
        spool: Spool,
        client: "StreamClient",
        aws: AwsCredentials,
        linger: float,
        notify: Callable[[str], None],
    ) -> None:
        self._spool = spool
        self._client = client
        self._aws = aws
        self._linger = linger
        self._lanes = Lanes()
        self._outage = Outage(notify)
        self._under_way = 0
        self._answers: deque[_Answer] = deque()  # filled by the threads of the calls
        self._failures = 0  # consecutive ones
        self._failed_at = -math.inf
        self._not_before = -math.inf  # after a failure, calls are made one at a time, from then on
        self._ready_since: float | None = None
        self._finishing = False
        self._deadline = math.inf
        self.retried = 0
        self.trouble: str | None = None
        self.answer_seconds: deque[float] = deque(maxlen=200)
        self.newest: str | None = None

    @property
    def held(self) -> int:
        """Number of records in memory: under way, throttled, or queued behind those."""
        return self._lanes.held

    def run(self) -> None:
        """Publish until `finish` is called, and then the rest.

        Raises:
            PublishError: retrying is useless.
        """
        while (now := time.monotonic()) < self._deadline:
            finishing = self._finishing  # read once, so that no wait misses its change
            self._settle_answers()
            if finishing and self._spool.is_empty:
                break
            self._lanes.advance(now)
            self._read()
            if self._may_call(now):
                call = self._lanes.next_call(MAX_PUT_RECORDS, MAX_PUT_BYTES)
                self._start(sorted(call, key=_position))
            else:
                self._wait(now, finishing)
        self._settle_answers()

    def finish(self, timeout: float | None) -> None:
        """Let `run` end when everything is sent, or after `timeout` seconds. Nothing more will be appended."""
        if timeout is not None:
            self._deadline = time.monotonic() + timeout
        self._finishing = True
        self._spool.wake()

    def _read(self) -> None:
        """Take records from the spool until a call is full."""
        lanes = self._lanes
        while self._spool.unread and lanes.ready < MAX_PUT_RECORDS and not self._is_full():
            lanes.add(self._spool.take(MAX_PUT_RECORDS, MAX_PUT_BYTES))
        if not lanes.ready:
            self._ready_since = None
        elif self._ready_since is None:
            self._ready_since = time.monotonic()

    def _may_call(self, now: float) -> bool:
        ready = self._lanes.ready
        if not ready or not self._is_call_free() or now < self._not_before:
            return False
        return ready >= MAX_PUT_RECORDS or now >= self._call_time()

    def _is_call_free(self) -> bool:
        """Tell whether one more call may be under way; after a failure, calls are made one at a time."""
        return self._under_way < (1 if self._failures else MAX_CALLS)

    def _call_time(self) -> float:
        """Return when a call is made even if it is not full."""
        if self._ready_since is None:
            return math.inf
        if not self._finishing:
            return self._ready_since + (_PARTIAL_CALL_SECONDS if self._under_way else self._linger)
        gathered = self._ready_since + _GATHER_SECONDS
        return gathered if self._lanes.next_due() < gathered else self._ready_since

    def _wait(self, now: float, finishing: bool) -> None:
        lanes = self._lanes
        deadline = min(self._deadline, lanes.next_due(), now + 1)
        if lanes.ready and self._is_call_free():
            deadline = min(deadline, max(self._call_time(), self._not_before))
        more = 1 if not lanes.ready else MAX_PUT_RECORDS - lanes.ready
        wanted = math.inf if self._is_full() or more <= 0 else more
        self._spool.wait(
            wanted, lambda: bool(self._answers) or self._finishing != finishing, max(0.0, deadline - now)
        )

    def _is_full(self) -> bool:
        return self._lanes.held >= MAX_HELD_RECORDS or self._lanes.held_bytes >= MAX_HELD_BYTES

    def _start(self, call: list[Entry]) -> None:
        self._under_way += 1
        self._ready_since = None
        # A daemon, because a call that hangs must not keep the process from ending.
        threading.Thread(target=lambda: self._put(call), daemon=True).start()

    def _put(self, call: list[Entry]) -> None:
        """Make one call, in a thread of its own."""
        started = time.monotonic()
        answer: PutRecordsOutputTypeDef | Exception
        try:
            answer = self._client.put_records(
                **self._aws.stream,
                Records=[{"Data": entry.data, "PartitionKey": entry.partition_key} for entry in call],
            )
        except Exception as error:  # noqa: BLE001  -- raised again in the thread that runs
            answer = error
        self._answers.append(_Answer(call, started, time.monotonic(), answer))
        self._spool.wake()

    def _settle_answers(self) -> None:
        while self._answers:
            self._settle(self._answers.popleft())

    def _settle(self, answer: _Answer) -> None:
        self._under_way -= 1
        try:
            throttled, reason = _evaluate(answer, self._spool.format.read_key)
        except (ClientError, CredentialsError, *no_answer()) as error:
            failure = judge(error, self._aws)
            if self._outage.add(failure, answer.ended):
                raise PublishError(failure.message) from error
            self._lanes.put_back(answer.call)
            self.retried += len(answer.call)
            self.trouble = failure.message
            if answer.started >= self._failed_at:  # calls that were under way together fail once
                self._failures += 1
                self._failed_at = answer.ended
                self._not_before = answer.ended + backoff(self._failures, *CALL_SECONDS)
            return
        self._outage.end(answer.ended)
        self._failures = 0
        self.answer_seconds.append(answer.ended - answer.started)
        self.trouble = reason
        self.retried += len(throttled)
        self._lanes.settle(answer.call, throttled, answer.ended)
        again = {entry.position for entry in throttled}
        accepted = [entry for entry in answer.call if entry.position not in again] if again else answer.call
        self._spool.acknowledge(accepted)
        if accepted:
            # A tombstone has no time, and must not hide that of the tweets before it.
            self.newest = self._spool.format.read_time(accepted[-1].data) or self.newest


def _evaluate(answer: _Answer, read_key: Callable[[bytes], Key]) -> tuple[list[Entry], str | None]:
    """Return the entries to send again, and why.

    Later versions of a throttled event in the same call are sent again with it, although they were accepted:
    otherwise the older version would become the stream's newest.

    Raises:
        Exception: the call failed as a whole.
    """
    if isinstance(answer.answer, Exception):
        raise answer.answer
    results = answer.answer.get("Records") or []
    if not (isinstance(results, list) and all(isinstance(result, dict) for result in results)):
        raise ResponseParserError("the results are not a list of objects")
    if len(results) != len(answer.call):
        raise ResponseParserError(f"{len(results)} results for {len(answer.call)} records")
    codes = [result["ErrorCode"] for result in results if result.get("ErrorCode")]
    if not codes:
        return [], None
    throttled: list[Entry] = []
    events: dict[str, set[Key]] = {}  # keys of throttled events by partition key
    for entry, result in zip(answer.call, results, strict=True):
        if result.get("ErrorCode"):
            throttled.append(entry)
            events.setdefault(entry.partition_key, set()).add(read_key(entry.data))
        elif entry.partition_key in events and read_key(entry.data) in events[entry.partition_key]:
            throttled.append(entry)
    return throttled, f"{len(codes)} of {len(answer.call)} records failed: {codes[0]}"
