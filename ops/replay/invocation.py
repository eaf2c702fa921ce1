"""Invokes a function in an event source mapping's place: the event, and the response.

"Process Amazon Kinesis Data Streams records with Lambda" and "Configuring partial batch response with Kinesis
Data Streams and Lambda" (AWS Lambda Developer Guide).
"""

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from event.record import KinesisData, KinesisRecord

MAX_EVENT_BYTES: Final = 6 * 1024 * 1024
"""Limit of a synchronous invocation's payload (Lambda quotas)."""


def build_record(record: KinesisData, shard_id: str, stream_arn: str, role_arn: str) -> KinesisRecord:
    """Convert a record to an element of the event's `Records`."""
    element = {
        "kinesis": {"kinesisSchemaVersion": "1.0", **record},
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['sequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
    }
    return cast("KinesisRecord", element)


def first_failure(sequence_numbers: Sequence[str], response: bytes) -> int | None:
    """Return the index of the first record that a response reports as failed; None if the batch succeeded.

    An empty or null response or list is a success; an identifier that is empty, null, missing or not of this
    batch fails the whole batch, and so does a response that is not of this form at all.
    """
    try:
        answer: Any = json.loads(response or b"null")
    except ValueError:
        return 0
    if not answer:
        return None
    if not isinstance(answer, dict):
        return 0
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    positions = {number: index for index, number in enumerate(sequence_numbers)}
    try:
        return min(positions[failure["itemIdentifier"]] for failure in failures)
    except (KeyError, TypeError):
        return 0
