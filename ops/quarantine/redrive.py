"""Puts quarantined records back on the stream, without losing any and without sending one for ever.

For each group of objects: take their leases, read them, send every record until the stream has acknowledged
it, mark the copies, delete the objects, release the leases. If the process ends in between, the objects remain,
and a redrive after the leases have expired repeats at most one group, which the table's key makes harmless.
An object is kept whole if the stream accepts only some of its records; the next redrive sends all of them.
Markers recognize a copy that returns to quarantine.
"""

import base64
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from event.limits import MAX_PARTITION_KEY, MAX_PUT_RECORDS, MAX_RECORD_BYTES, SHARD_BYTES
from event.quarantine_object import QuarantinedRecord
from ops.aws.rate_limiter import RateLimiter
from ops.aws.stack import CONNECTIONS
from ops.errors import FilteredError, LeasedError, MissingObjectError, UnreadableError, UnsendableError
from ops.quarantine.bucket import Bucket, Entry, Quarantined, RedriveMarkers
from ops.quarantine.lease import Lease, Leases
from ops.quarantine.repair import Repair
from ops.terminal.display import count, size
from ops.terminal.interrupt import DaemonPool
from stack.filters.criteria import NO_FILTERS, FilterCriteria

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_READ_AHEAD = 16
"""Objects to read ahead; one of Lambda's has up to six megabytes."""

_ATTEMPTS = 10
_BASE_DELAY = 0.1
_MAX_DELAY = 5.0


@dataclass(slots=True)
class Summary:
    """Outcomes of the selected objects; `selected` is the sum of the others but `records`."""

    selected: int = 0
    redriven: int = 0
    records: int = 0
    returned: int = 0
    """Skipped, because one of their records reached the limit of redrives."""
    leased: int = 0
    """Skipped, because another run is redriving them."""
    unreadable: int = 0
    unsendable: int = 0
    """Skipped, because no stream accepts one of their records."""
    filtered: int = 0
    """Skipped, because the mapping's filters would drop one of their records."""
    kept: int = 0
    """Not redriven: the stream did not accept some of their records, or the run was interrupted before."""


class Action(StrEnum):
    """Treatment of an object by a redrive."""

    SEND = "send"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Decision:
    """Treatment of an object by a dry run, and the reason."""

    key: str
    action: Action
    why: str


@dataclass(frozen=True, slots=True)
class _Ready:
    """An object to send; a dry run takes no lease."""

    quarantined: Quarantined
    lease: Lease | None


class _ReturnedError(Exception):
    """One of an object's records reached the limit of redrives."""


_OUTCOMES: dict[type[Exception], str] = {
    _ReturnedError: "returned",
    LeasedError: "leased",
    UnreadableError: "unreadable",
    UnsendableError: "unsendable",
    FilteredError: "filtered",
}
"""Why an object is skipped, and the member of the summary that counts it."""


class Redriver:
    """One run of the redrive.

    Args:
        bucket: the quarantine.
        leases: the leases of this run, in the same bucket.
        kinesis: a client with the operator's credentials.
        stream: the argument that names the stream in a call.
        max_record_bytes: the stream's limit of a record.
        filters: those of the mapping that reads the stream: what they would drop stays in quarantine.
        rate: maximum number of records per second.
        max_redrives: maximum number of redrives of a record.
        stop: when set, the run ends after the current call.
        notify: called with messages for the user.
    """

    def __init__(
        self,
        bucket: Bucket,
        leases: Leases,
        kinesis: "KinesisClient",
        stream: Mapping[str, Any],
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
        filters: FilterCriteria = NO_FILTERS,
        rate: int,
        max_redrives: int,
        stop: threading.Event,
        notify: Callable[[str], None],
    ) -> None:
        self._bucket = bucket
        self._leases = leases
        self._kinesis = kinesis
        self._stream = stream
        self._max_record_bytes = max_record_bytes
        self._filters = filters
        self._limiter = RateLimiter(rate, stop)
        self._max_redrives = max_redrives
        self._stop = stop
        self._notify = notify
        self._markers = RedriveMarkers(bucket)
        self.summary = Summary()
        self.decisions: list[Decision] = []
        """Those of a dry run."""

    def run(
        self,
        entries: Sequence[Entry],
        *,
        repair: Repair | None = None,
        dry_run: bool = False,
        on_done: Callable[[int], None] = lambda _objects: None,
    ) -> None:
        """Redrive the objects; `summary` is correct at any time, even after an exception.

        Args:
            entries: listed beforehand, so that records which return meanwhile are not sent again.
            repair: replaces the payload and the partition key of the only record.
            dry_run: only fill `decisions`, and count.
            on_done: called with the number of objects that were handled.

        Raises:
            botocore.exceptions.ClientError: a call to the stream or the bucket fails.
            OSError: objects could not be deleted.
        """
        self.summary.selected = self.summary.kept = len(entries)
        held: dict[str, Lease] = {}
        objects = self._sendable(entries, repair, dry_run, held, on_done)
        try:
            for group in self._groups(objects):
                if dry_run:
                    self._count([ready.quarantined for ready in group])
                else:
                    self._redrive(group)
                    self._release(held, [ready.quarantined.entry.key for ready in group])
                on_done(len(group))
                if self._stop.is_set():
                    return
        except KeyboardInterrupt as error:
            # AWS may be silent: neither wait for the leases being taken ahead nor release any, they expire.
            held.clear()
            objects.throw(error)
        finally:
            objects.close()  # waits for the leases being taken ahead
            self._release(held, list(held))

    def _sendable(
        self,
        entries: Sequence[Entry],
        repair: Repair | None,
        dry_run: bool,
        held: dict[str, Lease],
        on_done: Callable[[int], None],
    ) -> Generator[_Ready, None, None]:
        """Lease and read the objects ahead, and leave out those that must not be sent."""

        def prepare(entry: Entry) -> _Ready:
            if dry_run:
                self._leases.check(entry.key)
                return _Ready(self._read(entry, repair), None)
            lease = held[entry.key] = self._leases.acquire(entry.key)
            return _Ready(self._read(entry, repair), lease)

        with DaemonPool(CONNECTIONS) as pool:
            for start in range(0, len(entries), _READ_AHEAD):
                window = entries[start : start + _READ_AHEAD]
                skipped: list[str] = []
                for entry, preparing in [(entry, pool.submit(prepare, entry)) for entry in window]:
                    if self._stop.is_set():
                        return
                    try:
                        ready = preparing.result()
                    except MissingObjectError:
                        self.summary.selected -= 1
                    except tuple(_OUTCOMES) as error:
                        self._skip(entry, error, dry_run)
                    else:
                        if dry_run:
                            self.decisions.append(Decision(entry.key, Action.SEND, _description(ready)))
                        yield ready
                        continue
                    skipped.append(entry.key)
                    self.summary.kept -= 1
                    on_done(1)
                self._release(held, skipped)

    def _read(self, entry: Entry, repair: Repair | None) -> Quarantined:
        """Read an object and check that it may be sent.

        Raises:
            MissingObjectError, UnreadableError: see `Bucket.read`.
            UnsendableError: the stream would reject one of its records, and with it the whole call.
            FilteredError: the mapping's filters would drop one of its records.
            _ReturnedError: it came back too often; not with a repaired payload.
        """
        quarantined = self._bucket.read(entry)
        if repair:
            (record,) = quarantined.records
            quarantined = replace(quarantined, records=(record._replace(**repair._asdict()),))
        for record in quarantined.records:
            _check_sendable(entry, record, self._max_record_bytes)
            _check_delivered(entry, record, self._filters)
        if not repair:
            times = self._markers.times(quarantined)
            if times >= self._max_redrives:
                raise _ReturnedError(
                    f"{entry.key} came back after {count(times, 'redrive')} (--max-redrives)."
                )
        return quarantined

    def _skip(self, entry: Entry, error: Exception, dry_run: bool) -> None:
        outcome = _OUTCOMES[type(error)]
        setattr(self.summary, outcome, getattr(self.summary, outcome) + 1)
        if dry_run:
            self.decisions.append(Decision(entry.key, Action.SKIP, str(error)))
        else:
            self._notify(f"Skipped: {error}")

    def _release(self, held: dict[str, Lease], keys: Sequence[str]) -> None:
        self._leases.release([held.pop(key) for key in keys if key in held])

    def _groups(self, objects: Iterable[_Ready]) -> Iterator[list[_Ready]]:
        """Group objects into about one call each, within one second's rate."""
        group_size = min(MAX_PUT_RECORDS, self._limiter.rate)
        group: list[_Ready] = []
        records = 0
        for ready in objects:
            if group and records + len(ready.quarantined.records) > group_size:
                yield group
                group, records = [], 0
            group.append(ready)
            records += len(ready.quarantined.records)
        if group:
            yield group

    def _redrive(self, group: list[_Ready]) -> None:
        records = [record for ready in group for record in ready.quarantined.records]
        leases = [ready.lease for ready in group for _ in ready.quarantined.records]
        copies: dict[int, str] = {}
        for indexes in _chunks(records, min(MAX_PUT_RECORDS, self._limiter.rate)):
            self._send(records, leases, indexes, copies)
            if self._stop.is_set():
                break  # objects of unsent records are kept
        sent, marked = [], []
        first = 0
        for ready in group:
            last = first + len(ready.quarantined.records)
            accepted = [copies[index] for index in range(first, last) if index in copies]
            if accepted:
                marked.append((ready.quarantined, accepted))
            if len(accepted) == last - first:
                sent.append(ready.quarantined)
            first = last
        self._markers.remember(marked)
        self._bucket.delete(quarantined.entry.key for quarantined in sent)
        self._count(sent)
        if len(sent) < len(group) and not self._stop.is_set():
            self._notify(
                f"Not all records of {count(len(group) - len(sent), 'object')} were sent: they are kept."
            )

    def _count(self, done: list[Quarantined]) -> None:
        self.summary.redriven += len(done)
        self.summary.kept -= len(done)
        self.summary.records += sum(len(quarantined.records) for quarantined in done)

    def _send(
        self,
        records: Sequence[QuarantinedRecord],
        leases: Sequence[Lease | None],
        indexes: Sequence[int],
        copies: dict[int, str],
    ) -> None:
        """Put the records of one call on the stream; add the sequence numbers of the accepted to `copies`.

        Before every call the leases are renewed; records whose lease another run holds are not sent.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                max_delay = min(_BASE_DELAY * 2**attempt, _MAX_DELAY)
                time.sleep(random.uniform(0, max_delay))
            self._limiter.wait(len(indexes))
            if self._stop.is_set():
                return
            own = {lease.key for index in indexes if (lease := leases[index]) and self._leases.keep(lease)}
            indexes = [index for index in indexes if (lease := leases[index]) and lease.key in own]
            if not indexes:
                return
            answers = self._kinesis.put_records(
                **self._stream, Records=[_entry(records[index]) for index in indexes]
            )["Records"]
            for index, answer in zip(indexes, answers, strict=True):
                if number := answer.get("SequenceNumber"):
                    copies[index] = number
            indexes = [index for index in indexes if index not in copies]
            if not indexes:
                return


def _check_sendable(entry: Entry, record: QuarantinedRecord, max_record_bytes: int) -> None:
    length, record_size = len(_partition_key(record)), _record_size(record)
    if not 1 <= length <= MAX_PARTITION_KEY:
        raise UnsendableError(
            f"{entry.key} has a partition key of {count(length, 'character')}; "
            f"a stream accepts 1 to {MAX_PARTITION_KEY}."
        )
    if record_size > max_record_bytes:
        raise UnsendableError(
            f"{entry.key} has a record of {record_size:,} bytes; the stream accepts {max_record_bytes:,} "
            "(streamMaxRecordKiB)."
        )


def _check_delivered(entry: Entry, record: QuarantinedRecord, filters: FilterCriteria) -> None:
    data = base64.b64encode(record.payload).decode()
    if not filters.delivers({"partitionKey": _partition_key(record), "data": data}):
        raise FilteredError(
            f"{entry.key} has a record that the mapping's filters would drop: it stays. Change mappingFilters, or "
            "`quarantine purge` it."
        )


def _record_size(record: QuarantinedRecord) -> int:
    return len(record.payload) + len(_partition_key(record).encode())


def _partition_key(record: QuarantinedRecord) -> str:
    """Return a record's partition key; without one, on a stream that distributes records itself, its number."""
    return record.sequence_number if record.partition_key is None else record.partition_key


def _description(ready: _Ready) -> str:
    quarantined = ready.quarantined
    total = sum(map(_record_size, quarantined.records))
    return (
        f"{quarantined.entry.reason}, {count(len(quarantined.records), 'record')}, {size(total)}: "
        f"{quarantined.error}"
    )


def _chunks(records: Sequence[QuarantinedRecord], max_records: int) -> Iterator[list[int]]:
    """Split records into calls, as lists of indexes: none puts more on one shard than it accepts in a second."""
    chunk: list[int] = []
    held = 0
    for index, record in enumerate(records):
        length = _record_size(record)
        if chunk and (len(chunk) == max_records or held + length > SHARD_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(index)
        held += length
    if chunk:
        yield chunk


def _entry(record: QuarantinedRecord) -> "PutRecordsRequestEntryTypeDef":
    entry: PutRecordsRequestEntryTypeDef = {"Data": record.payload, "PartitionKey": _partition_key(record)}
    if record.explicit_hash_key:  # the shard that its producer chose, whatever its partition key
        entry["ExplicitHashKey"] = record.explicit_hash_key
    return entry
