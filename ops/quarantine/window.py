"""Windows of a redrive: the objects that are leased and read together, and which of them may be sent."""

import base64
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from event.limits import MAX_PARTITION_KEY, MAX_PUT_RECORDS
from event.quarantine_object import QuarantinedRecord
from ops.errors import FilteredError, LeasedError, MissingObjectError, UnreadableError, UnsendableError
from ops.quarantine.bucket import Bucket, Entry, Quarantined
from ops.quarantine.lease import Leases
from ops.quarantine.markers import RedriveMarkers
from ops.quarantine.repair import Repair
from ops.terminal.display import count
from stack.filters.criteria import FilterCriteria

_MIN_OBJECTS = 16
"""Objects of a window, however low the rate."""
_MAX_BYTES = 32 * 2**20
"""Bytes of a window that has more than one object; one of Lambda's has up to six megabytes."""


@dataclass(frozen=True, slots=True)
class Sendable:
    """An object to send, and how often it was redriven before."""

    quarantined: Quarantined
    times: int


class ReturnedError(Exception):
    """One of an object's records reached the limit of redrives."""


Refusal = FilteredError | LeasedError | MissingObjectError | ReturnedError | UnreadableError | UnsendableError
"""Why an object is not sent."""


def windows(entries: Iterable[Entry], rate: int) -> Iterator[list[Entry]]:
    """Split objects into windows of about one call each, none larger than fits into memory.

    Args:
        rate: maximum number of records per second; a window's leases are not held for much longer than that.
    """
    max_objects = max(_MIN_OBJECTS, min(MAX_PUT_RECORDS, rate))
    window: list[Entry] = []
    held = 0
    for entry in entries:
        if window and (len(window) == max_objects or held + entry.size > _MAX_BYTES):
            yield window
            window, held = [], 0
        window.append(entry)
        held += entry.size
    if window:
        yield window


class WindowReader:
    """Leases and reads the objects of windows.

    Args:
        bucket: the quarantine.
        leases: the leases of the run.
        markers: those of the quarantine.
        pool: reads objects, as many at once as it has threads.
        max_record_bytes: the stream's limit of a record.
        filters: those of the mapping that reads the stream: what they would drop stays in quarantine.
        max_redrives: maximum number of redrives of a record.
        repair: replaces the payload and the partition key of the only record, however often it was redriven.
        dry_run: take no leases, and only look whether another run holds them.
        stop: when set, `read` yields nothing, as soon as it can.
    """

    def __init__(
        self,
        bucket: Bucket,
        leases: Leases,
        markers: RedriveMarkers,
        pool: Executor,
        *,
        max_record_bytes: int,
        filters: FilterCriteria,
        max_redrives: int,
        repair: Repair | None,
        dry_run: bool,
        stop: threading.Event,
    ) -> None:
        self._bucket = bucket
        self._leases = leases
        self._markers = markers
        self._pool = pool
        self._max_record_bytes = max_record_bytes
        self._filters = filters
        self._max_redrives = max_redrives
        self._repair = repair
        self._dry_run = dry_run
        self._stop = stop

    def read(self, window: Sequence[Entry]) -> Iterator[tuple[Entry, Sendable | Refusal]]:
        """Lease and read the objects of a window in place of the window before; yield each with its outcome.

        Raises:
            botocore.exceptions.ClientError: a call is denied.
            LeasedError: other runs change the leases all the time.
        """
        keys = [entry.key for entry in window]
        refused = self._leases.check(keys) if self._dry_run else self._leases.acquire(keys)
        calls = [
            (entry, self._pool.submit(self._read, entry)) for entry in window if entry.key not in refused
        ]
        read: dict[str, Quarantined | Refusal] = {**refused}
        for entry, call in calls:
            if self._stop.is_set():
                call.cancel()
            else:
                read[entry.key] = call.result()
        if self._stop.is_set():
            return
        found = [each for each in read.values() if isinstance(each, Quarantined)]
        times = {
            each.entry.key: number for each, number in zip(found, self._markers.times(found), strict=True)
        }
        for entry in window:
            match read[entry.key]:
                case Quarantined() as quarantined:
                    yield entry, self._decide(quarantined, times[entry.key])
                case refusal:
                    yield entry, refusal

    def _read(self, entry: Entry) -> Quarantined | Refusal:
        """Read an object, and check that the stream accepts its records, and the mapping: a call fails for one."""
        try:
            quarantined = self._bucket.read(entry)
            if self._repair:
                (record,) = quarantined.records
                quarantined = replace(quarantined, records=(record._replace(**self._repair._asdict()),))
            for record in quarantined.records:
                self._check_sendable(entry, record)
                self._check_delivered(entry, record)
        except (FilteredError, MissingObjectError, UnreadableError, UnsendableError) as error:
            return error
        return quarantined

    def _check_sendable(self, entry: Entry, record: QuarantinedRecord) -> None:
        length, size = len(partition_key(record)), record_size(record)
        if not 1 <= length <= MAX_PARTITION_KEY:
            raise UnsendableError(
                f"{entry.key} has a partition key of {count(length, 'character')}; "
                f"a stream accepts 1 to {MAX_PARTITION_KEY}."
            )
        if size > self._max_record_bytes:
            raise UnsendableError(
                f"{entry.key} has a record of {size:,} bytes; the stream accepts {self._max_record_bytes:,} "
                "(streamMaxRecordKiB)."
            )

    def _check_delivered(self, entry: Entry, record: QuarantinedRecord) -> None:
        data = base64.b64encode(record.payload).decode()
        if not self._filters.delivers({"partitionKey": partition_key(record), "data": data}):
            raise FilteredError(
                f"{entry.key} has a record that the mapping's filters would drop: it stays. Change mappingFilters, or "
                "`quarantine purge` it."
            )

    def _decide(self, quarantined: Quarantined, times: int) -> Sendable | ReturnedError:
        if times >= self._max_redrives and not self._repair:
            return ReturnedError(
                f"{quarantined.entry.key} came back after {count(times, 'redrive')} (--max-redrives)."
            )
        return Sendable(quarantined, times)


def record_size(record: QuarantinedRecord) -> int:
    """Return the bytes of a record on the stream, data and partition key."""
    return len(record.payload) + len(partition_key(record).encode())


def partition_key(record: QuarantinedRecord) -> str:
    """Return a record's partition key; without one, on a stream that distributes records itself, its number."""
    return record.sequence_number if record.partition_key is None else record.partition_key
