"""New rows of the table as they are stored, found by way of the stream."""

import base64
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from handler.record import KinesisRecord
from handler.table import put_of
from handler.tweet import PoisonError, tweet_of
from ops.stack import Stack
from ops.table import Row, row_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

POLL_SECONDS = 1.0
_MOST_AWAITED = 10_000
"""Tweets that are on the stream and not yet in the table: beyond these the oldest are not waited for."""
_MOST_KEYS = 100
"""In one BatchGetItem (Amazon DynamoDB API reference)."""

Key = tuple[str, str]


def follow(stack: Stack, user: str | None) -> Iterator[Row]:
    """Yield each row that is stored from now on, of one user or of all, oldest first in each second.

    The stream says which keys come, the table whether they are there: a tweet that the function has not
    stored yet is asked for again. Ends only with an exception.

    Raises:
        botocore.exceptions.ClientError: the stream or the table may not be read.
    """
    stream = _Stream(stack)
    awaited: OrderedDict[Key, None] = OrderedDict()
    while True:
        began = time.monotonic()
        for record in stream.read():
            key = _key_of(record)
            if key and user in (None, key[0]):
                awaited[key] = None
        while len(awaited) > _MOST_AWAITED:
            awaited.popitem(last=False)
        rows = list(_stored(stack, list(awaited)))
        for row in rows:
            del awaited[row.username, row.id]
        yield from sorted(rows, key=lambda row: row.age_order)
        time.sleep(max(0.0, began + POLL_SECONDS - time.monotonic()))


class _Stream:
    """The records of every shard from now on."""

    def __init__(self, stack: Stack) -> None:
        self._kinesis = stack.kinesis
        self._name = stack.output("stream_name")
        self._iterators: dict[str, str | None] = {}
        """By shard; None at the end of a shard that a reshard closed."""
        self._find_shards("LATEST")

    def read(self) -> Iterator["RecordTypeDef"]:
        """What has arrived since the last call."""
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


def _key_of(record: "RecordTypeDef") -> Key | None:
    """The key of the row that the function will make of a record; None if it cannot make one."""
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
    try:
        return put_of(event, tweet_of(event), item_lifetime=None).key
    except PoisonError:
        return None


def _stored(stack: Stack, keys: list[Key]) -> Iterator[Row]:
    table = stack.output("table_name")
    for start in range(0, len(keys), _MOST_KEYS):
        wanted = [
            {"Username": {"S": user}, "Id": {"S": id_}} for user, id_ in keys[start : start + _MOST_KEYS]
        ]
        # What a full answer leaves out is asked for again with the next round.
        answer = stack.dynamodb.batch_get_item(RequestItems={table: {"Keys": wanted}})
        yield from map(row_of, answer["Responses"].get(table, []))
