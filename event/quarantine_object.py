"""The format of the function's objects in the quarantine bucket: written by the function, read by operators.

README.md beside this file documents it. Lambda's own on-failure objects lie in the same bucket, under
`aws/lambda/`, in Lambda's format.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Final, NamedTuple

from event.poison import PoisonError
from event.record import KinesisRecord, arrival_time, iso, shard_id

PREFIX: Final = "records/"


class QuarantinedRecord(NamedTuple):
    """A stream record as it was when it was quarantined; `arrival` is ISO 8601 in UTC."""

    payload: bytes
    partition_key: str
    sequence_number: str
    shard: str
    arrival: str


def object_key(record: KinesisRecord, poison: PoisonError) -> str:
    """Return `records/<reason>/<date of arrival>/<shard>/<sequence number>.json`: a repeat overwrites it.

    A user record of an aggregated record appends its position to the sequence number, as `<number>-<position>`.
    """
    kinesis = record["kinesis"]
    name = kinesis["sequenceNumber"]
    if "subSequenceNumber" in kinesis:
        name += f"-{kinesis['subSequenceNumber']}"
    date = arrival_time(record).date().isoformat()
    return f"{PREFIX}{poison.reason}/{date}/{shard_id(record)}/{name}.json"


def object_body(record: KinesisRecord, poison: PoisonError, function: str) -> bytes:
    """Return everything needed to understand the record and to put it on the stream again, as JSON."""
    kinesis = record["kinesis"]
    return json.dumps(
        {
            "reason": poison.reason,
            "error": str(poison),
            "payload": kinesis["data"],
            "partitionKey": kinesis["partitionKey"],
            "sequenceNumber": kinesis["sequenceNumber"],
            "subSequenceNumber": kinesis.get("subSequenceNumber"),
            "shardId": shard_id(record),
            "arrivalTime": iso(arrival_time(record)),
            "streamArn": record["eventSourceARN"],
            "function": function,
            "quarantinedAt": iso(datetime.now(UTC)),
        }
    ).encode()


def parse_body(body: bytes) -> tuple[str, QuarantinedRecord]:
    """Parse what `object_body` wrote: the error, and the record.

    Raises:
        KeyError, TypeError, ValueError: the object has another format.
    """
    content = json.loads(body)
    # An error may quote half of a surrogate pair, and the record is whole nevertheless.
    error = str(content["error"]).encode(errors="backslashreplace").decode()
    return error, QuarantinedRecord(
        base64.b64decode(content["payload"], validate=True),
        text(content["partitionKey"]),
        text(content["sequenceNumber"]),
        text(content["shardId"]),
        text(content["arrivalTime"]),
    )


def text(value: object) -> str:
    """Return a member that must be a string.

    Raises:
        TypeError: it is not.
        ValueError: it has no UTF-8.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.50} is {type(value).__name__}, not a string")
    value.encode()
    return value
