"""Puts quarantined records back on the stream, without losing any and without sending any in circles.

For each group of objects: send every record until the stream has acknowledged it, mark the copies, then
delete the objects. If the process ends in between, the objects remain, and the next redrive repeats at most
one group, which the table's key makes harmless. Markers recognize a copy that returns to quarantine.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handler.quarantine_format import QuarantinedRecord
from ops.display import count
from ops.errors import GoneError, UnreadableError
from ops.quarantine.bucket import Bucket, Entry, Quarantined, RedriveMarkers
from ops.stack import CONNECTIONS

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

MAX_CALL_RECORDS = 500
"""In one PutRecords (Amazon Kinesis API reference)."""
MAX_CALL_BYTES = 1024 * 1024
"""Payloads and partition keys in one call: as much as one shard accepts per second."""

_READ_AHEAD = 16
"""Objects to read ahead; one of Lambda's has up to six megabytes."""

_ATTEMPTS = 10
_BASE_DELAY = 0.1
_MAX_DELAY = 5.0


@dataclass(slots=True)
class Summary:
    """Outcomes of the selected objects: `selected = redriven + returned + unreadable + kept`."""

    selected: int = 0
    redriven: int = 0
    records: int = 0
    returned: int = 0
    """Skipped, because one of their records reached the limit of redrives."""
    unreadable: int = 0
    kept: int = 0
    """Not redriven: the stream refused some of their records, or the run was interrupted before."""


class Redriver:
    """One run of the redrive.

    Args:
        bucket: the quarantine.
        kinesis: a client with the operator's credentials.
        stream: the stream's name.
        rate: maximum number of records per second.
        max_redrives: how often a record may be redriven at all.
        stop: when set, the run ends after the current call.
        notify: called with messages for the user.
    """

    def __init__(
        self,
        bucket: Bucket,
        kinesis: "KinesisClient",
        stream: str,
        *,
        rate: int,
        max_redrives: int,
        stop: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        self._bucket = bucket
        self._kinesis = kinesis
        self._stream = stream
        self._rate = rate
        self._max_redrives = max_redrives
        self._stop = stop
        self._notify = notify
        self._markers = RedriveMarkers(bucket)
        self._not_before = 0.0
        self.summary = Summary()

    def run(
        self,
        entries: Sequence[Entry],
        *,
        payload: bytes | None = None,
        dry_run: bool = False,
        on_done: Callable[[int], None] = lambda _objects: None,
    ) -> None:
        """Redrive the objects; `summary` is correct at any time, even after an exception.

        Args:
            entries: listed beforehand, so that records which return meanwhile are not sent again.
            payload: replaces the payload of the only record.
            dry_run: only count.
            on_done: called with the number of objects that were handled.

        Raises:
            botocore.exceptions.ClientError: the stream or the bucket refuses a call.
            OSError: the bucket refuses to delete.
        """
        self.summary.selected = self.summary.kept = len(entries)
        sendable = self._sendable(entries, repaired=payload is not None, on_done=on_done)
        for group in self._groups(sendable):
            if dry_run:
                self._count(group)
            else:
                self._redrive(group, payload)
            on_done(len(group))
            if self._stop.is_set():
                return

    def _sendable(
        self, entries: Sequence[Entry], *, repaired: bool, on_done: Callable[[int], None]
    ) -> Iterator[Quarantined]:
        """Read the objects ahead, and leave out those that must not be sent."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for start in range(0, len(entries), _READ_AHEAD):
                for entry, look in [
                    (entry, pool.submit(self._look, entry, repaired))
                    for entry in entries[start : start + _READ_AHEAD]
                ]:
                    if self._stop.is_set():
                        return
                    try:
                        quarantined, times = look.result()
                    except UnreadableError as error:
                        self._notify(f"Skipped: {error}")
                        self.summary.unreadable += 1
                    except GoneError:
                        self.summary.selected -= 1
                    else:
                        if times < self._max_redrives:
                            yield quarantined
                            continue
                        self._notify(f"Skipped, came back after {count(times, 'redrive')}: {entry.key}")
                        self.summary.returned += 1
                    self.summary.kept -= 1
                    on_done(1)

    def _look(self, entry: Entry, repaired: bool) -> tuple[Quarantined, int]:
        """Read an object and its redrive count, which is 0 for a repaired payload."""
        quarantined = self._bucket.read(entry)
        return quarantined, 0 if repaired else self._markers.times(quarantined.records)

    def _groups(self, objects: Iterable[Quarantined]) -> Iterator[list[Quarantined]]:
        """Group objects into about one call each, within one second's rate."""
        group_size = min(MAX_CALL_RECORDS, self._rate)
        group: list[Quarantined] = []
        held = 0
        for quarantined in objects:
            if group and held + len(quarantined.records) > group_size:
                yield group
                group, held = [], 0
            group.append(quarantined)
            held += len(quarantined.records)
        if group:
            yield group

    def _redrive(self, group: list[Quarantined], payload: bytes | None) -> None:
        records = [record for quarantined in group for record in quarantined.records]
        wanted = records if payload is None else [records[0]._replace(payload=payload)]
        copies: dict[int, QuarantinedRecord] = {}
        for start, chunk in _chunks(wanted, min(MAX_CALL_RECORDS, self._rate)):
            self._wait_for_rate(len(chunk))
            if self._stop.is_set():
                break  # objects of unsent records remain
            copies |= {start + index: copy for index, copy in self._send(chunk).items()}
        self._markers.remember((records[index], copy) for index, copy in copies.items())
        sent = []
        first = 0
        for quarantined in group:
            if all(index in copies for index in range(first, first + len(quarantined.records))):
                sent.append(quarantined)
            first += len(quarantined.records)
        self._bucket.delete(quarantined.entry.key for quarantined in sent)
        self._count(sent)
        if len(sent) < len(group) and not self._stop.is_set():
            self._notify(
                f"The stream refused records of {count(len(group) - len(sent), 'object')}, which stay."
            )

    def _count(self, done: list[Quarantined]) -> None:
        self.summary.redriven += len(done)
        self.summary.kept -= len(done)
        self.summary.records += sum(len(quarantined.records) for quarantined in done)

    def _send(self, records: Sequence[QuarantinedRecord]) -> dict[int, QuarantinedRecord]:
        """Put records on the stream; return the copies that it accepted, by index."""
        copies: dict[int, QuarantinedRecord] = {}
        pending = list(range(len(records)))
        for attempt in range(_ATTEMPTS):
            if attempt:
                max_delay = min(_BASE_DELAY * 2**attempt, _MAX_DELAY)
                time.sleep(random.uniform(0, max_delay))
                self._wait_for_rate(len(pending))
            answers = self._kinesis.put_records(
                StreamName=self._stream, Records=[_entry(records[index]) for index in pending]
            )["Records"]
            for index, answer in zip(pending, answers, strict=True):
                if number := answer.get("SequenceNumber"):
                    copies[index] = records[index]._replace(sequence_number=number)
            pending = [index for index in pending if index not in copies]
            if not pending:
                break
        return copies

    def _wait_for_rate(self, records: int) -> None:
        now = time.monotonic()
        self._stop.wait(max(0.0, self._not_before - now))
        self._not_before = max(now, self._not_before) + records / self._rate


def _chunks(
    records: Sequence[QuarantinedRecord], max_records: int
) -> Iterator[tuple[int, list[QuarantinedRecord]]]:
    """Split records into calls, each with the index of its first record."""
    chunk: list[QuarantinedRecord] = []
    size = start = 0
    for index, record in enumerate(records):
        length = len(record.payload) + len(record.partition_key.encode())
        if chunk and (len(chunk) == max_records or size + length > MAX_CALL_BYTES):
            yield start, chunk
            chunk, size, start = [], 0, index
        chunk.append(record)
        size += length
    if chunk:
        yield start, chunk


def _entry(record: QuarantinedRecord) -> "PutRecordsRequestEntryTypeDef":
    return {"Data": record.payload, "PartitionKey": record.partition_key}
