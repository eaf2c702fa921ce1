"""Estimates how long a replay takes, from samples of the stream."""

import math
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from event.limits import SHARD_RECORDS
from ops.aws.records import read_page
from ops.replay.replayer import MAX_SHARDS
from ops.replay.shards import Range
from ops.terminal.interrupt import DaemonPool

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

_SAMPLE_RECORDS: Final = 1000


def estimate_duration(kinesis: "KinesisClient", part: Range, shards: Collection[str], rate: int) -> float:
    """Return the seconds in which a range is replayed, by the rate at which records arrived in its middle.

    The busiest of a few shards stands for all. A range that is short enough even of full shards is not read.

    Args:
        rate: maximum number of records per second of each shard.
    """
    rounds = math.ceil(len(shards) / MAX_SHARDS)
    full = rounds * (part.end - part.start) * SHARD_RECORDS / rate
    if not shards or full <= part.seconds_left:
        return full
    with DaemonPool(MAX_SHARDS) as pool:
        sampled = list(shards)[-MAX_SHARDS:]  # the youngest, of which most are open
        busiest = max(pool.map(lambda shard: _arrival_rate(kinesis, part, shard), sampled))
    return full * min(1.0, busiest / SHARD_RECORDS)


def _arrival_rate(kinesis: "KinesisClient", part: Range, shard_id: str) -> float:
    """Return the records per second that arrived in a shard in the middle of a range; 0.0 if that is unknown."""
    middle = datetime.fromtimestamp((part.start + part.end) / 2, UTC)
    with suppress(ClientError):
        answer = kinesis.get_shard_iterator(
            StreamARN=part.stream_arn, ShardId=shard_id, ShardIteratorType="AT_TIMESTAMP", Timestamp=middle
        )
        page = read_page(kinesis, answer["ShardIterator"], _SAMPLE_RECORDS, StreamARN=part.stream_arn)
        arrivals = [record["approximateArrivalTimestamp"] for record in page.records]
        if len(arrivals) > 1:
            return len(arrivals) / max(1e-3, arrivals[-1] - arrivals[0])
    return 0.0
