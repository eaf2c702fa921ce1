"""The producer's threads under as many switches as the interpreter makes, which the simulation cannot do."""

import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from producer.formats.tweets import TweetFormat
from producer.publish.publisher import Publisher
from producer.spooling.entry import StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import Spool
from tests.producer.conftest import credentials

pytestmark = pytest.mark.usefixtures("many_thread_switches")

COUNT = 6_000


class Stream:
    """Answers from many threads at once, with delays; throttles some entries, and fails some calls."""

    def __init__(self) -> None:
        self.order: list[tuple[str, int]] = []
        self.under_way: list[set[str]] = []
        self.overlapping = 0
        self._lock = threading.Lock()

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ARG002, N803
        keys = {record["PartitionKey"] for record in Records}
        with self._lock:
            self.overlapping += any(keys & others for others in self.under_way)
            self.under_way.append(keys)
        time.sleep(random.uniform(0, 0.002))
        with self._lock:
            self.under_way.remove(keys)
            if random.random() < 0.05:
                raise ConnectionClosedError(endpoint_url="https://kinesis")
            throttled = {key for key in keys if random.random() < 0.05}
            results: list[dict[str, str]] = []
            for record in Records:
                if record["PartitionKey"] in throttled:
                    results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                else:
                    self.order.append((record["PartitionKey"], json.loads(record["Data"])["id"]))
                    results.append({"SequenceNumber": "1"})
        return {"Records": results}


def test_reader_publisher_and_monitor_lose_no_record_and_keep_each_key_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.publish.publisher.CALL_SECONDS", (0.001, 0.01))
    monkeypatch.setattr("producer.publish.lanes.LANE_SECONDS", (0.001, 0.01))
    stream = Stream()
    spool = Spool(Folder(tmp_path / "spool"), TweetFormat(), 1 << 20, lambda _: None)
    publisher = Publisher(spool, stream, credentials(None), 0.001, print)  # type: ignore[arg-type]
    read = threading.Event()

    def monitor() -> None:
        while not read.is_set() or publishing.is_alive():
            spool.flush()
            spool.sync()
            time.sleep(0.001)

    publishing = threading.Thread(target=publisher.run)
    monitoring = threading.Thread(target=monitor)
    publishing.start()
    monitoring.start()
    for number in range(COUNT):
        member = {"username": f"u{number % 40}", "id": number, "created_at": "", "text": "x" * 300}
        spool.append(StreamRecord(f"u{number % 40}", json.dumps(member).encode()))
    spool.flush()
    read.set()
    publisher.finish(None)
    publishing.join()
    monitoring.join()
    spool.close()

    assert (spool.appended, spool.acknowledged, spool.waiting, publisher.held) == (COUNT, COUNT, 0, 0)
    assert stream.overlapping == 0
    for key in {key for key, _ in stream.order}:
        ids = [number for username, number in stream.order if username == key]
        assert ids == sorted(ids)
    assert len(stream.order) == COUNT
    assert list((tmp_path / "spool").iterdir()) == []
