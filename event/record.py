"""A Kinesis record as an event source mapping hands it to a function."""

from datetime import UTC, datetime
from typing import NotRequired, TypedDict


class KinesisData(TypedDict):
    """The part of a record that the stream knows; `data` is the payload in base64.

    `subSequenceNumber` is the position of a user record in the aggregated record that it comes from.
    """

    data: str
    partitionKey: str
    sequenceNumber: str
    approximateArrivalTimestamp: float
    subSequenceNumber: NotRequired[int]


class KinesisRecord(TypedDict):
    """One element of an event's `Records` ("Using Lambda to process records from Kinesis", AWS Lambda)."""

    eventID: str
    eventSourceARN: str
    kinesis: KinesisData


def arrival_time(record: KinesisRecord) -> datetime:
    """Return when the stream received the record, in UTC."""
    return datetime.fromtimestamp(record["kinesis"]["approximateArrivalTimestamp"], UTC)


def shard_id(record: KinesisRecord) -> str:
    """Return the shard's id: an `eventID` is `<shard id>:<sequence number>`."""
    return record["eventID"].partition(":")[0]


def iso(moment: datetime) -> str:
    """Format a time as ISO 8601 in UTC with milliseconds and `Z`, as the project stores every time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
