"""`explore` of every event type: its attributes, keys and nouns are those of the definition."""

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from event.attribute import Attribute, Type
from event.payload import parse
from event.schema import Schema
from ops.explore.row import Row, members, parse_row, snake_case, unique
from ops.health.watch import Watch
from tests.ops.explore.conftest import Place
from tests.waiting import eventually
from tests.widths import check_width

EXACT = "12345678901234567.89"


def read(file: Path) -> list[Any]:
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix == ".csv":
            return list(csv.DictReader(lines))
        return [parse(line.encode()) for line in lines]


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(list(row.values())[:1]))


def test_every_attribute_is_a_member_of_the_json(place: Place) -> None:
    messages = [place.message(number) for number in range(4)]
    place.store(*messages)
    shown = place.json()[snake_case(place.event.plural)]
    assert in_order(shown) == in_order(map(place.row, messages))
    assert {snake_case(name) for name in place.event.names} == set(shown[0])


def test_an_export_has_every_attribute(place: Place, tmp_path: Path) -> None:
    messages = [place.message(number) for number in range(4)]
    place.store(*messages)
    lines = tmp_path / "events.jsonl"
    assert f"4 {place.event.plural} written" in place.explore("--export", str(lines))
    assert in_order(read(lines)) == in_order(map(place.row, messages))

    table = tmp_path / "events.csv"
    place.explore("--export", str(table))
    rows = read(table)
    assert list(rows[0]) == list(place.event.names)
    assert len(rows) == 4


def test_one_partition_key_can_be_selected(place: Place) -> None:
    place.store(*(place.message(number) for number in range(1, 4)))
    key = place.event.keys[0]
    value = "2.0" if key.type is Type.NUMBER else "key-2"
    (row,) = place.json("--key", value)[snake_case(place.event.plural)]
    assert row == place.row(place.message(2))
    assert f"1 {place.event.noun}: all of " in place.explore("--key", value)


def test_the_screen_fits_and_names_what_the_definition_names(place: Place) -> None:
    place.store(*(place.message(number) for number in range(4)))
    for width in (80, 100, 140):
        screen = place.explore(columns=width)
        check_width(screen, width)
        assert all(name in screen for name in place.event.shown)
        assert f"{place.event.plural.capitalize()} per " in screen
        assert f"4 {place.event.plural}: all of the table" in screen
    headings = place.explore().splitlines()[0]
    shown = (
        [*place.event.shown] if place.event_type == "tweet" else [*place.event.shown, *names_of_keys(place)]
    )
    assert all(name in headings for name in shown)


def names_of_keys(place: Place) -> list[str]:
    return [key.name for key in place.event.keys]


def test_follow_shows_events_once_they_are_stored(place: Place) -> None:
    process = place.process("--follow", "--limit", "2", "--json")
    number = 0

    def ended() -> bool:
        nonlocal number
        number += 1
        message = place.message(number)
        place.put(place.event.invalid[0].encode(), message)
        place.store(message)
        return process.poll() is not None

    eventually(ended)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    first = [parse(line.encode()) for line in out.splitlines()]
    assert first[0] in [place.row(place.message(each)) for each in range(number + 1)]
    assert len(first) == 2


def test_top_counts_the_events_of_each_partition_key(place: Place) -> None:
    place.put(*[place.message(1)] * 3, place.message(2), place.event.invalid[0].encode())
    busiest = place.json("--top")
    first = members(place.event)[0]
    counts = next(value for name, value in busiest.items() if name not in ("seconds", "records", "shards"))
    events = snake_case(place.event.plural)
    key = place.row(place.message(1))[first]
    assert counts[0] == {first: key, events: 3}
    assert busiest["records"] == 5
    screen = place.explore("--top")
    assert f"5 records with 4 {place.event.plural} of 2 " in screen


def test_watch_shows_the_newest_events(place: Place) -> None:
    messages = [place.message(1), place.message(2)]
    place.put(*messages)
    place.store(messages[0])
    frame = Watch(place.stack).look()
    events = frame.as_data()[snake_case(place.event.plural)]
    assert [each["stored"] for each in events] == [False, True]
    assert {*members(place.event), "stored"} == set(events[0])
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(frame)
    check_width(capture.get(), 100)
    marked = [line for line in capture.get().splitlines() if line.startswith(("✔  14:4", "…  14:4"))]
    assert [line[0] for line in marked] == ["…", "✔"]
    assert all(len(line.split()) > 3 for line in marked)


def test_numbers_keep_their_digits(places: Callable[..., Place], tmp_path: Path) -> None:
    place = places("order")
    message = place.message(1, lines=[{"price": Decimal(EXACT)}], total=Decimal(EXACT))
    place.store(message)
    screen = place.explore()
    assert EXACT in screen
    assert place.explore("--json").count(EXACT) == 2
    for name in ("x.csv", "x.jsonl"):
        file = tmp_path / name
        place.explore("--export", str(file))
        assert file.read_text().count(EXACT) == 2
    (row,) = read(tmp_path / "x.csv")
    assert (row["Total"], row["Lines"]) == (EXACT, f'[{{"price": {EXACT}}}]')


def test_a_negative_number_is_no_formula(places: Callable[..., Place], tmp_path: Path) -> None:
    place = places("telemetry")
    place.store(place.message(1))  # of -3 degrees
    file = tmp_path / "x.csv"
    assert "guarded" not in place.explore("--export", str(file))
    (row,) = read(file)
    assert (row["Temperature"], row["Humidity"], row["OnBattery"]) == ("-3", "", "true")


def test_readings_of_one_time_are_in_the_order_of_their_number(places: Callable[..., Place]) -> None:
    place = places("telemetry")
    place.store(*(place.message(7, ts=number) for number in (9_000, 100, 10_000)))
    shown = [row["read_at"] for row in place.json("--key", "7")["readings"]]
    assert shown == [10_000, 9_000, 100]
    assert "1970-01-01 00:00:10" in place.explore()


@pytest.mark.parametrize(
    ("event_type", "arguments", "error"),
    [
        ("order", ["--user", "ada"], "the partition key of orders is CustomerId: name it with --key"),
        ("telemetry", ["--key", "four"], "--key four: SensorId is a number"),
        ("telemetry", ["--key", "nan"], "--key nan: SensorId is a number"),
        ("telemetry", ["--key", "1e999"], "SensorId: `--key` is a number that DynamoDB cannot store"),
        ("tweet", ["--key", "a", "--user", "a"], "either --key or --user"),
        ("order", ["--key", "a", "--top"], "leave out --key"),
    ],
)
def test_a_key_that_there_cannot_be_is_wrong_usage(
    places: Callable[..., Place], event_type: str, arguments: list[str], error: str
) -> None:
    result = places(event_type).run(*arguments)
    assert result.exit_code == 2
    assert error in " ".join(result.stderr.split())


def test_the_table_of_another_event_type_is_named(places: Callable[..., Place]) -> None:
    place = places("order")
    place.store(place.message(1))
    result = place.run("--event-type", "tweet")
    assert result.exit_code == 2
    assert f"An item of {place.name} is no tweet, whose key is Username (S) and Id (S)" in result.stderr


LAST_STATE = Schema(
    noun="page",
    partition_key=Attribute("HTTPPath"),
    attributes=(Attribute("PlacedAt"), Attribute("placed_at"), Attribute("stored", Type.BOOLEAN)),
)
"""Without a sort key and a time, and with names that are alike as members of JSON."""


def test_members_of_json_never_hide_each_other() -> None:
    assert members(LAST_STATE) == ["http_path", "placed_at", "placed_at_", "stored"]
    assert unique("pages", ["pages"]) == "pages_"


def test_an_event_type_without_time_and_sort_key_is_shown_without_a_chart(
    places: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places("order", LAST_STATE)
    item = {
        "HTTPPath": {"S": "/a"},
        "PlacedAt": {"S": "x"},
        "placed_at": {"S": "y"},
        "stored": {"BOOL": True},
    }
    place.deployed.dynamodb.put_item(TableName=place.name, Item=item)
    monkeypatch.setattr("event.types.load", lambda _name: LAST_STATE)
    screen = place.explore()
    assert "Pages have no time of their own, so there is no chart of them." in screen
    assert screen.splitlines()[0].split() == ["HTTPPath", "PlacedAt", "placed_at", "stored"]
    document = place.json("--key", "/a")
    assert document["pages"] == 1
    assert document["pages_"] == [{"http_path": "/a", "placed_at": "x", "placed_at_": "y", "stored": True}]


def test_what_other_programs_stored_is_shown_as_it_is(places: Callable[..., Place]) -> None:
    place = places("telemetry")
    item = {
        "SensorId": {"N": "1"},
        "ReadAt": {"N": "-99999999999999999999"},
        "Temperature": {"SS": ["cold", "mild"]},
        "Humidity": {"B": b"\x00\xff"},
        "Latitude": {"NS": ["1", "2.5"]},
        "OnBattery": {"NULL": True},
    }
    place.deployed.dynamodb.put_item(TableName=place.name, Item=item)
    (row,) = place.json()["readings"]
    assert sorted(row.pop("temperature")) == ["cold", "mild"]
    assert sorted(row.pop("latitude")) == [1, Decimal("2.5")]
    assert row == {
        "sensor_id": 1,
        "read_at": -99999999999999999999,
        "humidity": "AP8=",
        "longitude": None,
        "on_battery": None,
    }
    assert "-99999999999999999999" in place.explore()


def test_the_newest_is_last_in_the_order_of_age(place: Place) -> None:
    assert place.event.time
    moment = datetime(2026, 11, 23, 14, tzinfo=UTC)
    rows = [
        Row(place.event, place.event.read(parse(place.message(number, moment + timedelta(seconds=number)))))
        for number in range(3)
    ]
    assert max(rows, key=lambda row: row.age_order) is rows[-1]
    assert [row.moment for row in rows] == [moment + timedelta(seconds=number) for number in range(3)]


def test_a_text_that_is_always_stored_is_empty_where_it_is_missing() -> None:
    event = Schema(
        noun="x",
        partition_key=Attribute("Id"),
        attributes=(Attribute("Name"), Attribute("Nick", required=False), Attribute("Size", Type.NUMBER)),
    )
    assert parse_row(event, {"Id": {"S": "1"}}).values == ("1", "", None, None)
