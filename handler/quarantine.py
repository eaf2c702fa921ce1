"""The bucket where records that can never be stored wait, with the reason, for someone to look at them."""

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from handler.calls import CLIENT, attempts, code_of, is_transient
from handler.record import KinesisRecord, arrival_of, iso, shard_of
from handler.tweet import PoisonError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUARANTINE_PREFIX: Final = "records/"
"""Where the function's own objects lie; Lambda's on-failure objects of the same bucket: `aws/lambda/`."""


class Quarantine:
    """The bucket, by a client that is made for the first poison record: most sandboxes never see one."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client: S3Client | None = None
        self._making = threading.Lock()

    def keep(self, record: KinesisRecord, poison: PoisonError, function: str, until: float) -> str | None:
        """Put the record into the bucket; the name of what stood in the way, None when it is there.

        A failed call is no exception here: the record is then reported, and comes again.
        """
        obstacle = "no time was left"
        for _ in attempts(until):
            try:
                self._s3().put_object(
                    Bucket=self._bucket,
                    Key=object_key(record, poison),
                    Body=object_body(record, poison, function),
                    ContentType="application/json",
                )
            except (BotoCoreError, ClientError) as error:
                obstacle = code_of(error)
                if not is_transient(error):
                    break
            else:
                return None
        return obstacle

    def _s3(self) -> "S3Client":
        with self._making:  # boto3's default session may not make two clients at the same time
            if self._client is None:
                self._client = boto3.client("s3", config=CLIENT)
            return self._client


def object_key(record: KinesisRecord, poison: PoisonError) -> str:
    """`records/<reason>/<date of arrival>/<shard>/<sequence number>.json`: a repeat overwrites itself."""
    date = arrival_of(record).date().isoformat()
    name = f"{shard_of(record)}/{record['kinesis']['sequenceNumber']}.json"
    return f"{QUARANTINE_PREFIX}{poison.reason}/{date}/{name}"


def object_body(record: KinesisRecord, poison: PoisonError, function: str) -> bytes:
    """Everything that is needed to understand the record and to put it onto the stream again."""
    kinesis = record["kinesis"]
    return json.dumps(
        {
            "reason": poison.reason,
            "error": str(poison),
            "payload": kinesis["data"],
            "partitionKey": kinesis["partitionKey"],
            "sequenceNumber": kinesis["sequenceNumber"],
            "shardId": shard_of(record),
            "arrivalTime": iso(arrival_of(record)),
            "streamArn": record["eventSourceARN"],
            "function": function,
            "quarantinedAt": iso(datetime.now(UTC)),
        }
    ).encode()
