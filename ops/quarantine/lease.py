"""Leases on quarantined objects, so that two operators never redrive the same one at the same time.

A lease is an object under `redriven/leases/` that is created by a conditional write ("Conditional requests",
Amazon S3 User Guide): S3 lets exactly one of several writers succeed. It names its holder and when it expires,
so that the lease of a run that died blocks nobody for long. The operators' clocks must agree within a minute.
"""

import hashlib
import json
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.error_codes import is_missing_object
from ops.aws.s3 import delete_objects
from ops.errors import LeasedError
from stack.aws.causes import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "redriven/leases/"

LEASE_SECONDS = 300
RENEW_SECONDS = 180
"""A lease that expires sooner is renewed before a call: a call with its retries takes up to two minutes."""

_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
"""412; 409 while another write is in progress; 404 when the object to replace no longer exists."""
_ATTEMPTS = 10
"""Attempts to get a lease that others are taking and releasing at the same time."""


@dataclass(slots=True)
class Lease:
    """A lease on a quarantined object; `expires` is in seconds since the epoch."""

    key: str
    etag: str
    expires: float


class Leases:
    """The leases of one run.

    Args:
        s3: a client with the operator's credentials.
        bucket: the bucket's name.
        now: the present time in seconds since the epoch; it must advance while the machine sleeps.
    """

    def __init__(self, s3: "S3Client", bucket: str, *, now: Callable[[], float] = time.time) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._now = now
        self._run = uuid.uuid4().hex
        self._holder = f"{platform.node()}, process {os.getpid()}"

    def acquire(self, key: str) -> Lease:
        """Take the lease of a quarantined object.

        Raises:
            LeasedError: another run holds it.
        """
        condition = {"IfNoneMatch": "*"}
        for _ in range(_ATTEMPTS):
            if lease := self._write(key, condition):
                return lease
            content, etag = self._read(key)
            if content.get("run") == self._run:  # the write had succeeded, and a retry of the SDK failed
                return Lease(key, etag, content["expires"])
            self._check_expired(key, content)
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        raise LeasedError(f"{key} is being taken by other redrives.")

    def check(self, key: str) -> None:
        """Check that no other run holds the lease of an object; for a dry run.

        Raises:
            LeasedError: another run holds it.
        """
        self._check_expired(key, self._read(key)[0])

    def keep(self, lease: Lease) -> bool:
        """Renew a lease that expires soon; return False if it is no longer held."""
        if lease.expires - self._now() > RENEW_SECONDS:
            return True
        renewed = self._write(lease.key, {"IfMatch": lease.etag})
        if renewed is None:
            content, etag = self._read(lease.key)
            if content.get("run") != self._run:
                return False
            renewed = Lease(lease.key, etag, content["expires"])
        lease.etag, lease.expires = renewed.etag, renewed.expires
        return True

    def release(self, leases: Iterable[Lease]) -> None:
        """Delete leases, except for those about to expire: another run may hold them by then.

        Raises:
            OSError: S3 did not delete some of them; the message names the first.
        """
        unexpired = (lease for lease in leases if lease.expires - self._now() > RENEW_SECONDS / 2)
        delete_objects(self._s3, self._bucket, (_lease_key(lease.key) for lease in unexpired))

    def _check_expired(self, key: str, content: dict[str, Any]) -> None:
        expires = content.get("expires", 0)
        if isinstance(expires, (int, float)) and expires > self._now():
            until = datetime.fromtimestamp(expires, UTC)
            raise LeasedError(
                f"{key} is being redriven by {content.get('holder')}; its lease ends at {until:%H:%M:%S} UTC."
            )

    def _write(self, key: str, condition: dict[str, str]) -> Lease | None:
        """Write a lease under a condition; return None if the condition does not hold."""
        expires = self._now() + LEASE_SECONDS
        body = {"key": key, "run": self._run, "holder": self._holder, "expires": expires}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=_lease_key(key),
                Body=json.dumps(body).encode(),
                ContentType="application/json",
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error_code(error) in _CONDITION_FAILED:
                return None
            raise
        return Lease(key, answer["ETag"], expires)

    def _read(self, key: str) -> tuple[dict[str, Any], str]:
        """Return a lease's content and ETag, both empty if there is none."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=_lease_key(key))
        except ClientError as error:
            if is_missing_object(error):
                return {}, ""
            raise
        try:
            content = json.loads(answer["Body"].read())
        except ValueError:
            content = None
        return content if isinstance(content, dict) else {}, answer["ETag"]


def _lease_key(key: str) -> str:
    return f"{PREFIX}{hashlib.sha256(key.encode()).hexdigest()}.json"
