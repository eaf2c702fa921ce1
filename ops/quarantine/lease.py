"""Leases on quarantined objects, so that two operators never redrive the same one at the same time.

All runs share a register, the object `redriven/leases/register.json`. It names the keys that each run holds, the
operator's machine, and when the leases expire, so that a run that died blocks nobody for long. A run changes the
register by a conditional write that succeeds only if nobody has changed it since it was read ("Conditional requests",
Amazon S3 User Guide). The operators' clocks must agree within a minute.
"""

import json
import os
import platform
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from ops.aws.error_codes import is_missing_object
from ops.errors import LeasedError
from stack.aws.causes import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGISTER = "redriven/leases/register.json"

LEASE_SECONDS = 300
RENEW_SECONDS = 180
"""Leases that expire sooner are renewed before a call: a call with its retries takes up to two minutes."""

_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")
"""412; 409 while another write is in progress; 404 when the object to replace no longer exists."""
_ATTEMPTS = 10
"""Attempts to change the register while others are changing it."""
_DELAY = 0.1
"""Seconds at most before the second attempt; each later one may wait as much longer."""

_Runs: TypeAlias = dict[str, dict[str, Any]]
"""Each run's holder, keys, and the end of its leases in seconds since the epoch."""


class Leases:
    """The leases of one run.

    Every method but `held` calls S3, and raises botocore's ClientError if that is denied, and `LeasedError` if other
    runs change the register all the time.

    Args:
        s3: a client with the operator's credentials.
        bucket: the bucket's name.
        now: the present time in seconds since the epoch; it must advance while the machine sleeps.

    Attributes:
        held: the keys whose leases this run holds.
    """

    def __init__(self, s3: "S3Client", bucket: str, *, now: Callable[[], float] = time.time) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._now = now
        self._run = uuid.uuid4().hex
        self._holder = f"{platform.node()}, process {os.getpid()}"
        self._runs: _Runs = {}
        self._etag: str | None = None
        self._expires = 0.0
        self.held: frozenset[str] = frozenset()

    def acquire(self, keys: Iterable[str]) -> dict[str, LeasedError]:
        """Take the leases of these objects in place of all that the run holds.

        Returns:
            Why some leases could not be taken: another run holds them.
        """
        wanted = list(keys)
        if self._etag is None:
            self._read()
        refused: dict[str, LeasedError] = {}

        def take(runs: _Runs) -> frozenset[str]:
            refused.clear()
            refused.update(self._conflicts(wanted, runs))
            return frozenset(wanted) - refused.keys()

        self._change(take)
        return refused

    def check(self, keys: Iterable[str]) -> dict[str, LeasedError]:
        """Return which objects another run holds the leases of; for a dry run."""
        self._read()
        return self._conflicts(keys, self._runs)

    def keep(self) -> frozenset[str]:
        """Renew the leases if they expire soon; return the keys of those that the run holds still."""
        if self.held and self._expires - self._now() <= RENEW_SECONDS:
            self._change(lambda runs: self.held & set(runs.get(self._run, {}).get("keys", ())))
        return self.held

    def release(self) -> None:
        """Give the leases back."""
        if self.held:
            self._change(lambda _runs: frozenset())

    def _change(self, choose: Callable[[_Runs], frozenset[str]]) -> None:
        """Write into the register the keys that are chosen by its present content, and that the leases begin anew."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, _DELAY * attempt))
                self._read()
            keys, now = choose(self._runs), self._now()
            runs = {run: own for run, own in self._runs.items() if run != self._run and own["expires"] > now}
            expires = now + LEASE_SECONDS
            if keys:
                runs[self._run] = {"holder": self._holder, "expires": expires, "keys": sorted(keys)}
            if self._write(runs):
                self._runs, self._expires, self.held = runs, expires, keys
                return
        raise LeasedError(f"Other redrives change {REGISTER} all the time: run it again.")

    def _conflicts(self, keys: Iterable[str], runs: _Runs) -> dict[str, LeasedError]:
        """Return which keys other runs hold the leases of."""
        others = {
            key: own
            for run, own in runs.items()
            if run != self._run and own["expires"] > self._now()
            for key in own["keys"]
        }
        return {key: _refusal(key, others[key]) for key in keys if key in others}

    def _write(self, runs: _Runs) -> bool:
        """Replace the register that was read; return False if it was changed since."""
        condition = {"IfMatch": self._etag} if self._etag else {"IfNoneMatch": "*"}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=REGISTER,
                Body=json.dumps({"runs": runs}).encode(),
                ContentType="application/json",
                **condition,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error_code(error) in _CONDITION_FAILED:
                return False
            raise
        self._etag = answer["ETag"]
        return True

    def _read(self) -> None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=REGISTER)
        except ClientError as error:
            if not is_missing_object(error):
                raise
            self._runs, self._etag = {}, None
            return
        self._etag = answer["ETag"]
        try:
            self._runs = json.loads(answer["Body"].read())["runs"]
        except (KeyError, TypeError, ValueError):
            self._runs = {}  # not a register: it is replaced


def _refusal(key: str, own: Mapping[str, Any]) -> LeasedError:
    until = datetime.fromtimestamp(own["expires"], UTC)
    return LeasedError(f"{key} is being redriven by {own['holder']}; its lease ends at {until:%H:%M:%S} UTC.")
