"""The quarantine bucket: two kinds of object, one form to look at them.

The function writes an object for each record that can never be stored (`handler/quarantine.py`). Lambda
writes one for each batch that ran out of retries or grew too old, with the function's whole event as its
payload ("Retain discarded batch records for a Kinesis Data Streams event source", AWS Lambda Developer
Guide). `redriven/` holds a marker for each record that was put back; see `ops/quarantine/redrive.py`.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.quarantine import QUARANTINE_PREFIX
from handler.record import arrival_of, iso
from handler.tweet import Reason
from ops.stack import CONNECTIONS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

LAMBDA_PREFIX = "aws/lambda/"
MARKER_PREFIX = "redriven/"

GIVEN_UP = "given-up"
"""The reason of Lambda's objects, beside the function's own reasons."""
REASONS = (*(reason.value for reason in Reason), GIVEN_UP)

_MOST_DELETED = 1000
"""In one DeleteObjects (Amazon S3 API reference)."""


class UnreadableError(Exception):
    """An object is neither of the function's form nor of Lambda's. The message names it."""


class GoneError(Exception):
    """An object that was listed is not there any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as a listing shows it, without its content."""

    key: str
    reason: str
    since: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """A stream record as it was when it went to quarantine."""

    payload: bytes
    partition_key: str
    sequence_number: str
    shard: str
    arrival: str

    @property
    def marker(self) -> str:
        """The key of the marker that says how often this content was put back on the stream."""
        digest = hashlib.sha256(self.payload + self.partition_key.encode())
        return f"{MARKER_PREFIX}{digest.hexdigest()}.json"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An object with its records; `error` says in words why they are here."""

    entry: Entry
    error: str
    records: tuple[Record, ...]


class Bucket:
    """The bucket; every method raises botocore's ClientError where it may not do what it has to."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self.name = name

    def entries(self, reason: str | None = None, since: datetime | None = None) -> list[Entry]:
        """What is in quarantine, oldest first; with a reason or a time only what it selects."""
        if reason is None:
            prefixes = [QUARANTINE_PREFIX, LAMBDA_PREFIX]
        else:
            prefixes = [LAMBDA_PREFIX if reason == GIVEN_UP else f"{QUARANTINE_PREFIX}{reason}/"]
        found = [
            Entry(listed["Key"], _reason_of(listed["Key"]), listed["LastModified"], listed["Size"])
            for prefix in prefixes
            for listed in self._listing(prefix)
        ]
        return sorted(
            (entry for entry in found if since is None or entry.since >= since),
            key=lambda entry: (entry.since, entry.key),
        )

    def entry(self, key: str) -> Entry | None:
        """The entry of a key; None if there is no such object."""
        if not key.startswith((QUARANTINE_PREFIX, LAMBDA_PREFIX)):
            return None
        try:
            head = self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
        return Entry(key, _reason_of(key), head["LastModified"], head["ContentLength"])

    def read(self, entry: Entry) -> Quarantined:
        """The content of an object.

        Raises:
            GoneError: somebody deleted it meanwhile, or it expired.
            UnreadableError: it is of neither form.
        """
        try:
            body = self._s3.get_object(Bucket=self.name, Key=entry.key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            raise GoneError(entry.key) from None
        try:
            content = json.loads(body)
            parse = _of_lambda if entry.reason == GIVEN_UP else _of_function
            return parse(entry, content)
        except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
            raise UnreadableError(
                f"{entry.key} has neither the function's form nor Lambda's ({type(error).__name__}: "
                f"{error}). Look at it: aws s3 cp s3://{self.name}/{entry.key} -"
            ) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is no error.

        Raises:
            OSError: S3 refused some of them; the message names the first.
        """
        wanted: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        for start in range(0, len(wanted), _MOST_DELETED):
            answer = self._s3.delete_objects(
                Bucket=self.name, Delete={"Objects": wanted[start : start + _MOST_DELETED], "Quiet": True}
            )
            if errors := answer.get("Errors"):
                raise OSError(
                    f"{len(errors)} of {len(wanted)} objects could not be deleted, the first is "
                    f"{errors[0].get('Key')}: {errors[0].get('Code')} {errors[0].get('Message')}"
                )

    def markers(self) -> set[str]:
        """The keys of all markers."""
        return {listed["Key"] for listed in self._listing(MARKER_PREFIX)}

    def copies(self, marker: str) -> dict[str, int]:
        """What a marker says: sequence number of each copy put on the stream, and the how-manieth it was."""
        try:
            body = self._s3.get_object(Bucket=self.name, Key=marker)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return {}
        copies: dict[str, int] = json.loads(body)["copies"]
        return copies

    def mark(self, marker: str, copies: dict[str, int]) -> None:
        """Write a marker."""
        body = {"copies": copies, "redrivenAt": datetime.now(UTC).isoformat(timespec="seconds")}
        self._s3.put_object(
            Bucket=self.name, Key=marker, Body=json.dumps(body).encode(), ContentType="application/json"
        )

    def _listing(self, prefix: str) -> Iterator[Any]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            yield from page.get("Contents", [])


class Redriven:
    """How often records were put back on the stream before they came (back) to quarantine.

    A record is known by its own sequence number: the same content that came from the producer twice is not
    taken for one that returned.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._known = bucket.markers()

    def times(self, records: Iterable[Record]) -> int:
        """The highest count of some records; each marker that there is costs a call."""
        marked = [record for record in records if record.marker in self._known]
        if not marked:
            return 0
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            copies = pool.map(lambda record: self._bucket.copies(record.marker), marked)
            return max(of.get(record.sequence_number, 0) for record, of in zip(marked, copies, strict=True))

    def remember(self, sent: Iterable[tuple[Record, Record]]) -> None:
        """Mark copies on the stream: pairs of a record and its copy, which has the new sequence number."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            self._known.update(pool.map(self._mark, _by_marker(sent)))

    def _mark(self, pairs: list[tuple[Record, Record]]) -> str:
        """Mark copies that have a marker in common, one after the other."""
        marker = pairs[0][1].marker
        copies = self._bucket.copies(marker) if marker in self._known else {}
        for record, copy in pairs:
            copies[copy.sequence_number] = copies.get(record.sequence_number, 0) + 1
        self._bucket.mark(marker, copies)
        return marker


def _by_marker(pairs: Iterable[tuple[Record, Record]]) -> Iterable[list[tuple[Record, Record]]]:
    groups: dict[str, list[tuple[Record, Record]]] = {}
    for pair in pairs:
        groups.setdefault(pair[1].marker, []).append(pair)
    return groups.values()


def _reason_of(key: str) -> str:
    return GIVEN_UP if key.startswith(LAMBDA_PREFIX) else key.removeprefix(QUARANTINE_PREFIX).split("/")[0]


def _of_function(entry: Entry, content: dict[str, Any]) -> Quarantined:
    record = Record(
        _payload_of(content["payload"]),
        content["partitionKey"],
        content["sequenceNumber"],
        content["shardId"],
        content["arrivalTime"],
    )
    return Quarantined(entry, content["error"], (record,))


def _of_lambda(entry: Entry, content: dict[str, Any]) -> Quarantined:
    event = content["payload"]
    if isinstance(event, str):
        event = json.loads(event)
    context = content["requestContext"]
    response = content.get("responseContext") or {}
    error = f"{context['condition']} after {context['approximateInvokeCount']} invocations"
    if response.get("functionError"):
        error += f", the function's last answer was an error ({response['functionError']})"
    return Quarantined(
        entry,
        error,
        tuple(
            Record(
                _payload_of(record["kinesis"]["data"]),
                record["kinesis"]["partitionKey"],
                record["kinesis"]["sequenceNumber"],
                record["eventID"].partition(":")[0],
                iso(arrival_of(record)),
            )
            for record in event["Records"]
        ),
    )


def _payload_of(data: str) -> bytes:
    return base64.b64decode(data, validate=True)
