"""What redrives remember, on local AWS's S3: how often a record was put back on the stream."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from event.quarantine_object import QuarantinedRecord
from ops.quarantine.bucket import LAMBDA_PREFIX, Bucket, Entry, Quarantined
from ops.quarantine.markers import Copy, RedriveMarkers, Redriven
from tests.ops.stack import DeployedStack

SHARDS = ("shardId-000000000000", "shardId-000000000001")


@pytest.fixture
def bucket(stack: DeployedStack) -> Bucket:
    return Bucket(stack.s3, stack.outputs["quarantine_bucket"])


@pytest.fixture
def markers(bucket: Bucket) -> Iterator[RedriveMarkers]:
    with ThreadPoolExecutor(4) as pool:
        yield RedriveMarkers(bucket, pool)


@contextmanager
def calls(stack: DeployedStack) -> Iterator[Counter[str]]:
    """Count the calls of S3 in a block."""
    counts: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:
        counts[model.name] += 1

    stack.s3.meta.events.register("before-call.s3", note)
    try:
        yield counts
    finally:
        stack.s3.meta.events.unregister("before-call.s3", note)


def quarantined(
    number: int, *more: int, shard: str = SHARDS[0], prefix: str = "records/not-json/"
) -> Quarantined:
    """An object with a record of each number, as it was read."""
    records = tuple(
        QuarantinedRecord(b"poison", "ada", str(each), shard, "2026-11-29T00:00:00Z")
        for each in (number, *more)
    )
    key = f"{prefix}2026-11-29/{shard}/{number}.json"
    return Quarantined(Entry(key, datetime.now(UTC), 1), "made up", records)


def write_old_marker(bucket: Bucket, name: str, redrives: int) -> None:
    """Write a marker as earlier releases did."""
    body = {"redrives": redrives, "redrivenAt": "2026-11-20T00:00:00Z"}
    bucket.s3.put_object(Bucket=bucket.name, Key=f"redriven/{name}", Body=json.dumps(body).encode())


def test_a_copy_is_recognized_by_its_shard_and_sequence_number(markers: RedriveMarkers) -> None:
    sent = [quarantined(number) for number in range(1, 5)]
    copies = [Copy(SHARDS[number % 2], str(100 + number)) for number in range(4)]
    markers.remember([Redriven(each, 0, [copy]) for each, copy in zip(sent, copies, strict=True)])

    returned = [quarantined(int(copy.sequence_number), shard=copy.shard) for copy in copies]

    assert markers.times(returned) == [1, 1, 1, 1]
    assert markers.times([quarantined(99), quarantined(104), quarantined(1_000)]) == [0, 0, 0]


def test_an_object_that_was_redriven_is_recognized_by_its_key(markers: RedriveMarkers) -> None:
    markers.remember([Redriven(quarantined(1), 0, [Copy(SHARDS[0], "100")])])

    assert markers.times([quarantined(1), quarantined(1, prefix="records/invalid/")]) == [1, 0]


def test_an_object_of_lambda_may_be_redriven_again_but_its_copies_count(markers: RedriveMarkers) -> None:
    discarded = quarantined(1, 2, prefix=LAMBDA_PREFIX)
    markers.remember([Redriven(discarded, 2, [Copy(SHARDS[0], "100"), Copy(SHARDS[0], "101")])])

    assert markers.times([discarded, quarantined(101)]) == [0, 3]


def test_an_object_that_was_sent_in_part_may_be_redriven_again(markers: RedriveMarkers) -> None:
    partly = quarantined(1, 2)
    markers.remember([Redriven(partly, 0, [Copy(SHARDS[0], "100")])])

    assert markers.times([partly, quarantined(100)]) == [0, 1]


def test_the_highest_count_of_an_object_and_its_records_counts(markers: RedriveMarkers) -> None:
    markers.remember([Redriven(quarantined(1), 4, [Copy(SHARDS[0], "100")])])
    markers.remember([Redriven(quarantined(2), 0, [Copy(SHARDS[0], "101")])])

    assert markers.times([quarantined(100, 101), quarantined(101, 102)]) == [5, 1]


def test_ranges_that_overlap_hide_no_marker(markers: RedriveMarkers) -> None:
    wide = [
        Redriven(quarantined(1), 0, [Copy(SHARDS[0], "100")]),
        Redriven(quarantined(9), 0, [Copy(SHARDS[0], "900")]),
    ]
    markers.remember(wide)
    for number in range(200, 210):
        markers.remember([Redriven(quarantined(number), 0, [Copy(SHARDS[0], str(number + 50))])])

    assert markers.times([quarantined(number) for number in (100, 900, 250, 259, 260)]) == [1, 1, 1, 1, 0]


def test_numbers_of_different_lengths_are_compared_as_numbers(markers: RedriveMarkers) -> None:
    copies = [Copy(SHARDS[0], "9"), Copy(SHARDS[0], "1000")]
    markers.remember([Redriven(quarantined(1, 2, prefix=LAMBDA_PREFIX), 0, copies)])

    assert markers.times([quarantined(9), quarantined(1000), quarantined(10)]) == [1, 1, 0]


def test_markers_of_an_earlier_release_count(bucket: Bucket, markers: RedriveMarkers) -> None:
    write_old_marker(bucket, "100.json", 2)
    write_old_marker(bucket, quarantined(7).entry.key, 3)

    assert markers.times([quarantined(100), quarantined(7), quarantined(10), quarantined(1000)]) == [
        2,
        3,
        0,
        0,
    ]


def test_a_record_is_looked_up_with_as_many_calls_beside_many_markers_as_beside_none(
    stack: DeployedStack, bucket: Bucket, markers: RedriveMarkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with calls(stack) as beside_none:
        markers.times([quarantined(150)])
    for number in range(100, 200):
        write_old_marker(bucket, f"{number}.json", 1)
    monkeypatch.setattr("ops.quarantine.markers.PAGE", 10)
    shrink_pages(stack, monkeypatch)

    with calls(stack) as beside_many:
        assert markers.times([quarantined(150)]) == [1]

    assert beside_many["ListObjectsV2"] == beside_none["ListObjectsV2"]


def shrink_pages(stack: DeployedStack, monkeypatch: pytest.MonkeyPatch, keys: int = 10) -> None:
    """Let S3 list fewer keys with each call."""
    list_page: Callable[..., Any] = stack.s3.list_objects_v2
    monkeypatch.setattr(stack.s3, "list_objects_v2", lambda **request: list_page(**request, MaxKeys=keys))


def test_many_old_markers_are_found_page_by_page(
    stack: DeployedStack, bucket: Bucket, markers: RedriveMarkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100, 160):
        write_old_marker(bucket, f"{number}.json", 1)
    monkeypatch.setattr("ops.quarantine.markers.PAGE", 10)
    shrink_pages(stack, monkeypatch)

    found = markers.times([quarantined(number) for number in range(90, 170)])

    assert found == [0] * 10 + [1] * 60 + [0] * 10
