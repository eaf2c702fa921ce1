"""Repaired payloads, which a redrive sends in the place of those in quarantine."""

import base64
import time
from typing import NamedTuple

from event.item import build_put
from event.record import KinesisRecord
from event.types.tweet import parse_tweet


class Repair(NamedTuple):
    """The members of a quarantined record that are replaced."""

    payload: bytes
    partition_key: str


def parse_repair(payload: bytes) -> Repair:
    """Parse a repaired payload; its partition key is the username, as in the producer's records.

    Raises:
        PoisonError: the function would put it into quarantine again.
    """
    record: KinesisRecord = {
        "eventID": "",
        "eventSourceARN": "",
        "kinesis": {
            "data": base64.b64encode(payload).decode(),
            "partitionKey": "",
            "sequenceNumber": "",
            "approximateArrivalTimestamp": time.time(),
        },
    }
    tweet = parse_tweet(record)
    build_put(record, tweet, None)  # checks the sizes, and that the strings have UTF-8
    return Repair(payload, tweet.username)
