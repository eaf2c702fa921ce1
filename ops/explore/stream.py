"""Reads the stream as the operator, and looks its events up in the table."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from event.item import Key
from event.poison import PoisonError
from event.record import KinesisData, KinesisRecord, arrival_time
from event.schema import Deletion, Schema, Values
from ops.aws.records import MAX_PAGE_RECORDS, Page, payload_size, read_page
from ops.aws.stack import CONNECTIONS, Stack
from ops.explore.row import Row, parse_row
from ops.explore.table import ScanStats
from ops.terminal.interrupt import run_parallel

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

_MAX_KEYS = 100
"""In one BatchGetItem (Amazon DynamoDB API reference)."""
_SAMPLE_RECORDS, _SAMPLE_BYTES = 10, 100_000
"""Of a shard in a sample: what a person can read, and a twentieth of what the shard delivers in a second."""
_SAMPLE_SECONDS = 1.0
"""Age of the first record of a sample."""
_AGAIN = 0.001
"""How far behind a read is that has to be repeated."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record of the stream, and the rows that the function will store or delete, several if it is aggregated.

    Attributes:
        size: bytes of its payload.
        arrived: when the stream received it.
        deleted: the keys of the rows that are gone after it.
    """

    shard: str
    size: int
    arrived: datetime
    rows: tuple[Row, ...]
    deleted: Collection[Key]


@dataclass(slots=True)
class _Position:
    """Position in a shard: its next iterator, and where to get a new one when that has expired.

    Attributes:
        sample: number of records that a sample reads.
    """

    iterator: str
    start: dict[str, Any]
    sample: int


class StreamReader:
    """Reader of a stream's records from now on, or from a time on, also across a reshard.

    Args:
        since: arrival of the first records; None for those that arrive from now on.
        max_shards: maximum number of shards to read at once, the open ones first; None reads all.

    Attributes:
        open_shards: number of the stream's open shards when it was last listed.
    """

    def __init__(self, stack: Stack, since: datetime | None = None, max_shards: int | None = None) -> None:
        self._event = stack.event
        self._kinesis = stack.kinesis
        self._stream = stack.stream
        self._max_shards = max_shards
        self._positions: dict[str, _Position] = {}
        self._seen: set[str] = set()
        """Shards that are or were read."""
        self._ended = False
        """Whether a shard came to its end since the shards were listed."""
        self.open_shards = 0
        if since:
            recent = self._list_shards(ShardFilter={"Type": "FROM_TIMESTAMP", "Timestamp": since})
            self._begin(recent, _at(since))
        else:
            self._begin(self._list_shards(ShardFilter={"Type": "AT_LATEST"}), _LATEST)

    @property
    def shards(self) -> list[str]:
        """The shards that are read."""
        return list(self._positions)

    def read(self) -> Iterator[StreamRecord]:
        """Yield the records that arrived since the last call; at most 10 MB of each shard."""
        for shard, page in self._read_pages(self.shards):
            yield from self._parse(shard, page)
        self._replace_ended()

    def read_all(self, end: datetime | None = None) -> Iterator[Sequence[StreamRecord]]:
        """Yield the records up to now, or those that arrived before a time, page by page; a page may be empty."""
        finished: set[str] = set()
        while unfinished := [shard for shard in self._positions if shard not in finished]:
            for shard, page in self._read_pages(unfinished):
                records = self._parse(shard, page)
                wanted = [record for record in records if end is None or record.arrived < end]
                yield wanted
                if not page.behind or len(wanted) < len(records):
                    finished.add(shard)
            self._replace_ended()

    def sample(self) -> Iterator[StreamRecord]:
        """Yield a few of the records that arrived since the last call, and skip the others up to a second ago."""
        skipped = {}
        for shard, page in self._read_pages(self.shards, sample=True):
            yield from self._parse(shard, page)
            if page.records and page.iterator and page.behind > _SAMPLE_SECONDS:
                now = page.records[-1]["approximateArrivalTimestamp"] + page.behind  # by the stream's clock
                skipped[shard] = _at(datetime.fromtimestamp(now - _SAMPLE_SECONDS, UTC))
        self._move(skipped)
        self._replace_ended()

    def _read_pages(self, shards: Collection[str], *, sample: bool = False) -> Iterator[tuple[str, Page]]:
        """Yield the next page of each of some shards, which are read at the same time."""

        def read(shard: str) -> Page:
            return self._read(shard, sample)

        for shard, page in zip(shards, run_parallel(read, shards, CONNECTIONS), strict=True):
            if not page.iterator:
                del self._positions[shard]
                self._ended = True
            yield shard, page

    def _read(self, shard: str, sample: bool) -> Page:
        position = self._positions[shard]
        try:
            page = read_page(
                self._kinesis, position.iterator, position.sample if sample else MAX_PAGE_RECORDS
            )
        except self._kinesis.exceptions.ExpiredIteratorException:  # this machine slept for five minutes
            position.iterator = self._get_iterator(shard, position.start)
            return Page([], position.iterator, behind=_AGAIN)
        except self._kinesis.exceptions.ProvisionedThroughputExceededException:  # other readers use it up
            return Page([], position.iterator, behind=_AGAIN)
        if page.records:
            number = page.records[-1]["sequenceNumber"]
            position.start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
            position.sample = min(_SAMPLE_RECORDS, page.fitting(_SAMPLE_BYTES))
        position.iterator = page.iterator or ""
        return page

    def _parse(self, shard: str, page: Page) -> list[StreamRecord]:
        return [_parse_record(shard, record, self._event) for record in page.records]

    def _replace_ended(self) -> None:
        """Continue with the children of ended shards; up to the limit with other open ones too, from now on."""
        if not self._ended:
            return
        shards = self._list_shards()
        family = set(self._seen)
        for shard in shards:  # AWS lists parents before their children
            if not family.isdisjoint(parents(shard)):
                family.add(shard["ShardId"])
        self._begin((shard for shard in shards if shard["ShardId"] in family), _OLDEST)
        self._begin(filter(_is_open, shards), _LATEST)
        self._ended = False

    def _list_shards(self, **selection: Any) -> list["ShardTypeDef"]:
        shards = list(list_shards(self._kinesis, **self._stream, **selection))
        self.open_shards = sum(map(_is_open, shards))
        return shards

    def _begin(self, shards: Iterable["ShardTypeDef"], start: dict[str, Any]) -> None:
        """Begin to read shards up to the limit, the open ones first."""
        names = [shard["ShardId"] for shard in sorted(shards, key=_is_open, reverse=True)]
        new = [name for name in names if name not in self._seen]
        if self._max_shards is not None:
            new = new[: self._max_shards - len(self._positions)]
        self._move(dict.fromkeys(new, start))
        self._seen.update(new)

    def _move(self, starts: Mapping[str, dict[str, Any]]) -> None:
        """Continue with shards at their new positions."""
        again = _at(datetime.now(UTC))  # LATEST would skip what arrives until its iterator has expired
        iterators = run_parallel(lambda shard: self._get_iterator(shard, starts[shard]), starts, CONNECTIONS)
        for (shard, start), iterator in zip(starts.items(), iterators, strict=True):
            before = self._positions.get(shard)
            sample = before.sample if before else _SAMPLE_RECORDS
            self._positions[shard] = _Position(iterator, again if start is _LATEST else start, sample)

    def _get_iterator(self, shard: str, start: dict[str, Any]) -> str:
        answer = self._kinesis.get_shard_iterator(**self._stream, ShardId=shard, **start)
        return answer["ShardIterator"]


_LATEST = {"ShardIteratorType": "LATEST"}
_OLDEST = {"ShardIteratorType": "TRIM_HORIZON"}


def _at(time: datetime) -> dict[str, Any]:
    return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time}


def list_shards(kinesis: "KinesisClient", **request: Any) -> Iterator["ShardTypeDef"]:
    """Yield the shards of a stream that the request selects, parents before their children.

    boto3's paginator repeats the request beside the token of the next page, which Kinesis rejects ("ListShards").
    """
    while request:
        answer = kinesis.list_shards(**request)
        yield from answer["Shards"]
        request = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}


def parents(shard: "ShardTypeDef") -> list[str]:
    """Return the shards that a reshard split or merged into this one; they may have expired."""
    return [name for name in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId")) if name]


def _is_open(shard: "ShardTypeDef") -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def stored_rows(stack: Stack, keys: Sequence[Key], stats: ScanStats | None = None) -> Iterator[Row]:
    """Yield the rows of those keys that are in the table; `stats` counts the read units.

    Raises:
        botocore.exceptions.ClientError: reading the table is not allowed.
    """
    event, table = stack.event, stack.output("table_name")
    for start in range(0, len(keys), _MAX_KEYS):
        wanted: Any = {table: {"Keys": list(map(event.key_item, keys[start : start + _MAX_KEYS]))}}
        while wanted:  # an answer has 16 MB at most, and leaves out the other keys
            answer = stack.dynamodb.batch_get_item(RequestItems=wanted, ReturnConsumedCapacity="TOTAL")
            if stats:
                stats.read_units += sum(used["CapacityUnits"] for used in answer.get("ConsumedCapacity", ()))
            yield from (parse_row(event, item) for item in answer["Responses"].get(table, []))
            wanted = answer["UnprocessedKeys"]


def _parse_record(shard: str, record: KinesisData, event: Schema) -> StreamRecord:
    received: KinesisRecord = {"eventID": "", "eventSourceARN": "", "kinesis": record}
    rows: list[Row] = []
    deleted: set[Key] = set()
    for key, values in _changes(received, event):
        if isinstance(values, Deletion):
            deleted.add(key)
        else:
            rows.append(Row(event, values))
            deleted.discard(key)
    return StreamRecord(shard, payload_size(record), arrival_time(received), tuple(rows), deleted)


def _changes(record: KinesisRecord, event: Schema) -> Iterator[tuple[Key, Values]]:
    """Yield key and values of each event in a record that the function will not put into quarantine."""
    for _, values in event.parse_all(record):
        if not isinstance(values, PoisonError):
            with suppress(PoisonError):
                yield event.build_item(values)[0], values
