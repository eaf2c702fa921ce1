"""Put quarantined records back on the stream, so that nothing is lost and nothing goes round for ever.

For each group of objects: send every record until the stream has acknowledged it, mark the copies, then
delete the objects. A process that ends in between leaves the objects, and the next redrive repeats at most
one group, which the table's key makes harmless. A copy that comes to quarantine again is known by its marker.
"""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.display import count
from ops.quarantine.bucket import Bucket, Entry, GoneError, Quarantined, Record, Redriven, UnreadableError
from ops.stack import CONNECTIONS

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

MOST_RECORDS = 500
"""In one PutRecords (Amazon Kinesis API reference)."""
MOST_BYTES = 1024 * 1024
"""Payloads and partition keys in one call: what a shard takes in a second; a call may have more."""

_READ_AHEAD = 16
"""Objects: one of Lambda's has six megabytes at most."""

_ATTEMPTS = 10
_BASE_DELAY = 0.1
_LONGEST_DELAY = 5.0


@dataclass(slots=True)
class Summary:
    """What became of the objects: `selected = redriven + returned + unreadable + kept`, records beside."""

    selected: int = 0
    redriven: int = 0
    records: int = 0
    returned: int = 0
    """Skipped, because a record of theirs was redriven as often as it may be."""
    unreadable: int = 0
    kept: int = 0
    """Still there: the stream did not take all of their records, or it was interrupted before their turn."""


class Redrive:
    """One run.

    Args:
        bucket: the quarantine.
        kinesis: a client with the operator's credentials.
        stream: the stream's name.
        rate: most records a second.
        most: how often a record may be put back at all.
        stop: set it, and the run ends once the call that is under way is dealt with.
        note: takes what a person should know.
    """

    def __init__(
        self,
        bucket: Bucket,
        kinesis: "KinesisClient",
        stream: str,
        *,
        rate: int,
        most: int,
        stop: threading.Event,
        note: Callable[[str], None],
    ) -> None:
        self._bucket = bucket
        self._kinesis = kinesis
        self._stream = stream
        self._rate = rate
        self._most = most
        self._stop = stop
        self._note = note
        self._redriven = Redriven(bucket)
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
        """Redrive the objects, as far as it comes; `summary` is true at any time, also after an exception.

        Args:
            entries: listed beforehand, so that what comes back meanwhile is not sent again.
            payload: takes the place of the payload of the one record that there is.
            dry_run: only count.
            on_done: called with the number of objects that are done with.

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
        """Read the objects, some at a time, and leave out those that are not to be sent."""
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
                        self._note(f"Skipped: {error}")
                        self.summary.unreadable += 1
                    except GoneError:
                        self.summary.selected -= 1
                    else:
                        if times < self._most:
                            yield quarantined
                            continue
                        self._note(f"Skipped, came back after {count(times, 'redrive')}: {entry.key}")
                        self.summary.returned += 1
                    self.summary.kept -= 1
                    on_done(1)

    def _look(self, entry: Entry, repaired: bool) -> tuple[Quarantined, int]:
        """An object, and how often a record of it was redriven; one with a new payload never was."""
        quarantined = self._bucket.read(entry)
        return quarantined, 0 if repaired else self._redriven.times(quarantined.records)

    def _groups(self, objects: Iterable[Quarantined]) -> Iterator[list[Quarantined]]:
        """Objects whose records make about one call, and at most a second's worth of the rate."""
        most = min(MOST_RECORDS, self._rate)
        group: list[Quarantined] = []
        held = 0
        for quarantined in objects:
            if group and held + len(quarantined.records) > most:
                yield group
                group, held = [], 0
            group.append(quarantined)
            held += len(quarantined.records)
        if group:
            yield group

    def _redrive(self, group: list[Quarantined], payload: bytes | None) -> None:
        records = [record for quarantined in group for record in quarantined.records]
        wanted = records if payload is None else [dataclasses.replace(records[0], payload=payload)]
        copies: dict[int, Record] = {}
        for start, chunk in _chunks(wanted, min(MOST_RECORDS, self._rate)):
            self._wait_for_rate(len(chunk))
            if self._stop.is_set():
                break  # what is not sent keeps its object
            copies |= {start + index: copy for index, copy in self._send(chunk).items()}
        self._redriven.remember((records[index], copy) for index, copy in copies.items())
        sent = []
        first = 0
        for quarantined in group:
            if all(index in copies for index in range(first, first + len(quarantined.records))):
                sent.append(quarantined)
            first += len(quarantined.records)
        self._bucket.delete(quarantined.entry.key for quarantined in sent)
        self._count(sent)
        if len(sent) < len(group) and not self._stop.is_set():
            self._note(
                f"The stream refused records of {count(len(group) - len(sent), 'object')}, which stay."
            )

    def _count(self, done: list[Quarantined]) -> None:
        self.summary.redriven += len(done)
        self.summary.kept -= len(done)
        self.summary.records += sum(len(quarantined.records) for quarantined in done)

    def _send(self, records: Sequence[Record]) -> dict[int, Record]:
        """Put records on the stream; the copies of those that it took, by their index."""
        copies: dict[int, Record] = {}
        pending = list(range(len(records)))
        for attempt in range(_ATTEMPTS):
            if attempt:
                longest = min(_BASE_DELAY * 2**attempt, _LONGEST_DELAY)
                time.sleep(random.uniform(0, longest))
                self._wait_for_rate(len(pending))
            answers = self._kinesis.put_records(
                StreamName=self._stream, Records=[_entry(records[index]) for index in pending]
            )["Records"]
            for index, answer in zip(pending, answers, strict=True):
                if number := answer.get("SequenceNumber"):
                    copies[index] = dataclasses.replace(records[index], sequence_number=number)
            pending = [index for index in pending if index not in copies]
            if not pending:
                break
        return copies

    def _wait_for_rate(self, records: int) -> None:
        now = time.monotonic()
        self._stop.wait(max(0.0, self._not_before - now))
        self._not_before = max(now, self._not_before) + records / self._rate


def _chunks(records: Sequence[Record], most: int) -> Iterator[tuple[int, list[Record]]]:
    """Cut records into what one call takes, each with the index of its first."""
    chunk: list[Record] = []
    size = start = 0
    for index, record in enumerate(records):
        length = len(record.payload) + len(record.partition_key.encode())
        if chunk and (len(chunk) == most or size + length > MOST_BYTES):
            yield start, chunk
            chunk, size, start = [], 0, index
        chunk.append(record)
        size += length
    if chunk:
        yield start, chunk


def _entry(record: Record) -> "PutRecordsRequestEntryTypeDef":
    return {"Data": record.payload, "PartitionKey": record.partition_key}
