"""The newest rows of a table of which only a part is read come from the stream."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event.schema import Attribute, Schema
from ops.explore import newest
from ops.explore.row import snake_case
from tests.ops.explore.conftest import Place

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def fill(place: Place, time: datetime = HOUR_AGO) -> None:
    """Store more than a page of old events that the stream no longer has."""
    filler = "x" * 390_000
    for number in range(100, 103):
        _, request = place.event.build_item(place.values(place.message(number, time)))
        place.put_item(request, Filler={"S": filler})


def newest_keys(place: Place, *arguments: str) -> list[Any]:
    document = place.json("--pages", "1", *arguments)
    assert not document["complete"]
    return [next(iter(row.values())) for row in document[snake_case(place.event.plural)]]


def keys(place: Place, *numbers: int) -> list[Any]:
    return [next(iter(place.row(place.message(number)).values())) for number in numbers]


def test_the_newest_of_a_large_table_come_from_the_stream(place: Place) -> None:
    fill(place)
    now = datetime.now(UTC) + timedelta(seconds=1)
    messages = [place.message(number, now + timedelta(milliseconds=number)) for number in range(1, 4)]
    place.put(*messages, place.message(4, now + timedelta(minutes=1)))  # the last is not stored
    place.store(*messages)

    assert newest_keys(place, "--limit", "2") == keys(place, 3, 2)
    first, _, *screen = place.explore("--pages", "1", "--limit", "2").splitlines()
    assert first.startswith(
        f"The newest {place.event.plural} of the whole table: the stream was read back to 20"
    )
    assert "read, a part of the table: the chart is of this part. --pages reads more, 0 all" in screen[-1]
    since = place.json("--pages", "1", "--limit", "2")["newest_since"]
    assert datetime.fromisoformat(since) < now


def test_where_the_stream_has_too_few_it_is_said_first_since_when_none_is_missing(
    places: Callable[..., Place],
) -> None:
    place = places("telemetry")
    fill(place)
    created = place.deployed.kinesis.describe_stream_summary(StreamName=place.name)
    begin = created["StreamDescriptionSummary"]["StreamCreationTimestamp"].astimezone(UTC)
    message = place.message(1, datetime.now(UTC) + timedelta(seconds=1))
    place.put(message)
    place.store(message)

    shown = newest_keys(place, "--limit", "3")
    assert shown[0] == keys(place, 1)[0]
    assert len(shown) == 3
    first = place.explore("--pages", "1", "--limit", "3").splitlines()[0]
    assert first.startswith(f"None is missing that arrived since {begin:%Y-%m-%d %H:%M:%S} UTC")
    assert f"Older {place.event.plural} are the newest of 1 page of the table" in first


def test_what_arrives_late_is_among_the_others_by_its_own_time(places: Callable[..., Place]) -> None:
    place = places("order")
    fill(place)
    late = place.message(1, HOUR_AGO - timedelta(days=1))
    place.put(late)
    place.store(late)
    assert keys(place, 1)[0] not in newest_keys(place, "--limit", "2")
    assert "None is missing" in place.explore("--pages", "1", "--limit", "1")


def test_an_event_that_was_stored_again_is_shown_as_it_is_now(places: Callable[..., Place]) -> None:
    place = places("order")
    fill(place)
    now = datetime.now(UTC) + timedelta(seconds=1)
    messages = [place.message(1, now, status=status) for status in ("open", "paid")]
    place.put(*messages)
    place.store(*messages)
    (order,) = place.json("--pages", "1", "--limit", "1")["orders"]
    assert order["status"] == "paid"


def test_events_without_a_time_are_in_the_order_of_their_arrival(
    places: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = Schema(noun="visit", partition_key=Attribute("Path"))
    place = places("order", visits)
    monkeypatch.setattr("event.types.load", lambda _name: visits)
    fill(place)
    arrived = [b'{"Path":"/b"}', b'{"Path":"/c"}', b'{"Path":"/a"}', b'{"Path":"/b"}']
    place.put(*arrived)
    place.store(*arrived)
    assert newest_keys(place, "--limit", "3") == ["/b", "/a", "/c"]
    assert newest_keys(place, "--limit", "4")[:3] == ["/b", "/a", "/c"]


def test_a_small_table_needs_no_stream(place: Place) -> None:
    message = place.message(1)
    place.store(message)
    with place.deployed.operator("dynamodb:Scan", "dynamodb:DescribeTable") as operator:
        result = place.as_operator(operator)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split()[-1] in ("Message", "Total", "Humidity", "Path")
    assert f"1 {place.event.noun}: all of the table" in result.stdout


def test_without_permission_to_read_the_stream_the_pages_are_shown_and_it_is_said_first(
    places: Callable[..., Place],
) -> None:
    place = places("tweet")
    fill(place)
    with place.deployed.operator("dynamodb:Scan", "dynamodb:DescribeTable") as operator:
        result = place.as_operator(operator, "--pages", "1")
    assert result.exit_code == 0, result.output
    first, _, heading, *rows = result.stdout.splitlines()
    assert first.startswith(
        "The newest of 1 page of the table; the rest, which --pages 0 reads too, may have newer ones. "
        "The stream would show them, but it cannot be read: "
    )
    assert "kinesis:DescribeStreamSummary" in first
    assert heading.startswith("Created (UTC)")
    assert rows[0].startswith(f"{HOUR_AGO:%Y-%m-%d %H:%M:%S}")


@pytest.mark.parametrize(
    ("limit", "value", "cause"),
    [
        ("_MAX_BYTES", 10, "it has too many records: more than 10 B since "),
        ("_TIMEOUT", 0.0, "it has too many records: reading it took 0 seconds"),
    ],
)
def test_a_stream_that_is_too_much_to_read_is_said_first(
    places: Callable[..., Place], monkeypatch: pytest.MonkeyPatch, limit: str, value: float, cause: str
) -> None:
    place = places("order")
    fill(place)
    place.put(place.message(1))
    monkeypatch.setattr(newest, limit, value)
    assert cause in place.explore("--pages", "1").splitlines()[0]
    assert place.json("--pages", "1")["newest_since"] is None


def test_one_partition_key_and_an_export_are_read_from_the_table_alone(
    places: Callable[..., Place], tmp_path: Any
) -> None:
    place = places("telemetry")
    filler = {"S": "x" * 390_000}
    for number in range(4):
        _, request = place.event.build_item(place.values(place.message(7, ts=1000 + number)))
        place.put_item(request, Filler=filler)
    assert "newer readings may be in the rest" in place.explore("--key", "7", "--pages", "1")
    file = str(tmp_path / "x.csv")
    assert "newer readings may be in the rest" in place.explore("--export", file, "--pages", "1")
