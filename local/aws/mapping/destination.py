"""Writes discarded batches to the on-failure destination of a mapping, with the role's credentials."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.aws.mapping.decisions import MappingSettings

Clients = Callable[[str], Any]
"""Returns the boto3 client of a service, with the function role's credentials."""


def deliver(
    clients: Clients, settings: MappingSettings, shard_id: str, record: dict[str, Any], event: str
) -> None:
    """Write the record of a discarded batch, with the function's event, to the bucket.

    The format is that of "Retain discarded batch records for a Kinesis Data Streams event source" (AWS Lambda
    Developer Guide). Queues and topics, which receive no payload, are not implemented: this stack has none.

    Raises:
        botocore.exceptions.ClientError: the role is not allowed to, or the bucket does not exist.
    """
    bucket = (settings.destination_arn or "").removeprefix("arn:aws:s3:::")
    s3 = clients("s3")
    s3.head_bucket(Bucket=bucket)  # Lambda asks for s3:ListBucket beside s3:PutObject
    s3.put_object(
        Bucket=bucket,
        Key=object_key(settings.uuid, shard_id, record["timestamp"]),
        Body=json.dumps({**record, "payload": event}).encode(),
        ContentType="application/json",
    )


def object_key(mapping_uuid: str, shard_id: str, timestamp: str) -> str:
    """Return the key of the object of a batch that was discarded at an ISO 8601 time."""
    moment = datetime.fromisoformat(timestamp)
    return f"aws/lambda/{mapping_uuid}/{shard_id}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
