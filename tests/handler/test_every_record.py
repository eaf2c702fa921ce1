"""Whatever a batch contains and AWS does, each record has one outcome, and the last version wins."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event.record import KinesisRecord
from event.types.tweet import EVENT
from tests.handler.aws import THROTTLED, Aws, Key
from tests.handler.conftest import Invoke, Services
from tests.handler.events import record, tweet

REJECTED = "refused"
DELETED = "deleted"
"""A tweet with this text stands for its tombstone."""

KEYS = st.tuples(st.sampled_from(["ada", "bob", "eve"]), st.sampled_from("12345"))
TWEETS = st.builds(
    lambda key, text: tweet(username=key[0], id=key[1], text=text),
    KEYS,
    st.text(max_size=4) | st.just(REJECTED) | st.just(DELETED),
)
PAYLOADS = st.lists(
    TWEETS
    | st.binary(max_size=8)
    | st.sampled_from([b'{"delete":{}}', b"\xf3\x89\x9a\xc2", tweet(id=""), tweet(id=None)])
    | st.just(tweet(username="x" * 2049))
    | st.just(tweet(text="x" * 500_000)),
    max_size=40,
)


class Weather(NamedTuple):
    """AWS's faults while the batch is processed for the first time."""

    throttled_calls: int
    unprocessed: dict[Key, int]
    denied_objects: set[str]


WEATHER = st.builds(
    Weather,
    st.integers(0, 3),
    st.dictionaries(KEYS, st.sampled_from([1, 2, 1_000_000]), max_size=3),
    st.sets(st.integers(0, 39).map(lambda number: f"/{number}.json"), max_size=3),
)


def lambda_retries(records: Sequence[KinesisRecord], reported: list[str]) -> list[KinesisRecord]:
    """Return the records to retry: Lambda resumes from the lowest reported sequence number."""
    numbers = [record["kinesis"]["sequenceNumber"] for record in records]
    return list(records[min(map(numbers.index, reported)) :]) if reported else []


def encode(payload: object) -> object:
    """Return the tombstone that a tweet stands for; anything else as it is."""
    if isinstance(payload, dict) and payload["text"] == DELETED:
        return EVENT.encode_tombstone((payload["username"], payload["id"]))
    return payload


def in_bucket(aws: Aws) -> list[str]:
    return [body["sequenceNumber"] for body in aws.objects.values()]


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payloads=PAYLOADS, weather=WEATHER)
def test_every_record_ends_in_one_way(
    services: Services,
    invoke: Invoke,
    capsys: pytest.CaptureFixture[str],
    payloads: list[object],
    weather: Weather,
) -> None:
    aws = services.aws = Aws(
        unprocessed=dict(weather.unprocessed),
        denied_objects=weather.denied_objects,
        rejected_message=REJECTED,
    )
    aws.table_faults.extend([THROTTLED] * weather.throttled_calls)
    batch = [record(encode(payload), number) for number, payload in enumerate(payloads)]
    well_formed = {
        str(number): (payload["username"], payload["id"], payload["text"])
        for number, payload in enumerate(payloads)
        if isinstance(payload, dict)
        and payload["id"]
        and len(payload["username"]) < 2049
        and len(payload["text"]) < 500_000
    }
    last = {(username, id_): text for username, id_, text in well_formed.values() if text != REJECTED}
    # An earlier version that DynamoDB would reject is not even sent when a good one follows it.
    final = {
        (username, id_): number for number, (username, id_, text) in well_formed.items() if text != REJECTED
    }
    storable = {
        number: (username, id_)
        for number, (username, id_, _) in well_formed.items()
        if int(number) <= int(final.get((username, id_), -1))
    }

    capsys.readouterr()
    reported = invoke(batch, 150)
    counts = json.loads(capsys.readouterr().out)

    # Exactly one way each: reported, or in the bucket, or covered by a row of its key.
    handled = [str(number) for number in range(len(batch)) if str(number) not in reported]
    quarantined = [number for number in handled if number in in_bucket(aws)]
    covered = [number for number in handled if number in storable]
    assert sorted(quarantined + covered) == sorted(handled)
    covered_keys = {storable[number] for number in covered}
    deleted = {key for key in covered_keys if last[key] == DELETED}
    rows = covered_keys - deleted
    assert rows <= aws.items.keys()
    assert deleted.isdisjoint(aws.items)
    assert len(in_bucket(aws)) == len(set(in_bucket(aws)))
    assert counts["Received"] == len(batch)
    assert counts["Failed"] == len(reported) == len(set(reported))
    assert counts["Quarantined"] == len(quarantined)
    assert counts["Stored"] == len(rows)
    assert counts["Deleted"] == len(deleted)
    assert counts["Duplicates"] == len(covered) - len(covered_keys)

    # When the weather has cleared, the rest is handled, and the table is what one good pass had left.
    aws.unprocessed, aws.denied_objects = {}, set()
    aws.table_faults.clear()
    assert invoke(lambda_retries(batch, reported)) == []
    assert {key: item["Message"] for key, item in aws.items.items()} == {
        key: text for key, text in last.items() if text != DELETED
    }
    assert sorted(in_bucket(aws)) == sorted({str(number) for number in range(len(batch))} - storable.keys())
