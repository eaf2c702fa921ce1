"""Writes what a mapping gave up to its on-failure destination, with the role's credentials."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.mapping.decisions import Settings

Clients = Callable[[str], Any]
"""Returns the boto3 client of a service, with the function role's credentials."""


def deliver(clients: Clients, settings: Settings, shard_id: str, record: dict[str, Any], event: str) -> None:
    """Write the record of a batch that was given up; S3 also gets the function's event, a queue or a topic does not.

    The formats are those of "Retain discarded batch records for a Kinesis Data Streams event source" (AWS
    Lambda Developer Guide).

    Raises:
        botocore.exceptions.ClientError: the role may not, or the destination does not exist.
        ValueError: the destination is of no kind that a Kinesis mapping can have.
    """
    arn = settings.destination_arn or ""
    match arn.split(":")[2:3]:
        case ["s3"]:
            bucket = arn.removeprefix("arn:aws:s3:::")
            s3 = clients("s3")
            s3.head_bucket(Bucket=bucket)  # Lambda asks for s3:ListBucket beside s3:PutObject
            s3.put_object(
                Bucket=bucket,
                Key=object_key(settings.uuid, shard_id, record["timestamp"]),
                Body=json.dumps({**record, "payload": event}).encode(),
                ContentType="application/json",
            )
        case ["sqs"]:
            _, _, _, _, account, name = arn.split(":")
            sqs = clients("sqs")
            url = f"{sqs.meta.endpoint_url}/{account}/{name}"
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record))
        case ["sns"]:
            clients("sns").publish(TopicArn=arn, Message=json.dumps(record))
        case _:
            raise ValueError(
                f"{arn} is not a destination: it must be an S3 bucket, an SQS queue or an SNS topic"
            )


def object_key(mapping_uuid: str, shard_id: str, timestamp: str) -> str:
    """Return the key of the object of a batch that was given up at an ISO 8601 time."""
    moment = datetime.fromisoformat(timestamp)
    return f"aws/lambda/{mapping_uuid}/{shard_id}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
