"""A Kinesis stream on loopback: rejects what Kinesis rejects, fails on demand, and counts the stored records.

In a test it runs on a thread (`serving(stream.answer)`), for a benchmark in a process (`in_process`).
The rules are those of the API reference, PutRecords.
"""

import asyncio
import base64
import binascii
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

import orjson

from local.stubs.http import Request, Response, serving

THROTTLED = "ProvisionedThroughputExceededException"
_FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898
_TIME = "%Y%m%dT%H%M%SZ"
_TOLERANCE = timedelta(minutes=5)
_TARGET = "Kinesis_20131202.PutRecords"


class Fault(NamedTuple):
    """A fault of one call: a delay, throttled entries, or an error instead of storing.

    `status` 0 closes the connection; with `stored`, all this happens after the records are stored.
    """

    delay: float = 0.0
    throttled: frozenset[int] = frozenset()
    status: int | None = None
    code: str = "InternalFailure"
    message: str = "as planned"
    stored: bool = False


Faults = Callable[[int, list[str]], Fault | None]


def no_faults(_call: int, _keys: list[str]) -> None:
    """Let every call succeed."""


class KinesisStub:
    """One stream.

    Args:
        faults: asked before each call, with its number from 0 and the partition keys of its records.

    Attributes:
        ahead: how far its clock is ahead of this machine's.
        stored: how often each payload was stored.
        order: the payloads in order, each with its partition key.
        calls: the number of records of each call.
        arns: the ARNs by which calls named the stream; the others named it by its name.
    """

    def __init__(self, name: str = "tweets", faults: Faults = no_faults) -> None:
        self._name = name
        self.faults = faults
        self.ahead = timedelta()
        self.stored: Counter[bytes] = Counter()
        self.order: list[tuple[str, bytes]] = []
        self.calls: list[int] = []
        self.arns: set[str] = set()

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "GET":
            if request.path == "/back":
                self.faults = no_faults
            return Response(body=orjson.dumps({"stored": len(self.order), "distinct": len(self.stored)}))
        try:
            records = self._records(request)
        except _RejectedError as error:
            return self._error(400, *error.args)
        fault = self.faults(len(self.calls), [key for key, _ in records]) or Fault()
        self.calls.append(len(records))
        await asyncio.sleep(fault.delay)
        if fault.status is None or fault.stored:
            accepted = [record for index, record in enumerate(records) if index not in fault.throttled]
            self.order += accepted
            self.stored.update(data for _, data in accepted)
        if fault.status is not None:
            if not fault.status:
                return Response(status=0)
            return self._error(fault.status, fault.code, fault.message)
        results = [
            {"ErrorCode": THROTTLED, "ErrorMessage": "Rate exceeded for shard"}
            if index in fault.throttled
            else {"SequenceNumber": f"{_FIRST_SEQUENCE_NUMBER + index}", "ShardId": "shardId-000000000000"}
            for index in range(len(records))
        ]
        return Response(body=orjson.dumps({"FailedRecordCount": len(fault.throttled), "Records": results}))

    def _records(self, request: Request) -> list[tuple[str, bytes]]:
        if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential="):
            raise _RejectedError("MissingAuthenticationTokenException", "Missing Authentication Token")
        self._check_time(request.headers["x-amz-date"])
        if request.headers.get("x-amz-target") != _TARGET:
            raise _RejectedError("AccessDeniedException", "not authorized to perform anything but PutRecords")
        body: dict[str, Any] = orjson.loads(request.body)
        arn = str(body.get("StreamARN", ""))
        named = body.get("StreamName") or arn.rpartition(":stream/")[2]
        self.arns |= {arn} - {""}
        if len(body) != 2 or "Records" not in body or not 1 <= len(body["Records"]) <= 500:
            raise _RejectedError("ValidationException", "a call has a stream and 1 to 500 records")
        if named != self._name:
            raise _RejectedError("ResourceNotFoundException", f"Stream {named} not found.")
        records, total = [], 0
        for entry in body["Records"]:
            key, data = entry["PartitionKey"], _decode(entry["Data"])
            size = len(data) + len(key.encode())
            total += size
            if not 1 <= len(key) <= 256 or size > 1_048_576:
                raise _RejectedError("ValidationException", "a key has 1 to 256 characters, a record 1 MiB")
            records.append((key, data))
        if total > 10_485_760:
            raise _RejectedError("InvalidArgumentException", "a call has 10 MiB")
        return records

    def _check_time(self, text: str) -> None:
        now = datetime.now(UTC) + self.ahead
        signed = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
        if signed < now - _TOLERANCE:
            early = f"{now - _TOLERANCE:{_TIME}} ({now:{_TIME}} - 5 min.)"
            raise _RejectedError(
                "InvalidSignatureException", f"Signature expired: {text} is now earlier than {early}"
            )
        if signed > now + _TOLERANCE:
            late = f"{now + _TOLERANCE:{_TIME}} ({now:{_TIME}} + 5 min.)"
            raise _RejectedError(
                "InvalidSignatureException", f"Signature not yet current: {text} is still later than {late}"
            )

    def _error(self, status: int, code: str, message: str) -> Response:
        date = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return Response(status=status, body=orjson.dumps({"__type": code, "message": message}), date=date)


class _RejectedError(Exception):
    """A rejection with status 400: code and message."""


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise _RejectedError("SerializationException", str(error)) from error


def away(_call: int, _keys: list[str]) -> Fault:
    """Fail every call, until a GET of `/back` ends the outage."""
    return Fault(status=503, code="ServiceUnavailable")


def faulty(call: int, keys: list[str]) -> Fault:
    """Fail one call in fifty, and one entry in ten of the others."""
    if call % 50 == 25:
        return Fault(status=500)
    return Fault(throttled=frozenset(random.sample(range(len(keys)), len(keys) // 10)))


def slow(seconds: float) -> Faults:
    """Answer each call late."""
    return lambda _call, _keys: Fault(delay=seconds)


class Limited:
    """A shard at its limit: stores `rate` records a second, and no more than that at once."""

    def __init__(self, rate: int = 1000) -> None:
        self._rate = rate
        self._room, self._at = float(rate), time.monotonic()

    def __call__(self, _call: int, keys: list[str]) -> Fault:
        now = time.monotonic()
        self._room = min(self._rate, self._room + (now - self._at) * self._rate)
        self._at = now
        stored = min(len(keys), int(self._room))
        self._room -= stored
        return Fault(throttled=frozenset(range(stored, len(keys))))


_MODES: dict[str, Callable[[], Faults]] = {
    "sound": lambda: no_faults,
    "faulty": lambda: faulty,
    "away": lambda: away,
    "slow": lambda: slow(0.05),
    "very-slow": lambda: slow(0.25),
    "limited": Limited,
}


@contextmanager
def in_process(mode: str) -> Iterator[str]:
    """Serve the stream `tweets` from another process, in one of the modes below; yield the URL."""
    command = [sys.executable, "-m", "local.stubs.kinesis", mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()  # the end of its input ends it


def get_counts(url: str) -> dict[str, int]:
    """Return the numbers of `stored` and of `distinct` records of a stub."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310  -- loopback
        numbers: dict[str, int] = json.load(answer)
    return numbers


if __name__ == "__main__":
    stream = KinesisStub(faults=_MODES[sys.argv[1]]())
    with serving(stream.answer) as address:
        print(address, flush=True)
        sys.stdin.read()
