"""Kinesis, DynamoDB and S3 in memory, as the project's parts call them: every call takes time and may fail.

A fault holds from a moment on, for some calls; see `history`. The caller may be killed in any call.
"""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from event.item import Key
from tests.simulation.events import DELETED, Events
from tests.simulation.scheduler import EPOCH, Process, current

TABLE = "dev-EventData"
BUCKET = "dev-quarantine"
PAGE = 5
"""Keys of a page of a listing: fewer than S3's, so that there are pages."""
STREAM = "dev-EventStream"
STREAM_ARN = f"arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}"

_HASHES = 1 << 128
_FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898

Answer = TypeVar("Answer")

WIRE_FAULTS = ("interim", "unasked", "late 408", "trickle")
"""Faults of the table's connections: bytes beside the answer, or an answer that arrives slowly; see `network`."""


def aws_error(code: str, status: int = 400) -> ClientError:
    """An error answer."""
    answer: Any = {
        "Error": {"Code": code, "Message": "as planned"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")


UNREACHED = (ClientError, ConnectionClosedError, ReadTimeoutError)
"""The errors of a call that was denied, throttled or not answered."""


@dataclass
class Fault:
    """A fault that affects the next calls of a service, from a moment on.

    Attributes:
        kind: `throttled`, `error` (500), `reset`, `ghost` (done, then a 500), `lost` (done, then no answer), `slow`,
            `partial` (some entries are throttled), one of `WIRE_FAULTS`, or an error code.
        calls: number of calls affected.
        share: of the entries that are throttled, or, for `slow`, seconds.
        key: only entries of this partition key are throttled.
    """

    kind: str
    calls: int
    share: float
    key: str | None = None

    def throttles(self, key: str) -> bool:
        """Choose whether an entry is throttled."""
        affected = self.kind == "partial" and self.key in (None, key)
        return affected and current().chance.random() < self.share


class Service:
    """A service of AWS: latency, faults and crashes, one scheduling point a call."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.crash: tuple[str, int] | None = None
        """A kind of process, and the number of further calls that the first one to call survives."""
        self.failed: set[str] = set()
        """Callers that did not always learn the outcome of a call."""

    def call(self, done: Callable[[Fault], Answer]) -> Answer:
        """Make a call: `done` does the work, and leaves out the entries that the fault throttles."""
        scheduler = current()
        process = scheduler.process
        fault = self._next_fault()
        if fault.kind not in ("none", "slow", "partial", *WIRE_FAULTS):
            self.failed.add(process.name)
        scheduler.park(scheduler.chance.choice((0.001, 0.01, 0.05)))
        crash = self._next_crash(process)
        if crash == "before":
            scheduler.kill(process)
        _fail_before(fault)
        answer = done(fault)
        if crash == "after":
            scheduler.kill(process)
        scheduler.park(0.001)
        _fail_after(fault)
        return answer

    def _next_crash(self, process: Process) -> Literal["before", "after"] | None:
        """Count a call of a process; return when it dies in this one, if it does."""
        if not (self.crash and process.name.startswith(self.crash[0])):
            return None
        kind, calls = self.crash
        self.crash = (kind, calls - 1) if calls else None
        if calls:
            return None
        self.failed.add(process.name)
        return "before" if current().chance.random() < 0.5 else "after"

    def _next_fault(self) -> Fault:
        while self.faults and not self.faults[0].calls:
            self.faults.pop(0)
        if not self.faults:
            return Fault("none", 1, 0.0)
        self.faults[0].calls -= 1
        return self.faults[0]


def _fail_before(fault: Fault) -> None:
    """Raise the error of a call that does not reach the service, or delay it."""
    match fault.kind:
        case "throttled":
            raise aws_error("ProvisionedThroughputExceededException")
        case "error":
            raise aws_error("InternalFailure", 500)
        case "reset":
            raise ConnectionClosedError(endpoint_url="https://aws")
        case "slow":
            current().park(fault.share)
        case kind if kind in ("partial", "ghost", "lost", "none", *WIRE_FAULTS):
            pass
        case code:
            raise aws_error(code)


def _fail_after(fault: Fault) -> None:
    """Raise the error of a call that the service has done."""
    if fault.kind == "ghost":
        raise aws_error("InternalFailure", 500)
    if fault.kind == "lost":
        raise ReadTimeoutError(endpoint_url="https://aws")


@dataclass
class StoredRecord:
    """A record of a shard."""

    number: int
    key: str
    data: bytes
    arrival: float
    call: int
    """Of the PutRecords call that stored it."""

    @property
    def sequence_number(self) -> str:
        return str(_FIRST_SEQUENCE_NUMBER + self.number)


@dataclass
class Shard:
    """A range of hash keys, from `first` up to but without `end`."""

    id: str
    first: int
    end: int
    parents: tuple[str, ...] = ()
    open: bool = True
    records: list[StoredRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Put:
    """A PutRecords call: who made it, when, what it held, and whether each entry was stored."""

    caller: str
    at: float
    entries: Sequence[bytes]
    stored: Sequence[bool]


class Kinesis(Service):
    """One stream."""

    def __init__(self) -> None:
        super().__init__()
        self.shards = [Shard("shardId-000000000000", 0, _HASHES)]
        self.puts: list[Put] = []
        self._count = 0
        self.exceptions = SimpleNamespace(
            ExpiredIteratorException=type("Expired", (ClientError,), {}),
            ResourceNotFoundException=type("NotFound", (ClientError,), {}),
        )

    @property
    def records(self) -> list[StoredRecord]:
        """All records, in the order in which they were stored."""
        return sorted(
            (record for shard in self.shards for record in shard.records), key=lambda record: record.number
        )

    def put_records(self, *, StreamName: str, Records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        assert StreamName == STREAM
        assert 1 <= len(Records) <= 500
        caller = current().process.name

        def done(fault: Fault) -> dict[str, Any]:
            results: list[dict[str, Any]] = []
            for entry in Records:
                if fault.throttles(entry["PartitionKey"]):
                    results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                else:
                    results.append(self._store(entry["PartitionKey"], entry["Data"]))
            stored = ["SequenceNumber" in result for result in results]
            self.puts.append(Put(caller, current().now, [entry["Data"] for entry in Records], stored))
            return {"Records": results}

        return self.call(done)

    def _store(self, key: str, data: bytes) -> dict[str, str]:
        place = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        shard = next(shard for shard in self.shards if shard.open and shard.first <= place < shard.end)
        self._count += 1
        record = StoredRecord(self._count, key, data, EPOCH + current().now, len(self.puts))
        shard.records.append(record)
        return {"SequenceNumber": record.sequence_number, "ShardId": shard.id}

    def reshard(self) -> None:
        """Split the first open shard, or merge two if there are already two or more."""
        shards = [shard for shard in self.shards if shard.open]
        if len(shards) == 1:
            (shard,) = shards
            middle = (shard.first + shard.end) // 2
            ranges = [(shard.first, middle), (middle, shard.end)]
            parents: tuple[str, ...] = (shard.id,)
        else:
            shards = sorted(shards, key=lambda shard: shard.first)[:2]
            ranges = [(shards[0].first, shards[1].end)]
            parents = (shards[0].id, shards[1].id)
        for shard in shards:
            shard.open = False
        for first, end in ranges:
            self.shards.append(Shard(f"shardId-{len(self.shards):012}", first, end, parents))

    # As the mapping reads it

    def describe_stream_summary(self, *, StreamARN: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": EPOCH}}

    def list_shards(self, *, StreamARN: str) -> dict[str, Any]:
        names = "ParentShardId", "AdjacentParentShardId"
        return {
            "Shards": [
                {"ShardId": shard.id, **dict(zip(names, shard.parents, strict=False))}
                for shard in self.shards
            ]
        }

    def get_shard_iterator(
        self, *, StreamARN: str, ShardId: str, ShardIteratorType: str, **start: Any
    ) -> dict[str, Any]:
        records = self._shard(ShardId).records
        if ShardIteratorType == "TRIM_HORIZON":
            return {"ShardIterator": f"{ShardId}/0"}
        assert ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
        numbers = [record.sequence_number for record in records]
        return {"ShardIterator": f"{ShardId}/{numbers.index(start['StartingSequenceNumber']) + 1}"}

    def get_records(self, *, StreamARN: str, ShardIterator: str, Limit: int) -> dict[str, Any]:
        shard_id, _, position = ShardIterator.partition("/")
        shard, start = self._shard(shard_id), int(position)
        records = shard.records[start : start + Limit]
        end = start + len(records)
        at_end = end == len(shard.records)
        return {
            "Records": [
                {
                    "SequenceNumber": record.sequence_number,
                    "PartitionKey": record.key,
                    "Data": record.data,
                    "ApproximateArrivalTimestamp": datetime.fromtimestamp(record.arrival, UTC),
                }
                for record in records
            ],
            "MillisBehindLatest": 0 if at_end else 1000,
            **({} if at_end and not shard.open else {"NextShardIterator": f"{shard_id}/{end}"}),
        }

    def _shard(self, shard_id: str) -> Shard:
        return next(shard for shard in self.shards if shard.id == shard_id)


class Table(Service):
    """The table; `rows` maps keys to versions, those of deleted rows to `DELETED`."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self.rows: dict[Key, int] = {}
        self._events = events

    def call_with(self, body: bytes) -> tuple[dict[str, Any], str]:
        """Answer a call of BatchWriteItem with its JSON, and the kind of fault that it suffers."""
        ((table, writes),) = json.loads(body)["RequestItems"].items()
        assert table == TABLE
        assert 1 <= len(writes) <= 25
        changes = [(kind, *request.items()) for write in writes for kind, request in write.items()]
        keys = [self._events.schema.parse_key(content) for _, (_, content) in changes]
        assert len(set(keys)) == len(keys)

        def done(fault: Fault) -> tuple[dict[str, Any], str]:
            left = []
            for key, (kind, (member, content)) in zip(keys, changes, strict=True):
                if fault.throttles(key[0]):
                    # DynamoDB does not repeat how a number was spelled.
                    left.append({kind: {member: content | self._events.schema.key_item(key)}})
                else:
                    self.rows[key] = DELETED if member == "Key" else self._events.version(content)
            return {"UnprocessedItems": {TABLE: left} if left else {}}, fault.kind

        return self.call(done)


@dataclass(frozen=True)
class StoredObject:
    """An object of the bucket."""

    body: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class Bucket(Service):
    """The quarantine bucket.

    Attributes:
        objects: its current content, by key.
        created: the time at which each object was created, its key and its body; overwriting does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, StoredObject] = {}
        self.created: list[tuple[float, str, bytes]] = []

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        ContentType: str = "",
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
    ) -> dict[str, Any]:
        assert Bucket == BUCKET
        assert IfNoneMatch in (None, "*")

        def done(_: Fault) -> dict[str, Any]:
            if IfNoneMatch and Key in self.objects:
                raise aws_error("PreconditionFailed", 412)
            if IfMatch and Key not in self.objects:
                raise aws_error("NoSuchKey", 404)
            if IfMatch and self.objects[Key].etag != IfMatch:
                raise aws_error("PreconditionFailed", 412)
            modified = datetime.fromtimestamp(EPOCH + current().now, UTC)
            if Key not in self.objects:
                self.created.append((current().now, Key, Body))
            self.objects[Key] = StoredObject(Body, modified)
            return {"ETag": self.objects[Key].etag}

        return self.call(done)

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:
        return self.call(lambda _: {})

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        def done(_: Fault) -> dict[str, Any]:
            if Key not in self.objects:
                raise aws_error("NoSuchKey", 404)
            stored = self.objects[Key]
            return {
                "Body": io.BytesIO(stored.body),
                "LastModified": stored.modified,
                "ETag": stored.etag,
            }

        return self.call(done)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        def done(_: Fault) -> dict[str, Any]:
            for wanted in Delete["Objects"]:
                self.objects.pop(wanted["Key"], None)
            return {}

        return self.call(done)

    def list_objects_v2(
        self,
        *,
        Bucket: str,
        Prefix: str,
        StartAfter: str = "",
        Delimiter: str = "",
        ContinuationToken: str = "",
    ) -> dict[str, Any]:
        def done(_: Fault) -> dict[str, Any]:
            found = [
                {"Key": key, "LastModified": stored.modified, "Size": len(stored.body)}
                for key, stored in sorted(self.objects.items())
                if key.startswith(Prefix)
                and key > max(StartAfter, ContinuationToken)
                and not (Delimiter and Delimiter in key.removeprefix(Prefix))
            ]
            page = found[:PAGE]
            if len(found) == len(page):
                return {"Contents": page, "IsTruncated": False}
            return {"Contents": page, "IsTruncated": True, "NextContinuationToken": page[-1]["Key"]}

        return self.call(done)
