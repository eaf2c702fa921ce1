"""Reads the stream as the operator: which tweets are on it, and which of them are stored."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handler.aggregation import deaggregate
from handler.record import KinesisRecord
from handler.table import build_put
from handler.tweet import PoisonError, parse_tweet
from ops.stack import Stack
from ops.table import Row, parse_row

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

_MAX_KEYS = 100
"""In one BatchGetItem (Amazon DynamoDB API reference)."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the stream: its bytes, and the rows that the function will store, several if it is aggregated."""

    shard: str
    size: int
    rows: tuple[Row, ...]


class StreamReader:
    """Reads the records of the first `max_shards` shards, or of all, from now on or from a time on."""

    def __init__(self, stack: Stack, since: datetime | None = None, max_shards: int | None = None) -> None:
        self._kinesis = stack.kinesis
        self._name = stack.output("stream_name")
        self._max_shards = max_shards
        self._iterators: dict[str, str | None] = {}
        """By shard; None at the end of a shard that a reshard closed."""
        start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since} if since else _LATEST
        self._find_shards(start)

    @property
    def shards(self) -> int:
        """Number of shards that are read."""
        return len(self._iterators)

    def read(self) -> Iterator[Record]:
        """Yield the records that arrived since the last call; at most 10 MB of each shard."""
        for shard in list(self._iterators):
            records, _ = self._read(shard)
            yield from records

    def read_all(self) -> Iterator[Record]:
        """Yield the records up to now, page by page."""
        for shard in list(self._iterators):
            behind = True
            while behind:
                records, behind = self._read(shard)
                yield from records

    def _read(self, shard: str) -> tuple[list[Record], bool]:
        """Return a shard's next records, and whether there are more already."""
        iterator = self._iterators[shard]
        if not iterator:
            return [], False
        answer = self._kinesis.get_records(ShardIterator=iterator)
        self._iterators[shard] = answer.get("NextShardIterator")
        if not self._iterators[shard]:
            self._find_shards(_OLDEST)  # its children, which are as new as its end
        behind = bool(self._iterators[shard]) and answer.get("MillisBehindLatest", 0) > 0
        return [_parse_record(shard, record) for record in answer["Records"]], behind

    def _find_shards(self, start: dict[str, Any]) -> None:
        for page in self._kinesis.get_paginator("list_shards").paginate(StreamName=self._name):
            for shard in page["Shards"]:
                if len(self._iterators) == self._max_shards:
                    return
                if shard["ShardId"] not in self._iterators:
                    self._iterators[shard["ShardId"]] = self._kinesis.get_shard_iterator(
                        StreamName=self._name, ShardId=shard["ShardId"], **start
                    )["ShardIterator"]


_LATEST = {"ShardIteratorType": "LATEST"}
_OLDEST = {"ShardIteratorType": "TRIM_HORIZON"}


def stored_rows(stack: Stack, keys: Sequence[Key]) -> Iterator[Row]:
    """Yield the rows that exist of some keys.

    Raises:
        botocore.exceptions.ClientError: reading the table is not allowed.
    """
    table = stack.output("table_name")
    for start in range(0, len(keys), _MAX_KEYS):
        wanted = [
            {"Username": {"S": user}, "Id": {"S": id_}} for user, id_ in keys[start : start + _MAX_KEYS]
        ]
        # Keys that a full answer left out are looked up again in the next round.
        answer = stack.dynamodb.batch_get_item(RequestItems={table: {"Keys": wanted}})
        yield from map(parse_row, answer["Responses"].get(table, []))


def _parse_record(shard: str, record: "RecordTypeDef") -> Record:
    event: KinesisRecord = {
        "eventID": "",
        "eventSourceARN": "",
        "kinesis": {
            "data": base64.b64encode(record["Data"]).decode(),
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }
    return Record(shard, len(record["Data"]), tuple(_rows(event)))


def _rows(record: KinesisRecord) -> Iterator[Row]:
    with suppress(PoisonError):
        for user_record in deaggregate(record):
            with suppress(PoisonError):
                tweet = parse_tweet(user_record)
                build_put(user_record, tweet, item_lifetime=None)
                yield Row(*tweet)
