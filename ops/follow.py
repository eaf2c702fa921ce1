"""Follows new rows of the table, which it learns of from the stream."""

import base64
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from handler.aggregation import deaggregate
from handler.record import KinesisRecord
from handler.table import build_put
from handler.tweet import PoisonError, parse_tweet
from ops.stack import Stack
from ops.table import Row, parse_row

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

POLL_SECONDS = 1.0
_MAX_AWAITED = 10_000
"""Maximum number of tweets on the stream to wait for in the table; beyond it the oldest are forgotten."""
_MAX_KEYS = 100
"""In one BatchGetItem (Amazon DynamoDB API reference)."""

Key = tuple[str, str]


def follow(stack: Stack, user: str | None) -> Iterator[Row]:
    """Yield each row that is stored from now on, of one user or of all, oldest first in each second.

    The stream tells which keys to expect, the table whether they are stored; a tweet that is not stored yet
    is looked up again. Ends only with an exception.

    Raises:
        botocore.exceptions.ClientError: reading the stream or the table is not allowed.
    """
    stream = _Stream(stack)
    awaited: OrderedDict[Key, None] = OrderedDict()
    while True:
        began = time.monotonic()
        for record in stream.read():
            for key in _row_keys(record):
                if user in (None, key[0]):
                    awaited[key] = None
        while len(awaited) > _MAX_AWAITED:
            awaited.popitem(last=False)
        rows = list(_stored(stack, list(awaited)))
        for row in rows:
            del awaited[row.username, row.id]
        yield from sorted(rows, key=lambda row: row.age_order)
        time.sleep(max(0.0, began + POLL_SECONDS - time.monotonic()))


class _Stream:
    """Reads the records of every shard from now on."""

    def __init__(self, stack: Stack) -> None:
        self._kinesis = stack.kinesis
        self._name = stack.output("stream_name")
        self._iterators: dict[str, str | None] = {}
        """By shard; None at the end of a shard that a reshard closed."""
        self._find_shards("LATEST")

    def read(self) -> Iterator["RecordTypeDef"]:
        """Yield the records that arrived since the last call."""
        for shard, iterator in list(self._iterators.items()):
            if iterator:
                answer = self._kinesis.get_records(ShardIterator=iterator)
                self._iterators[shard] = answer.get("NextShardIterator")
                yield from answer["Records"]
                if not self._iterators[shard]:
                    self._find_shards("TRIM_HORIZON")  # its children, which are as new as its end

    def _find_shards(self, start: Any) -> None:
        for page in self._kinesis.get_paginator("list_shards").paginate(StreamName=self._name):
            for shard in page["Shards"]:
                if shard["ShardId"] not in self._iterators:
                    self._iterators[shard["ShardId"]] = self._kinesis.get_shard_iterator(
                        StreamName=self._name, ShardId=shard["ShardId"], ShardIteratorType=start
                    )["ShardIterator"]


def _row_keys(record: "RecordTypeDef") -> Iterator[Key]:
    """Yield the keys of the rows that the function will store for a record: several if it is aggregated."""
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
    with suppress(PoisonError):
        for user_record in deaggregate(event):
            with suppress(PoisonError):
                yield build_put(user_record, parse_tweet(user_record), item_lifetime=None).key


def _stored(stack: Stack, keys: list[Key]) -> Iterator[Row]:
    table = stack.output("table_name")
    for start in range(0, len(keys), _MAX_KEYS):
        wanted = [
            {"Username": {"S": user}, "Id": {"S": id_}} for user, id_ in keys[start : start + _MAX_KEYS]
        ]
        # Keys that a full answer left out are looked up again in the next round.
        answer = stack.dynamodb.batch_get_item(RequestItems={table: {"Keys": wanted}})
        yield from map(parse_row, answer["Responses"].get(table, []))
