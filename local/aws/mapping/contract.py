"""AWS's contract between an event source mapping and a function: the event, its limit, and the response.

A copy of its own, from AWS's documents alone: the mapping checks the function, and must not learn the contract from
it. The rules are those of "Process Amazon Kinesis Data Streams records with Lambda" and "Configuring partial batch
response with Kinesis Data Streams and Lambda" (AWS Lambda Developer Guide).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_EVENT_BYTES: Final = 6 * 1024 * 1024
"""Limit of a synchronous invocation's payload (Lambda quotas)."""


def build_event_record(
    answer: Mapping[str, Any], shard_id: str, stream_arn: str, role_arn: str
) -> dict[str, Any]:
    """Convert a record of `GetRecords` to an element of the event's `Records`."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            **({"partitionKey": answer["PartitionKey"]} if "PartitionKey" in answer else {}),
            "sequenceNumber": answer["SequenceNumber"],
            "data": base64.b64encode(answer["Data"]).decode(),
            "approximateArrivalTimestamp": answer["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{answer['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role_arn,
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
    }


def first_failure(sequence_numbers: Sequence[str], response: bytes) -> int | None:
    """Return the index of the first record that a response reports as failed; None if the batch succeeded.

    An empty or null response or list is a success; an identifier that is empty, null, missing or not of this
    batch fails the whole batch, and so does a response of any other form.
    """
    try:
        answer = json.loads(response or b"null")
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
