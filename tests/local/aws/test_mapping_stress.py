"""A shard's reader and its lanes under a thousand times as many thread switches: what the simulation cannot see."""

import base64
import io
import json
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from local.aws.mapping.shard import ShardReader, Source
from tests.local.aws import test_mapping_decisions
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("many_thread_switches")

COUNT = 20_000
SETTINGS = replace(
    test_mapping_decisions.SETTINGS,
    batch_size=20,
    lanes=10,
    bisect=True,
    maximum_retries=1,
    maximum_age=600,
    destination_arn="arn:aws:s3:::quarantine",
)


class Aws:
    """A shard, a function and a bucket for any number of threads; each call may fail."""

    exceptions = SimpleNamespace(ExpiredIteratorException=TimeoutError)

    def __init__(self) -> None:
        self.handled: list[tuple[str, int]] = []
        """Partition key and number of each record that the function succeeded with, in order."""
        self.discarded: list[int] = []
        self.dropped = 0
        self._lock = threading.Lock()

    def role_client(self, _service: str, _function: str, **_: Any) -> "Aws":
        return self

    def get_shard_iterator(self, **where: Any) -> dict[str, Any]:
        return {"ShardIterator": where.get("StartingSequenceNumber", "-1")}

    def get_records(self, *, ShardIterator: str, Limit: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        self._fail(0.2)
        first = int(ShardIterator) + 1
        numbers = range(first, min(first + Limit, COUNT))
        records = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": f"u{number % 50}",
                "ApproximateArrivalTimestamp": datetime.now(UTC),
                "Data": str(number).encode(),
            }
            for number in numbers
        ]
        after = None if numbers.stop == COUNT else str(numbers.stop - 1)
        return {"Records": records, "NextShardIterator": after, "MillisBehindLatest": 1}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: ARG002, N803
        self._fail(0.02)
        time.sleep(random.uniform(0, 0.001))
        records = [record["kinesis"] for record in json.loads(Payload)["Records"]]
        failed = len(records) if random.random() < 0.7 else random.randrange(len(records))
        with self._lock:
            self.handled += [(record["partitionKey"], _number(record)) for record in records[:failed]]
        failures = [{"itemIdentifier": record["sequenceNumber"]} for record in records[failed:]]
        body = json.dumps({"batchItemFailures": failures}).encode()
        return {"Payload": io.BytesIO(body), "ResponseMetadata": {"RequestId": "request"}}

    def head_bucket(self, **_: Any) -> None:
        self._fail(0.02)

    def put_object(self, *, Body: bytes, **_: Any) -> None:  # noqa: N803
        with self._lock:
            records = json.loads(json.loads(Body)["payload"])["Records"]
            self.discarded += [_number(record["kinesis"]) for record in records]

    def add(self, _namespace: str, name: str, value: float, *_: object) -> None:
        with self._lock:
            self.dropped += int(value) if name == "DroppedEventCount" else 0

    def _fail(self, share: float) -> None:
        if random.random() < share:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")


def _number(record: dict[str, Any]) -> int:
    return int(base64.b64decode(record["data"]))


def test_ten_lanes_handle_each_record_once_and_each_key_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.aws.mapping.shard.READ_INTERVAL", 0.001)
    monkeypatch.setattr("local.aws.mapping.shard._MAX_RETRY_WAIT", 0.001)
    aws = Aws()
    source = Source(aws, aws, aws, "role", lambda _: None)  # type: ignore[arg-type]

    reader = ShardReader(source, SETTINGS, "shardId-000000000000", None)
    eventually(lambda: reader.finished)

    ends = Counter(number for _, number in aws.handled) + Counter(aws.discarded)
    assert set(ends.values()) == {1}
    assert len(ends) + aws.dropped == reader.delivered == COUNT
    by_key = defaultdict(list)
    for key, number in aws.handled:
        by_key[key].append(number)
    assert len(by_key) == 50
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
