"""Removes the records that a stream no longer keeps, at a cost that does not grow with those that it keeps."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any


def remove_expired(stream: dict[str, Any], iterators: Iterable[dict[str, Any]], now: float) -> None:
    """Remove the oldest records of a stream's shards, in place, as of `now` in seconds.

    ministack copies all others with each call, so that a stream of some ten thousand records takes its whole CPU, and
    leaves the positions of the iterators as they were, so that a reader skips as many records as are removed.
    """
    oldest = now - stream["RetentionPeriodHours"] * 3600
    for name, shard in stream["shards"].items():
        records = shard["records"]
        expired = sum(
            1 for _ in takewhile(lambda each: each["ApproximateArrivalTimestamp"] < oldest, records)
        )
        if expired:
            del records[:expired]
            for iterator in iterators:
                if (iterator["stream"], iterator["shard_id"]) == (stream["StreamName"], name):
                    iterator["position"] = max(0, iterator["position"] - expired)
