"""Every event type in the folder: its definition agrees with itself, and its items are what its samples say."""

import json

import pytest

from event.payload import parse
from event.poison import PoisonError
from event.types import DEFAULT_EVENT_TYPE, event_types, load


def test_the_folder_has_the_shipped_type_and_the_examples() -> None:
    assert DEFAULT_EVENT_TYPE in event_types()
    assert {"order", "page_view", "telemetry"} < set(event_types())


@pytest.mark.parametrize("name", event_types())
def test_the_definition_agrees_with_itself(name: str) -> None:
    load(name).validate()


@pytest.mark.parametrize("name", event_types())
def test_samples_become_items_of_different_keys_with_the_shown_attributes(name: str) -> None:
    event = load(name)
    items = [event.build_item(event.read(parse(sample.encode()))) for sample in event.samples]
    assert len({key for key, _ in items}) == len(items)
    first = json.loads(items[0][1])["PutRequest"]["Item"]
    assert event.parse_key(first) == items[0][0]
    assert {key.name for key in event.keys} | set(event.shown) <= set(first)


@pytest.mark.parametrize("name", event_types())
def test_invalid_messages_are_rejected(name: str) -> None:
    event = load(name)
    for message in event.invalid:
        with pytest.raises(PoisonError):
            event.read(parse(message.encode()))
