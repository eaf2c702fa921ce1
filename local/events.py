"""Makes load of an event type: the samples of its definition, with other keys and later times."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

import click

from event.payload import parse
from event.record import iso
from event.schema import Attribute, Schema, SchemaError, Type
from event.types import event_types, load
from ops.terminal.exact_json import encode

PARTITIONS: Final = 50
"""Number of partition keys among made events, where a sort key tells the events of one apart."""


class EventType(click.Choice[str]):
    """The name of an event type whose definition is free of contradictions."""

    def __init__(self) -> None:
        super().__init__(event_types())

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name = super().convert(value, param, ctx)
        try:
            load(name).validate()
        except SchemaError as error:
            self.fail(f"event/types/{name}.py contradicts itself: {error}", param, ctx)
        return name


@click.command()
@click.argument("event_type", metavar="TYPE", type=EventType())
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True, help="Number of events.")
def events(event_type: str, count: int) -> None:
    """Print made-up events of a type, up to now, one a second: its samples with other keys.

    Example: python -m local events order | python -m producer --source file -
    """
    for event in make_events(load(event_type), count):
        click.echo(event)


def make_events(event: Schema, count: int, end: datetime | None = None) -> Iterator[bytes]:
    """Make events of different keys from the samples in turn: a second apart, the last of them now, or at `end`."""
    end = (end or datetime.now(UTC)).replace(microsecond=0)
    first = event.read(parse(event.samples[0].encode()))
    varied = [
        (attribute, value)
        for attribute, value in zip(event.attributes, first, strict=True)
        if attribute in event.keys or attribute.name in (event.time, event.lifetime_from)
    ]
    for number, sample in enumerate(islice(cycle(event.samples), count)):
        at = end - timedelta(seconds=count - 1 - number)
        values = {attribute.name: _vary(attribute, value, number, at) for attribute, value in varied}
        if len(event.keys) > 1:
            values[event.keys[0].name] = _vary(*varied[0], number % PARTITIONS, at)
        yield change(event, sample, values)


def change(event: Schema, message: str, values: Mapping[str, Any]) -> bytes:
    """Return a message with other values of some attributes, which are given by name; numbers keep their digits."""
    changed = parse(message.encode())
    for attribute in event.attributes:
        if attribute.name in values:
            *parents, member = attribute.path
            place = changed
            for parent in parents:
                place = place.setdefault(parent, {})
            place[member] = values[attribute.name]
    return encode(changed, ensure_ascii=False).encode()


def _vary(attribute: Attribute, value: Any, number: int, at: datetime) -> Any:
    """Return a value of an attribute that no other number, or time, has."""
    match attribute.type:
        case Type.TIME:
            return iso(at)
        case Type.SECONDS:
            return int(at.timestamp())
        case Type.MILLISECONDS:
            return int(at.timestamp()) * 1000
        case Type.NUMBER:
            return value + number
    return f"{value}-{number}"
