"""Puts quarantined records back on the stream, without losing any and without sending one for ever.

For each window of objects: take their leases in place of those of the window before, read them, and look up how
often they were redriven. Then for each call's worth of them: send every record until the stream has acknowledged it,
write the markers, delete the objects. If the process ends in between, the objects remain, and a redrive after the
leases have expired repeats at most one call, which the table's key makes harmless. An object is kept whole if the
stream accepts only some of its records; the next redrive sends all of them. Markers recognize a copy that returns to
quarantine (`markers.py`).
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from event.limits import MAX_PUT_RECORDS, MAX_RECORD_BYTES, SHARD_BYTES
from event.quarantine_object import QuarantinedRecord
from ops.aws.rate_limiter import RateLimiter
from ops.aws.stack import S3_CONNECTIONS
from ops.errors import FilteredError, LeasedError, MissingObjectError, UnreadableError, UnsendableError
from ops.quarantine.bucket import Bucket, Entry, Quarantined
from ops.quarantine.lease import Leases
from ops.quarantine.markers import Copy, RedriveMarkers, Redriven
from ops.quarantine.repair import Repair
from ops.quarantine.window import (
    Refusal,
    ReturnedError,
    Sendable,
    WindowReader,
    partition_key,
    record_size,
    windows,
)
from ops.terminal.display import count, size
from ops.terminal.interrupt import DaemonPool
from stack.filters.criteria import NO_FILTERS, FilterCriteria

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_ATTEMPTS = 10
_BASE_DELAY = 0.1
_MAX_DELAY = 5.0


@dataclass(slots=True)
class Summary:
    """Outcomes of the selected objects; `selected` is the sum of the others but `records`."""

    selected: int = 0
    redriven: int = 0
    records: Annotated[int, "records of the objects redriven"] = 0
    returned: Annotated[int, "skipped, because one of their records reached the limit of redrives"] = 0
    leased: Annotated[int, "skipped, because another run is redriving them"] = 0
    unreadable: int = 0
    unsendable: Annotated[int, "skipped, because no stream accepts one of their records"] = 0
    filtered: Annotated[int, "skipped, because the mapping's filters would drop one of their records"] = 0
    kept: Annotated[
        int,
        "not redriven: the stream did not accept some of their records, or the run was interrupted before",
    ] = 0


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


_OUTCOMES: dict[type[Exception], str] = {
    ReturnedError: "returned",
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
        try:
            with DaemonPool(S3_CONNECTIONS) as pool:
                markers = RedriveMarkers(self._bucket, pool)
                reader = WindowReader(
                    self._bucket,
                    self._leases,
                    markers,
                    pool,
                    max_record_bytes=self._max_record_bytes,
                    filters=self._filters,
                    max_redrives=self._max_redrives,
                    repair=repair,
                    dry_run=dry_run,
                    stop=self._stop,
                )
                for window in windows(entries, self._limiter.rate):
                    for group in self._groups(self._sendable(reader.read(window), dry_run, on_done)):
                        if dry_run:
                            self._count([each.quarantined for each in group])
                        else:
                            self._redrive(group, markers)
                        on_done(len(group))
                        if self._stop.is_set():
                            break
                    if self._stop.is_set():
                        break
        finally:
            # After Ctrl-C AWS may be silent: then the leases expire.
            if not isinstance(sys.exception(), KeyboardInterrupt):
                self._leases.release()

    def _sendable(
        self,
        outcomes: Iterable[tuple[Entry, Sendable | Refusal]],
        dry_run: bool,
        on_done: Callable[[int], None],
    ) -> Iterator[Sendable]:
        """Leave out the objects that must not be sent, and count them."""
        for entry, outcome in outcomes:
            match outcome:
                case Sendable():
                    if dry_run:
                        self.decisions.append(Decision(entry.key, Action.SEND, _description(outcome)))
                    yield outcome
                    continue
                case MissingObjectError():
                    self.summary.selected -= 1
                case refusal:
                    self._skip(entry, refusal, dry_run)
            self.summary.kept -= 1
            on_done(1)

    def _skip(self, entry: Entry, refusal: Refusal, dry_run: bool) -> None:
        outcome = _OUTCOMES[type(refusal)]
        setattr(self.summary, outcome, getattr(self.summary, outcome) + 1)
        if dry_run:
            self.decisions.append(Decision(entry.key, Action.SKIP, str(refusal)))
        else:
            self._notify(f"Skipped: {refusal}")

    def _groups(self, objects: Iterable[Sendable]) -> Iterator[list[Sendable]]:
        """Group objects into about one call each, within one second's rate."""
        group_size = min(MAX_PUT_RECORDS, self._limiter.rate)
        group: list[Sendable] = []
        records = 0
        for each in objects:
            if group and records + len(each.quarantined.records) > group_size:
                yield group
                group, records = [], 0
            group.append(each)
            records += len(each.quarantined.records)
        if group:
            yield group

    def _redrive(self, group: list[Sendable], markers: RedriveMarkers) -> None:
        records = [record for each in group for record in each.quarantined.records]
        keys = [each.quarantined.entry.key for each in group for _ in each.quarantined.records]
        copies: dict[int, Copy] = {}
        for indexes in _chunks(records, min(MAX_PUT_RECORDS, self._limiter.rate)):
            self._send(records, keys, indexes, copies)
            if self._stop.is_set():
                break  # objects of unsent records are kept
        sent, redriven = [], []
        first = 0
        for each in group:
            last = first + len(each.quarantined.records)
            accepted = [copies[index] for index in range(first, last) if index in copies]
            if accepted:
                redriven.append(Redriven(each.quarantined, each.times, accepted))
            if len(accepted) == last - first:
                sent.append(each.quarantined)
            first = last
        markers.remember(redriven)
        for _ in self._bucket.delete(quarantined.entry.key for quarantined in sent):
            pass
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
        keys: Sequence[str],
        indexes: Sequence[int],
        copies: dict[int, Copy],
    ) -> None:
        """Put the records of one call on the stream; add the copies of the accepted to `copies`.

        Before every call the leases are renewed; records of an object whose lease another run holds are not sent.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                max_delay = min(_BASE_DELAY * 2**attempt, _MAX_DELAY)
                time.sleep(random.uniform(0, max_delay))
            self._limiter.wait(len(indexes))
            if self._stop.is_set():
                return
            held = self._leases.keep()
            indexes = [index for index in indexes if keys[index] in held]
            if not indexes:
                return
            answers = self._kinesis.put_records(
                **self._stream, Records=[_entry(records[index]) for index in indexes]
            )["Records"]
            for index, answer in zip(indexes, answers, strict=True):
                if number := answer.get("SequenceNumber"):
                    copies[index] = Copy(answer["ShardId"], number)
            indexes = [index for index in indexes if index not in copies]
            if not indexes:
                return


def _description(sendable: Sendable) -> str:
    quarantined = sendable.quarantined
    total = sum(map(record_size, quarantined.records))
    return (
        f"{quarantined.entry.reason}, {count(len(quarantined.records), 'record')}, {size(total)}: "
        f"{quarantined.error}"
    )


def _chunks(records: Sequence[QuarantinedRecord], max_records: int) -> Iterator[list[int]]:
    """Split records into calls, as lists of indexes: none puts more on one shard than it accepts in a second."""
    chunk: list[int] = []
    held = 0
    for index, record in enumerate(records):
        length = record_size(record)
        if chunk and (len(chunk) == max_records or held + length > SHARD_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(index)
        held += length
    if chunk:
        yield chunk


def _entry(record: QuarantinedRecord) -> "PutRecordsRequestEntryTypeDef":
    entry: PutRecordsRequestEntryTypeDef = {"Data": record.payload, "PartitionKey": partition_key(record)}
    if record.explicit_hash_key:  # the shard that its producer chose, whatever its partition key
        entry["ExplicitHashKey"] = record.explicit_hash_key
    return entry
