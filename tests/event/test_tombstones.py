"""Tombstones of any event type: written and read by the table's keys."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event.item import canonical_number
from event.payload import parse
from event.poison import PoisonError, Reason
from event.schema import TOMBSTONE, Attribute, Deletion, Schema, Type
from event.types import event_types, load
from tests.handler.events import record

READING = Schema(
    noun="reading",
    partition_key=Attribute("Sensor", Type.NUMBER, member="sensor.id"),
    sort_key=Attribute("At", Type.TIME, member="at"),
    attributes=[Attribute("Value", Type.NUMBER, member="value", required=False)],
    time="At",
)


@pytest.mark.parametrize("event_type", event_types())
def test_the_tombstone_of_an_event_has_exactly_its_key(event_type: str) -> None:
    event = load(event_type)
    for sample in event.samples:
        key, _ = event.build_item(event.read(parse(sample.encode())))
        tombstone = record(event.encode_tombstone(key))

        write = event.build_write(tombstone, event.parse(tombstone), 86_400)

        assert (write.key, write.deletes) == (key, True)
        assert json.loads(write.request) == {"DeleteRequest": {"Key": event.key_item(key)}}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20))
def test_numbers_are_one_key_however_they_are_spelled(sensor: object) -> None:
    key = (canonical_number(str(sensor)), "2026-11-23T14:41:28.000Z")
    spelled = f'{{"{TOMBSTONE}":1,"key":{{"Sensor":{sensor},"At":"2026-11-23T15:41:28+01:00"}}}}'

    assert parse(READING.encode_tombstone(key))["key"]["At"] == key[1]
    for payload in (spelled.encode(), READING.encode_tombstone(key)):
        (found,) = [values for _, values in READING.parse_all(record(payload))]
        assert isinstance(found, Deletion)
        assert READING.build_item(found)[0] == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_key_may_have_any_characters(text: str) -> None:
    event = Schema(noun="thing", partition_key=Attribute("Name"))
    assert event.read_event(parse(event.encode_tombstone((text,)))) == (text,)


@pytest.mark.parametrize("sensor", ['"7"', "true", "null", "[7]", "1e200"])
def test_a_key_of_another_type_deletes_nothing(sensor: str) -> None:
    payload = f'{{"{TOMBSTONE}":1,"key":{{"Sensor":{sensor},"At":"2026-11-23T14:41:28Z"}}}}'
    ((_, poison),) = READING.parse_all(record(payload.encode()))
    assert isinstance(poison, PoisonError)
    assert poison.reason is Reason.INVALID_KEY
    assert str(poison).startswith("Sensor: `Sensor` is ")


def test_a_key_whose_member_has_the_tombstones_name_is_not_read_from_one_of_another_table() -> None:
    event = Schema(noun="anything", partition_key=Attribute("Kind", Type.NUMBER, member=TOMBSTONE))
    ((_, poison),) = event.parse_all(record(READING.encode_tombstone(("7", "2026-11-23T14:41:28.000Z"))))
    assert isinstance(poison, PoisonError)
    assert (poison.reason, str(poison)) == (
        Reason.INVALID_KEY,
        "the key of a tombstone is an object of exactly Kind",
    )
