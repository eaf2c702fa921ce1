"""The contract with the event source mapping: the event, and the response.

"Process Amazon Kinesis Data Streams records with Lambda" and "Configuring partial batch response with Kinesis
Data Streams and Lambda" (AWS Lambda Developer Guide).
"""

from typing import TypedDict

from event.record import KinesisRecord


class KinesisEvent(TypedDict):
    """The event of an event source mapping: records of one shard in sequence order."""

    Records: list[KinesisRecord]


class BatchItemFailure(TypedDict):
    """The sequence number of a record to retry."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A partial batch response; an empty list means that every record was handled."""

    batchItemFailures: list[BatchItemFailure]
