"""Reads a time range of a stream, shard by shard."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.errors import ExpiredShardError
from ops.explore import stream
from stack.aws.causes import error_code

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

READ_SECONDS = 0.25
"""Time between two reads of a shard, which allows five a second to all its readers (Kinesis quotas)."""
RETRY_SECONDS = 1.0
SLACK_SECONDS = 60
"""Maximum disorder of arrival times: nothing guarantees that they increase ("GetRecords")."""

_RETRIED = ("ExpiredIteratorException", "ProvisionedThroughputExceededException")
"""Codes of reads to repeat: the function was busy for five minutes; other readers use up the shard's reads."""


def list_shards(kinesis: "KinesisClient", stream_arn: str) -> list[str]:
    """List the shards whose records the stream still has, parents before their children.

    In that order a key's records are read in the order in which they were put, also across a reshard.
    """
    shards = {shard["ShardId"]: shard for shard in stream.list_shards(kinesis, StreamARN=stream_arn)}
    ordered: dict[str, None] = {}

    def add(shard_id: str) -> None:
        shard = shards.get(shard_id)
        if shard is None or shard_id in ordered:  # an expired parent is not listed
            return
        for parent in stream.parents(shard):
            add(parent)
        ordered[shard_id] = None

    for shard_id in shards:
        add(shard_id)
    return list(ordered)


def read_range(
    kinesis: "KinesisClient",
    stream_arn: str,
    shard_id: str,
    start: datetime,
    end: datetime,
    *,
    after: str | None,
    stop: threading.Event,
) -> Iterator["RecordTypeDef"]:
    """Yield a shard's records that arrived from `start` on and before `end`, until `stop` is set.

    Args:
        after: the sequence number of the record after which to continue, instead of at the start.

    Raises:
        ExpiredShardError: the stream no longer has the shard.
        botocore.exceptions.ClientError: a call is denied, or the stream no longer exists.
    """
    position = after
    while True:
        try:
            iterator: str | None = kinesis.get_shard_iterator(
                StreamARN=stream_arn, ShardId=shard_id, **_starting_position(start, position)
            )["ShardIterator"]
            while iterator and not stop.is_set():
                answer = kinesis.get_records(StreamARN=stream_arn, ShardIterator=iterator)
                for record in answer["Records"]:
                    arrival = record["ApproximateArrivalTimestamp"]
                    if (arrival - end).total_seconds() >= SLACK_SECONDS:
                        return
                    if start <= arrival < end:
                        yield record
                    position = record["SequenceNumber"]
                iterator = answer.get("NextShardIterator")
                if not answer["Records"] and not answer.get("MillisBehindLatest"):
                    return
                stop.wait(READ_SECONDS)
        except ClientError as error:
            code = error_code(error)
            if code == "ResourceNotFoundException" and shard_id not in list_shards(kinesis, stream_arn):
                raise ExpiredShardError(f"The stream no longer has {shard_id}.") from error
            if code not in _RETRIED:
                raise
            stop.wait(RETRY_SECONDS)
        else:
            return


def _starting_position(start: datetime, position: str | None) -> Any:
    if position:
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
    moment = datetime.fromtimestamp(max(0.0, start.timestamp() - SLACK_SECONDS), UTC)
    return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
