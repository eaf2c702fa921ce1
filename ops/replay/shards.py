"""Reads a time range of a stream, shard by shard."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from event.limits import SHARD_READ_BYTES
from event.record import KinesisData
from ops.aws.records import MAX_PAGE_RECORDS, Page, read_page
from ops.errors import ExpiredShardError
from ops.explore import stream
from stack.aws.causes import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

READ_SECONDS = 0.25
"""Time between two reads of a shard, which allows five a second to all its readers (Kinesis quotas)."""
RETRY_SECONDS = 1.0
SLACK_SECONDS = 60
"""Maximum disorder of arrival times: nothing guarantees that they increase ("GetRecords")."""

_FIRST_PAGE_RECORDS: Final = 100
"""Before the size of the shard's records is known."""
_PAGE_BYTES: Final = int(SHARD_READ_BYTES * READ_SECONDS * 0.8)
"""Four fifths of what a shard delivers until the next read: the mapping needs some of it too."""
_RETRIED = ("ExpiredIteratorException", "ProvisionedThroughputExceededException")
"""Codes of reads to repeat: the function was busy for five minutes; other readers use up the shard's reads."""


def list_shards(kinesis: "KinesisClient", stream_arn: str) -> dict[str, frozenset[str]]:
    """List the shards whose records the stream still has, parents before children, each with all its ancestors.

    A key's records are read in the order in which they were put, also across a reshard, if a shard is read after
    its ancestors.
    """
    shards = {shard["ShardId"]: shard for shard in stream.list_shards(kinesis, StreamARN=stream_arn)}
    ancestors: dict[str, frozenset[str]] = {}

    def add(shard_id: str) -> frozenset[str]:
        shard = shards.get(shard_id)
        if shard is None:  # an expired parent is not listed
            return frozenset()
        if shard_id not in ancestors:
            parents = stream.parents(shard)
            ancestors[shard_id] = frozenset(parents).union(*map(add, parents))
        return ancestors[shard_id]

    for shard_id in shards:
        add(shard_id)
    return ancestors


@dataclass(frozen=True, slots=True)
class Range:
    """Records of a stream by their arrival, `start` included and `end` not, in seconds of the epoch.

    Attributes:
        retention: how long the stream keeps a record.
    """

    stream_arn: str
    start: float
    end: float
    retention: timedelta

    @property
    def kept_since(self) -> float:
        """Arrival of the oldest record that the stream still has."""
        return time.time() - self.retention.total_seconds()

    @property
    def seconds_left(self) -> float:
        """Time until the last record of the range expires."""
        return self.end - self.kept_since


@dataclass(slots=True)
class ShardReader:
    """Iterator over the records of a range in one shard, until `stop` is set.

    Attributes:
        position: sequence number of the last record read; None at the start.
        arrival: time up to which the records were read.
        missed: seconds of arrival times whose records expired before they were read.
    """

    kinesis: "KinesisClient"
    shard_id: str
    range: Range
    stop: threading.Event
    position: str | None
    arrival: float
    missed: float = 0.0
    _next_read: float = 0.0
    _limit: int = _FIRST_PAGE_RECORDS

    def __iter__(self) -> Iterator[KinesisData]:
        """Yield the records after the position.

        Raises:
            ExpiredShardError: the stream no longer has the shard.
            botocore.exceptions.ClientError: a call is denied, or the stream no longer exists.
        """
        while True:
            try:
                iterator = self._get_iterator()
                while iterator and not self.stop.is_set():
                    page = self._read(iterator)
                    for record in page.records:
                        arrival = record["approximateArrivalTimestamp"]
                        if arrival - self.range.end >= SLACK_SECONDS:
                            return
                        self.position = record["sequenceNumber"]
                        self.arrival = max(self.arrival, arrival)
                        if self.range.start <= arrival < self.range.end:
                            yield record
                    iterator = page.iterator
                    if not page.records and not page.behind:
                        return
                    if not page.records and self._has_expired():
                        iterator = self._get_iterator()
            except ClientError as error:
                code = error_code(error)
                if code == "ResourceNotFoundException" and self._is_gone():
                    raise ExpiredShardError(f"The stream no longer has {self.shard_id}.") from error
                if code not in _RETRIED:
                    raise
                self.stop.wait(RETRY_SECONDS)
            else:
                return

    def _get_iterator(self) -> str | None:
        """Return the iterator behind the position, or of the oldest record if the position has expired."""
        if self._has_expired():
            self.position = None
        start: Any
        if self.position:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self.position}
        else:
            moment = datetime.fromtimestamp(max(0.0, self.range.start - SLACK_SECONDS), UTC)
            start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        answer = self.kinesis.get_shard_iterator(
            StreamARN=self.range.stream_arn, ShardId=self.shard_id, **start
        )
        return answer["ShardIterator"]

    def _read(self, iterator: str) -> Page:
        """Read the next page when the shard allows it, and find what expired before it."""
        self.stop.wait(max(0.0, self._next_read - time.monotonic()))
        self._next_read = time.monotonic() + READ_SECONDS
        page = read_page(self.kinesis, iterator, self._limit, StreamARN=self.range.stream_arn)
        if page.records:
            self._limit = min(MAX_PAGE_RECORDS, page.fitting(_PAGE_BYTES))
            self._count_missed(page.records[0]["approximateArrivalTimestamp"])
        elif not page.behind:
            self._count_missed(self.range.end)
        return page

    def _has_expired(self) -> bool:
        """Whether the record at the position has expired: then nothing is read behind it, however often one tries."""
        return bool(self.position) and self.arrival < self.range.kept_since

    def _count_missed(self, next_arrival: float) -> None:
        """Count the time before the next record in which records may have arrived that have expired."""
        gap = min(next_arrival, self.range.end, self.range.kept_since) - self.arrival
        self.missed += gap if gap > SLACK_SECONDS else 0.0

    def _is_gone(self) -> bool:
        return self.shard_id not in list_shards(self.kinesis, self.range.stream_arn)
