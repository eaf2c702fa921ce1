"""Reads and deletes the objects of the quarantine bucket, the function's and Lambda's.

The function writes an object for each record that can never be stored (`event/quarantine_object.py`).
Lambda writes one for each batch that ran out of retries or grew too old, with the function's whole event as
its payload ("Retain discarded batch records for a Kinesis Data Streams event source", AWS Lambda Developer
Guide). `redriven/` is written by operators only: it holds what was put back on the stream (`markers.py`), and the
leases of the runs that do so (`lease.py`).
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from event import quarantine_object
from event.poison import Reason
from event.quarantine_object import QuarantinedRecord
from event.record import KinesisRecord, arrival_time, iso, shard_id
from ops.aws.error_codes import is_missing_object
from ops.aws.s3 import delete_objects, list_objects
from ops.errors import MissingObjectError, UnreadableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAMBDA_PREFIX = "aws/lambda/"
REDRIVEN_PREFIX = "redriven/"

DISCARDED = "discarded"
"""The reason of Lambda's objects, in addition to the function's reasons."""
REASONS = (*(reason.value for reason in Reason), DISCARDED)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as listed, without its content."""

    key: str
    since: datetime
    size: int

    @property
    def reason(self) -> str:
        """The function's reason, or Lambda's."""
        if self.key.startswith(LAMBDA_PREFIX):
            return DISCARDED
        return self.key.removeprefix(quarantine_object.PREFIX).partition("/")[0]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An object with its records; `error` describes the reason."""

    entry: Entry
    error: str
    records: tuple[QuarantinedRecord, ...]


class Bucket:
    """The quarantine bucket; every method raises botocore's ClientError if a call is denied."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self.s3 = s3
        self.name = name

    def entries(self, reason: str | None = None, since: datetime | None = None) -> Iterator[Entry]:
        """Yield the quarantined objects in the order of their keys, of one reason and since a time if given."""
        if reason is None:
            prefixes = [quarantine_object.PREFIX, LAMBDA_PREFIX]
        else:
            prefixes = [LAMBDA_PREFIX if reason == DISCARDED else f"{quarantine_object.PREFIX}{reason}/"]
        for prefix in prefixes:
            for listed in list_objects(self.s3, self.name, prefix):
                # as precise as `entry`, and as S3's own
                modified = listed["LastModified"].replace(microsecond=0)
                if since is None or modified >= since:
                    yield Entry(listed["Key"], modified, listed["Size"])

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is no such object."""
        if not key.startswith((quarantine_object.PREFIX, LAMBDA_PREFIX)):
            return None
        try:
            head = self.s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if is_missing_object(error):
                return None
            raise
        return Entry(key, head["LastModified"], head["ContentLength"])

    def read(self, entry: Entry) -> Quarantined:
        """Read an object and parse its records.

        Raises:
            MissingObjectError: it was deleted or has expired since it was listed.
            UnreadableError: it has neither the function's format nor Lambda's.
        """
        try:
            body = self.s3.get_object(Bucket=self.name, Key=entry.key)["Body"].read()
        except ClientError as error:
            if is_missing_object(error):
                raise MissingObjectError(f"{entry.key} no longer exists.") from None
            raise
        try:
            if entry.reason == DISCARDED:
                return _parse_lambda_object(entry, json.loads(body))
            error_text, records = quarantine_object.parse_body(body)
            return Quarantined(entry, error_text, tuple(records))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableError(
                f"{entry.key} has neither the function's format nor Lambda's ({type(error).__name__}: "
                f"{error}). To see it: aws s3 cp s3://{self.name}/{entry.key} -"
            ) from error

    def delete(self, keys: Iterable[str]) -> Iterator[int]:
        """Delete objects, and yield how many each call has deleted; one that does not exist is not an error.

        Raises:
            OSError: S3 did not delete some of them; the message names the first.
        """
        return delete_objects(self.s3, self.name, keys)

    def notes(self) -> Iterator[str]:
        """Yield the keys of what the redrives wrote: markers and leases."""
        for listed in list_objects(self.s3, self.name, REDRIVEN_PREFIX):
            yield listed["Key"]


def _parse_lambda_object(entry: Entry, content: dict[str, Any]) -> Quarantined:
    event = content["payload"]
    if isinstance(event, str):
        event = json.loads(event)
    context = content["requestContext"]
    response = content.get("responseContext") or {}
    error = f"{context['condition']} after {context['approximateInvokeCount']} invocations"
    if response.get("functionError"):
        error += f", the function's last answer was an error ({response['functionError']})"
    return Quarantined(entry, error, tuple(_parse_event_record(record) for record in event["Records"]))


def _parse_event_record(record: KinesisRecord) -> QuarantinedRecord:
    kinesis = record["kinesis"]
    return QuarantinedRecord(
        base64.b64decode(kinesis["data"], validate=True),
        quarantine_object.optional_text(kinesis.get("partitionKey")),
        quarantine_object.text(kinesis["sequenceNumber"]),
        shard_id(record),
        iso(arrival_time(record)),
    )
