"""Load made from the samples of every event type."""

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from event.payload import parse
from event.schema import Attribute, Schema, Type
from event.types import event_types, load
from local.cli import main
from local.events import PARTITIONS, change, make_events

END = datetime(2026, 11, 23, 15, tzinfo=UTC)
COUNT = 3 * PARTITIONS


@pytest.mark.parametrize("name", event_types())
def test_made_events_are_valid_and_of_different_keys(name: str) -> None:
    event = load(name)

    values = [event.read(parse(made)) for made in make_events(event, COUNT, END)]

    assert len({event.key(each) for each in values}) == COUNT
    assert len({event.key(each)[0] for each in values}) == PARTITIONS


@pytest.mark.parametrize("name", event_types())
def test_made_events_are_a_second_apart_up_to_the_end(name: str) -> None:
    event = load(name)
    assert event.time
    index = event.names.index(event.time)
    time = event.attributes[index].type

    values = [event.read(parse(made))[index] for made in make_events(event, COUNT, END)]

    seconds = [END.timestamp() - time.seconds(value) for value in values]
    assert seconds == list(reversed(range(COUNT)))


def test_events_without_a_sort_key_have_partition_keys_of_their_own() -> None:
    event = Schema(
        noun="counter",
        partition_key=Attribute("Name", Type.NUMBER),
        samples=('{"Name":7}', '{"Name":8}'),
    )

    assert list(make_events(event, 4)) == [b'{"Name": 7}', b'{"Name": 8}', b'{"Name": 9}', b'{"Name": 10}']


def test_a_change_keeps_the_digits_of_numbers_and_makes_the_objects_of_a_path() -> None:
    event = Schema(
        noun="reading",
        partition_key=Attribute("Id", member="id"),
        attributes=(Attribute("Town", member="place.town", required=False),),
    )

    changed = change(event, '{"id":"a","n":[19.90,1E+400,"ä\\n",null,true]}', {"Town": "Ulm"})

    assert (
        changed.decode() == '{"id": "a", "n": [19.90, 1E+400, "ä\\n", null, true], "place": {"town": "Ulm"}}'
    )


def test_the_command_prints_an_event_a_line_up_to_now() -> None:
    printed = CliRunner().invoke(main, ["events", "telemetry", "--count", "3"]).stdout_bytes.splitlines()

    assert printed == list(make_events(load("telemetry"), 3, _newest(printed)))
    assert timedelta() <= datetime.now(UTC) - _newest(printed) < timedelta(minutes=1)


def _newest(printed: list[bytes]) -> datetime:
    return datetime.fromtimestamp(parse(printed[-1])["ts"] / 1000, UTC)


def test_an_unknown_type_is_a_wrong_usage_that_lists_what_there_is() -> None:
    wrong = CliRunner().invoke(main, ["events", "ordr"])

    assert wrong.exit_code == 2
    assert all(f"'{name}'" in wrong.stderr for name in event_types())


def test_a_type_that_contradicts_itself_is_a_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    contradictory = Schema(noun="order", partition_key=Attribute("Id"), time="PlacedAt")
    monkeypatch.setattr("event.types.order.EVENT", contradictory)

    wrong = CliRunner().invoke(main, ["events", "order"])

    assert wrong.exit_code == 2
    assert "event/types/order.py contradicts itself: time names PlacedAt" in wrong.stderr
