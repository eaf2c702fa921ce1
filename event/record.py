"""A Kinesis record as an event source mapping hands it to a function."""

import re
from datetime import UTC, datetime
from typing import Final, NotRequired, TypedDict

_UTC_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch


class KinesisData(TypedDict):
    """The part of a record that the stream knows; `data` is the payload in base64.

    An on-demand stream that distributes records itself may leave out the partition key ("PutRecords").
    `explicitHashKey` and `subSequenceNumber` belong to a user record: the hash key that its producer gave it,
    and its position in the aggregated record. `valueNumber` is the position of a value among those of one payload.
    """

    data: str
    partitionKey: NotRequired[str]
    sequenceNumber: str
    approximateArrivalTimestamp: float
    explicitHashKey: NotRequired[str]
    subSequenceNumber: NotRequired[int]
    valueNumber: NotRequired[int]


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


def normalize_time(time: object) -> str | None:
    """Convert an ISO 8601 time, without an offset taken as UTC, to UTC with milliseconds and `Z`.

    None if it is not a time.
    """
    if not isinstance(time, str):
        return None
    try:
        moment = datetime.fromisoformat(time)
        if _UTC_TIME(time):  # nearly always so, and formatting costs ten times this check
            return time
        return iso(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)
    except (ValueError, OverflowError):
        return None
