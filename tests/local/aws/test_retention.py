"""A stream's records expire as they age, and its readers continue where they are."""

from typing import Any

from local.aws.ministack.retention import remove_expired

HOUR = 3600.0


def shard(*ages: float) -> dict[str, Any]:
    """A shard with records of these ages in hours, as of hour 100."""
    return {"records": [{"ApproximateArrivalTimestamp": (100 - age) * HOUR} for age in ages]}


def stream(**shards: dict[str, Any]) -> dict[str, Any]:
    return {"StreamName": "orders", "RetentionPeriodHours": 24, "shards": shards}


def iterator(shard_id: str, position: int, name: str = "orders") -> dict[str, Any]:
    return {"stream": name, "shard_id": shard_id, "position": position}


def test_the_records_that_are_older_than_the_stream_keeps_are_removed() -> None:
    one, other = shard(30, 25, 24, 1), shard(26)
    kept = one["records"][2:]
    remove_expired(stream(one=one, other=other), [], 100 * HOUR)
    assert one["records"] == kept
    assert other["records"] == []


def test_records_that_are_kept_are_not_copied() -> None:
    one = shard(23, 1)
    records = one["records"]
    remove_expired(stream(one=one), [], 100 * HOUR)
    assert one["records"] is records
    assert len(records) == 2


def test_a_reader_continues_at_the_record_that_it_would_have_read_next() -> None:
    ahead, behind = iterator("one", 3), iterator("one", 1)
    elsewhere = [iterator("other", 3), iterator("one", 3, name="tweets")]
    remove_expired(stream(one=shard(30, 25, 2, 1)), [ahead, behind, *elsewhere], 100 * HOUR)
    assert (ahead["position"], behind["position"]) == (1, 0)
    assert [each["position"] for each in elsewhere] == [3, 3]
