"""A stream on loopback whose records are made when they are read, as strict as Kinesis where commands read it.

A shard answers five GetRecords a second, and delivers 2 MiB a second: after an answer of 10 MiB the next one comes
five seconds later ("GetRecords", Amazon Kinesis Data Streams API Reference).
"""

import asyncio
import base64
import json
import time
from collections import defaultdict, deque
from typing import Any

from local.stubs.http import Request, Response

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-DDBEventProcessor"
OUTPUTS = {
    "region": "us-east-1",
    "stream_name": "dev-EventStream",
    "function_name": "dev-DDBEventProcessor",
    "table_name": "dev-EventData",
    "quarantine_bucket": "quarantine",
    "event_type": "tweet",
    "max_record_kib": "1024",
}
_CONFIGURATION = {
    "FunctionName": OUTPUTS["function_name"],
    "FunctionArn": FUNCTION,
    "Version": "1",
    "Role": "role",
    "State": "Active",
    "LastUpdateStatus": "Successful",
    "Timeout": 60,
    "MemorySize": 256,
    "Runtime": "python3.13",
}
_READS, _MAX_RECORDS, _MAX_BYTES = 5, 10_000, 10 * 2**20
_LISTED = 1000
_BYTES_A_SECOND = 2 * 2**20
_INVOCATION_SECONDS = 0.03  # beside the latency of every call


class Stream:
    """A stream whose shards all get records at the same rate, and the function behind it.

    Args:
        rate: records per second of each shard.
        start: when the first of them arrived, in seconds before now.
        end: when the last of them arrived; None if they go on arriving.
        size: bytes of a record.

    Attributes:
        read: bytes of the answers of GetRecords.
    """

    def __init__(
        self, shards: int, rate: float, start: float, end: float | None = None, size: int = 300
    ) -> None:
        self._shards, self._rate, self._size = shards, rate, size
        self._start = time.time() - start
        self._end = None if end is None else time.time() - end
        self._reads: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_READS))
        self._free: dict[str, float] = defaultdict(float)
        self.read = 0

    async def answer(self, request: Request) -> Response:
        """Answer one request; a service that it does not have denies access."""
        if request.path == "/_read":
            return _answer({"read": self.read})
        path = request.path.partition("?")[0]
        if path.endswith("/invocations"):
            await asyncio.sleep(_INVOCATION_SECONDS)
            return _answer({"batchItemFailures": []})
        if path.endswith("/event-source-mappings"):
            return _answer({"EventSourceMappings": []})
        if path.endswith("/configuration"):
            return _answer(_CONFIGURATION)
        name = request.headers.get("x-amz-target", "").rpartition(".")[2]
        handle = getattr(self, f"_{name}", None)
        if handle is None:
            return _error("AccessDeniedException")
        answer: Response = handle(json.loads(request.body))
        return answer

    def _GetMetricData(self, _: Any) -> Response:  # noqa: N802 # as AWS names it, and so on
        return _answer({"MetricDataResults": []})

    def _BatchGetItem(self, _: Any) -> Response:  # noqa: N802
        return _answer({"Responses": {}, "UnprocessedKeys": {}})

    def _DescribeStreamSummary(self, _: Any) -> Response:  # noqa: N802
        return _answer(
            {
                "StreamDescriptionSummary": {
                    "StreamName": OUTPUTS["stream_name"],
                    "StreamARN": ARN,
                    "StreamStatus": "ACTIVE",
                    "RetentionPeriodHours": 24,
                    "StreamCreationTimestamp": self._start,
                    "OpenShardCount": self._shards,
                    "EnhancedMonitoring": [],
                }
            }
        )

    def _ListShards(self, request: Any) -> Response:  # noqa: N802
        first = int(request.get("NextToken", 0))
        listed = range(first, min(self._shards, first + _LISTED))
        shards = [
            {
                "ShardId": f"shardId-{number:012}",
                "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
                "SequenceNumberRange": {"StartingSequenceNumber": "1"},
            }
            for number in listed
        ]
        more = {"NextToken": str(listed.stop)} if listed.stop < self._shards else {}
        return _answer({"Shards": shards, **more})

    def _GetShardIterator(self, request: Any) -> Response:  # noqa: N802
        match request["ShardIteratorType"]:
            case "AT_TIMESTAMP":
                if request["Timestamp"] > time.time():
                    return _error("InvalidArgumentException")
                position = max(0, int((request["Timestamp"] - self._start) * self._rate))
            case "AFTER_SEQUENCE_NUMBER":
                position = int(request["StartingSequenceNumber"]) + 1
            case "LATEST":
                position = self._count()
            case _:
                position = 0
        return _answer({"ShardIterator": f"{request['ShardId']}/{position}"})

    def _GetRecords(self, request: Any) -> Response:  # noqa: N802
        shard, _, start = request["ShardIterator"].partition("/")
        now, reads = time.monotonic(), self._reads[shard]
        if now < self._free[shard] or (len(reads) == _READS and now - reads[0] < 1):
            return _error("ProvisionedThroughputExceededException")
        reads.append(now)
        first, count = int(start), self._count()
        last = min(count, first + min(request.get("Limit", _MAX_RECORDS), _MAX_BYTES // self._size))
        self._free[shard] = now + (last - first) * self._size / _BYTES_A_SECOND
        tip = time.time() if self._end is None else self._end
        answer = _answer(
            {
                "Records": [self._record(number) for number in range(first, last)],
                "NextShardIterator": f"{shard}/{last}",
                "MillisBehindLatest": max(1, int((tip - self._arrival(last)) * 1000)) if last < count else 0,
            }
        )
        self.read += len(answer.body)
        return answer

    def _count(self) -> int:
        return max(0, int(((self._end or time.time()) - self._start) * self._rate))

    def _arrival(self, number: int) -> float:
        return self._start + number / self._rate

    def _record(self, number: int) -> dict[str, Any]:
        tweet = {
            "username": f"user-{number % 800}",
            "id": str(number),
            "created_at": "2026-11-29T00:00:00.000Z",
            "text": "x" * (self._size - 120),
            "lang": "en",
            "source": "file",
        }
        return {
            "SequenceNumber": str(number),
            "ApproximateArrivalTimestamp": round(self._arrival(number), 3),
            "Data": base64.b64encode(json.dumps(tweet).encode()).decode(),
            "PartitionKey": tweet["username"],
        }


def _answer(values: Any) -> Response:
    return Response(body=json.dumps(values).encode())


def _error(code: str) -> Response:
    return Response(status=400, body=json.dumps({"__type": code, "message": code}).encode())
