"""The contract with the event source mapping: the event, and the response.

"Process Amazon Kinesis Data Streams records with Lambda" and "Configuring partial batch response with Kinesis
Data Streams and Lambda" (AWS Lambda Developer Guide).
"""

from typing import Any, TypedDict

from event.record import KinesisRecord
from handler.errors import EventError


class KinesisEvent(TypedDict):
    """The event of an event source mapping: records of one shard in sequence order."""

    Records: list[KinesisRecord]


class BatchItemFailure(TypedDict):
    """The sequence number of a record to retry."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A partial batch response; an empty list means that every record was handled."""

    batchItemFailures: list[BatchItemFailure]


def kinesis_records(event: Any) -> list[KinesisRecord]:
    """Return the records of an event.

    Raises:
        EventError: it comes from somewhere else, such as the console's test events.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not all("kinesis" in record for record in records[:1]):
        raise EventError(
            "This is not an event of a Kinesis event source mapping: it has no `Records` with `kinesis` in them. To "
            "test the function, put a record on the stream, or use the console's test event for Kinesis"
        )
    return records
