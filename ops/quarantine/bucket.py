"""Reads and deletes the objects of the quarantine bucket, the function's and Lambda's.

The function writes an object for each record that can never be stored (`event/quarantine_object.py`).
Lambda writes one for each batch that ran out of retries or grew too old, with the function's whole event as
its payload ("Retain discarded batch records for a Kinesis Data Streams event source", AWS Lambda Developer
Guide). `redriven/` is written by operators only: it holds a marker for each record that was put back on the
stream (`redrive.py`), and the leases of the runs that do so (`lease.py`).
"""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from event import quarantine_object
from event.poison import Reason
from event.quarantine_object import QuarantinedRecord
from event.record import KinesisRecord, arrival_time, iso, shard_id
from ops.aws.error_codes import is_missing_object
from ops.aws.s3 import delete_objects
from ops.aws.stack import CONNECTIONS
from ops.errors import MissingObjectError, UnreadableError
from ops.quarantine import lease
from ops.terminal.interrupt import DaemonPool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAMBDA_PREFIX = "aws/lambda/"
MARKER_PREFIX = "redriven/"

DISCARDED = "discarded"
"""The reason of Lambda's objects, in addition to the function's reasons."""
REASONS = (*(reason.value for reason in Reason), DISCARDED)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as listed, without its content."""

    key: str
    reason: str
    since: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An object with its records; `error` describes the reason."""

    entry: Entry
    error: str
    records: tuple[QuarantinedRecord, ...]


class Bucket:
    """The quarantine bucket; every method raises botocore's ClientError if a call is denied."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def entries(self, reason: str | None = None, since: datetime | None = None) -> list[Entry]:
        """List the quarantined objects, oldest first, of one reason and since a time if given."""
        if reason is None:
            prefixes = [quarantine_object.PREFIX, LAMBDA_PREFIX]
        else:
            prefixes = [LAMBDA_PREFIX if reason == DISCARDED else f"{quarantine_object.PREFIX}{reason}/"]
        entries = [
            Entry(
                listed["Key"],
                _key_reason(listed["Key"]),
                listed["LastModified"].replace(microsecond=0),  # as precise as `entry`, and as S3's own
                listed["Size"],
            )
            for prefix in prefixes
            for listed in self._listing(prefix)
        ]
        return sorted(
            (entry for entry in entries if since is None or entry.since >= since),
            key=lambda entry: (entry.since, entry.key),
        )

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key; None if there is no such object."""
        if not key.startswith((quarantine_object.PREFIX, LAMBDA_PREFIX)):
            return None
        try:
            head = self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if is_missing_object(error):
                return None
            raise
        return Entry(key, _key_reason(key), head["LastModified"], head["ContentLength"])

    def read(self, entry: Entry) -> Quarantined:
        """Read an object and parse its records.

        Raises:
            MissingObjectError: it was deleted or has expired since it was listed.
            UnreadableError: it has neither the function's format nor Lambda's.
        """
        try:
            body = self._s3.get_object(Bucket=self.name, Key=entry.key)["Body"].read()
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

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that does not exist is not an error.

        Raises:
            OSError: S3 did not delete some of them; the message names the first.
        """
        delete_objects(self._s3, self.name, keys)

    def markers(self) -> set[str]:
        """List the keys of all markers."""
        copies = self._listing(MARKER_PREFIX, Delimiter="/")
        objects = self._listing(f"{MARKER_PREFIX}{quarantine_object.PREFIX}")
        return {listed["Key"] for listing in (copies, objects) for listed in listing}

    def leases(self) -> set[str]:
        """List the keys of all leases."""
        return {listed["Key"] for listed in self._listing(lease.PREFIX)}

    def redrives(self, marker: str) -> int:
        """Read the redrive count of a record or an object from its marker; 0 without one."""
        try:
            body = self._s3.get_object(Bucket=self.name, Key=marker)["Body"].read()
        except ClientError as error:
            if is_missing_object(error):
                return 0
            raise
        redrives: int = json.loads(body)["redrives"]
        return redrives

    def mark(self, marker: str, redrives: int) -> None:
        """Write a marker."""
        body = {"redrives": redrives, "redrivenAt": iso(datetime.now(UTC))}
        self._s3.put_object(
            Bucket=self.name, Key=marker, Body=json.dumps(body).encode(), ContentType="application/json"
        )

    def _listing(self, prefix: str, **options: str) -> Iterator[Any]:
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.name, Prefix=prefix, **options):  # type: ignore[arg-type]
            yield from page.get("Contents", [])


class RedriveMarkers:
    """Redrive counts of records that were put back on the stream and quarantined again.

    A copy on the stream has a marker that its sequence number names, so that content which the producer sent
    twice is not mistaken for a record that returned, and two operators never write the same one. A redriven
    object of the function has a marker too: while a batch is retried, the function writes its objects again.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._known = bucket.markers()

    def times(self, quarantined: Quarantined) -> int:
        """Return the highest redrive count of an object and its records; each existing marker costs a call."""
        names = {
            _object_marker(quarantined),
            *(_copy_marker(each.sequence_number) for each in quarantined.records),
        }
        marked = names & self._known
        if len(marked) < 2:
            return max(map(self._bucket.redrives, marked), default=0)
        with DaemonPool(CONNECTIONS) as pool:
            return max(pool.map(self._bucket.redrives, marked))

    def remember(self, sent: Iterable[tuple[Quarantined, Iterable[str]]]) -> None:
        """Mark objects, each with the sequence numbers of its records' copies on the stream."""
        redrives: dict[str, int] = {}
        for quarantined, copies in sent:
            markers = [_copy_marker(number) for number in copies]
            if quarantined.entry.reason != DISCARDED:
                markers.append(_object_marker(quarantined))
            redrives |= dict.fromkeys(markers, self.times(quarantined) + 1)
        with DaemonPool(CONNECTIONS) as pool:
            for _ in pool.map(self._bucket.mark, redrives, redrives.values()):
                pass
        self._known.update(redrives)


def _copy_marker(sequence_number: str) -> str:
    return f"{MARKER_PREFIX}{sequence_number}.json"


def _object_marker(quarantined: Quarantined) -> str:
    return f"{MARKER_PREFIX}{quarantined.entry.key}"


def _key_reason(key: str) -> str:
    return (
        DISCARDED
        if key.startswith(LAMBDA_PREFIX)
        else key.removeprefix(quarantine_object.PREFIX).split("/")[0]
    )


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
