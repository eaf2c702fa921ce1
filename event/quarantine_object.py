"""The format of the function's objects in the quarantine bucket: written by the function, read by operators.

README.md beside this file documents it. Lambda's own on-failure objects lie in the same bucket, under
`aws/lambda/`, in Lambda's format.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from event.poison import PoisonError, Reason
from event.record import KinesisRecord, arrival_time, iso, shard_id

PREFIX: Final = "records/"


class QuarantinedRecord(NamedTuple):
    """A stream record as it was when it was quarantined; `arrival` is ISO 8601 in UTC.

    `partition_key` is None for a record of a stream that distributes records itself.
    """

    payload: bytes
    partition_key: str | None
    sequence_number: str
    shard: str
    arrival: str
    explicit_hash_key: str | None = None


def object_key(record: KinesisRecord, reason: Reason) -> str:
    """Return `records/<reason>/<date of arrival>/<shard>/<sequence number>.json`: a repeat overwrites it.

    A user record of an aggregated record appends its position, as `<number>-<position>`; a value among several of
    one payload that of both, as `<number>-<position>-<value>`.
    """
    kinesis = record["kinesis"]
    name = kinesis["sequenceNumber"]
    if "valueNumber" in kinesis:
        name += f"-{kinesis.get('subSequenceNumber', 0)}-{kinesis['valueNumber']}"
    elif "subSequenceNumber" in kinesis:
        name += f"-{kinesis['subSequenceNumber']}"
    date = arrival_time(record).date().isoformat()
    return f"{PREFIX}{reason}/{date}/{shard_id(record)}/{name}.json"


def group_key(record: KinesisRecord, reason: Reason) -> str:
    """Return the key of an object for several records of one reason: named by their Kinesis record alone."""
    kinesis = record["kinesis"].copy()
    kinesis.pop("subSequenceNumber", None)
    kinesis.pop("valueNumber", None)
    return object_key({**record, "kinesis": kinesis}, reason)


def object_body(record: KinesisRecord, poison: PoisonError, function: str) -> bytes:
    """Return everything needed to understand the record and to put it on the stream again, as JSON."""
    return _body(record, poison, function, _own_members(record))


def group_body(
    record: KinesisRecord, poison: PoisonError, function: str, members: Iterable[KinesisRecord]
) -> bytes:
    """Return the same for records of one reason that came in one Kinesis record."""
    return _body(record, poison, function, {"records": [_own_members(member) for member in members]})


def _body(record: KinesisRecord, poison: PoisonError, function: str, content: Mapping[str, object]) -> bytes:
    return json.dumps(
        {
            "reason": poison.reason,
            "error": str(poison),
            **content,
            "sequenceNumber": record["kinesis"]["sequenceNumber"],
            "shardId": shard_id(record),
            "arrivalTime": iso(arrival_time(record)),
            "streamArn": record["eventSourceARN"],
            "function": function,
            "quarantinedAt": iso(datetime.now(UTC)),
        }
    ).encode()


def _own_members(record: KinesisRecord) -> dict[str, object]:
    kinesis = record["kinesis"]
    return {
        "payload": kinesis["data"],
        "partitionKey": kinesis.get("partitionKey"),
        "explicitHashKey": kinesis.get("explicitHashKey"),
        "subSequenceNumber": kinesis.get("subSequenceNumber"),
        "valueNumber": kinesis.get("valueNumber"),
    }


def parse_body(body: bytes) -> tuple[str, Sequence[QuarantinedRecord]]:
    """Parse what `object_body` or `group_body` wrote: the error, and the records.

    Raises:
        KeyError, TypeError, ValueError: the object has another format.
    """
    content = json.loads(body)
    # An error may quote half of a surrogate pair, and the record is whole nevertheless.
    error = str(content["error"]).encode(errors="backslashreplace").decode()
    return error, [
        QuarantinedRecord(
            base64.b64decode(own["payload"], validate=True),
            optional_text(own["partitionKey"]),
            text(content["sequenceNumber"]),
            text(content["shardId"]),
            text(content["arrivalTime"]),
            optional_text(own.get("explicitHashKey")),
        )
        for own in content.get("records", [content])
    ]


def optional_text(value: object) -> str | None:
    """Return a member that may be null; otherwise as `text`."""
    return None if value is None else text(value)


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
