"""Made-up tweets and the records that carry them."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_kinesis_agg.aggregator import RecordAggregator

from event.record import KinesisRecord

ARRIVAL = datetime(2026, 11, 23, 14, 41, 30, 250_000, UTC)
SHARD = "shardId-000000000000"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream"


def record(payload: object, number: int = 1, arrival: datetime = ARRIVAL) -> KinesisRecord:
    """A record; a payload that is not bytes becomes JSON."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return {
        "eventID": f"{SHARD}:{number}",
        "eventSourceARN": STREAM,
        "kinesis": {
            "data": base64.b64encode(data).decode(),
            "partitionKey": "ada",
            "sequenceNumber": str(number),
            "approximateArrivalTimestamp": arrival.timestamp(),
        },
    }


def aggregate(*payloads: object, keys: Sequence[str] = ("ada",)) -> bytes:
    """A payload aggregated by AWS's own implementation of the Kinesis Producer Library's format.

    The user records take the keys in turn; a payload that is not bytes becomes JSON.
    """
    aggregator = RecordAggregator()
    for number, payload in enumerate(payloads):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        aggregator.add_user_record(keys[number % len(keys)], data)
    data = aggregator.clear_and_get().get_contents()[2]
    assert isinstance(data, bytes)
    return data


def tweet(**members: Any) -> dict[str, Any]:
    """The stream's own record of a tweet."""
    return {
        "username": "ada",
        "id": "1001",
        "created_at": "2026-11-23T14:41:28.000Z",
        "text": "good morning",
        "lang": "en",
        "source": "x",
        "version": 1,
    } | members


def tweets(count: int) -> list[KinesisRecord]:
    """A batch of tweets with different keys."""
    return [record(tweet(id=str(number)), number) for number in range(1, count + 1)]


def v2_post(**members: Any) -> dict[str, Any]:
    """An object of X's v2 filtered stream."""
    return {
        "data": {
            "id": "1001",
            "author_id": "7",
            "created_at": "2026-11-23T14:41:28.000Z",
            "text": "good morning",
        }
        | members,
        "includes": {
            "users": [
                {"id": "8", "username": "bob", "name": "B"},
                {"id": "7", "username": "ada", "name": "A"},
            ]
        },
        "matching_rules": [{"id": "1", "tag": None}],
    }


def v1_status(**members: Any) -> dict[str, Any]:
    """An X v1.1 status; its `id` is rounded, as by a reader that takes numbers for floats."""
    return {
        "created_at": "Mon Nov 23 14:41:28 +0000 2026",
        "id": 1800000000000000000,
        "id_str": "1800000000000000123",
        "text": "good morning",
        "truncated": False,
        "user": {"id_str": "7", "screen_name": "ada"},
    } | members
