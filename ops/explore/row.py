"""A row of the table, as the definition of its event describes it."""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple, TypedDict

from event.attribute import MAX_SECONDS, TIMES, Attribute, Type
from event.item import Key
from event.schema import Schema, Values
from ops.terminal.display import capitalized, cell_text
from ops.terminal.exact_json import encode

_WORDS: Final = {"Username": "user", "Timestamp": "created"}
"""The word for an attribute in what is printed, if that is not its name."""

_MIN_SECOND: Final = int(datetime.min.replace(tzinfo=UTC).timestamp())

_WORD_STARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s-]+")


class Tweet(TypedDict):
    """A row as JSON, of the shipped event type; rows of another have a member for each attribute of its definition."""

    username: str
    id: str
    timestamp: str
    message: str


class Row(NamedTuple):
    """An event as the table stores it: the values of its attributes, None for one that it lacks."""

    event: Schema
    values: Values

    @property
    def key(self) -> Key:
        """The key of the table."""
        return self.event.key(self.values)

    @property
    def moment(self) -> datetime | None:
        """The event's own time; None if it has none, or if another program stored something else there."""
        time = _columns(self.event).time
        return _moment(time.type, self.values[time.position]) if time else None

    @property
    def age_order(self) -> tuple[Any, ...]:
        """Sort key: oldest first, then the lower sort key; numbers in a text may have any length."""
        time = self.values[self.event.names.index(self.event.time)] if self.event.time else None
        last = self.values[len(self.event.keys) - 1]
        length = len(last) if isinstance(last, str) else 0
        return *_comparable(time), length, *_comparable(last)

    def cell(self, attribute: Attribute) -> str:
        """Return an attribute's value for a line of a table: a time as a clock in UTC, empty if the row lacks it."""
        value = self.values[self.event.names.index(attribute.name)]
        if attribute.type in TIMES:
            if attribute.type is Type.TIME and isinstance(value, str):
                return cell_text(value)[:19].replace("T", " ")
            if moment := _moment(attribute.type, value):
                return f"{moment:%Y-%m-%d %H:%M:%S}"
        return cell_text(as_text(value))

    @property
    def summary(self) -> str:
        """What a list shows of the event beside its time and key; with names, if that is more than one attribute."""
        shown = shown_attributes(self.event)
        if len(shown) == 1:
            return self.cell(shown[0])
        cells = [(attribute.name, self.cell(attribute)) for attribute in shown]
        return "  ".join(f"{name} {cell}" for name, cell in cells if cell)

    def as_data(self) -> dict[str, Any]:
        """Return the row as JSON, a member for each attribute."""
        return dict(zip(members(self.event), self.values, strict=True))


def parse_row(event: Schema, item: Mapping[str, Mapping[str, Any]]) -> Row:
    """Parse an item in DynamoDB's JSON form.

    Raises:
        KeyError: it lacks one of the event's keys, or has one of another type.
    """
    columns = _columns(event)
    for name, stored_as in columns.keys:
        item[name][stored_as]
    values = [
        missing
        if (attribute := item.get(name)) is None
        else attribute["S"]
        if "S" in attribute  # nearly always
        else _value(attribute)
        for name, missing in columns.attributes
    ]
    return Row(event, tuple(values))


def seconds(event: Schema, rows: Iterable[Row]) -> Iterator[int]:
    """Yield the second of the epoch in which each row's own time lies, without the rows that have none."""
    if time := _columns(event).time:
        for row in rows:
            if (second := _second(time.type, row.values[time.position])) is not None:
                yield second


def time_attribute(event: Schema) -> Attribute | None:
    """Return the attribute with the event's own time."""
    return next((each for each in event.attributes if each.name == event.time), None)


def shown_attributes(event: Schema) -> Sequence[Attribute]:
    """Return the attributes that a list shows beside time and keys: those that the definition names, or all."""
    beside = {event.time, *(key.name for key in event.keys)}
    return [
        each
        for each in event.attributes
        if each.name not in beside and (not event.shown or each.name in event.shown)
    ]


def word(attribute: Attribute) -> str:
    """Return what an attribute is called within a sentence."""
    return _WORDS.get(attribute.name, attribute.name)


def title(attribute: Attribute) -> str:
    """Return what an attribute is called at the head of a column."""
    return capitalized(_WORDS[attribute.name]) if attribute.name in _WORDS else attribute.name


def snake_case(name: str) -> str:
    """Return a name as a member of JSON is written: `PlacedAt` and `placed at` are `placed_at`."""
    return _WORD_STARTS.sub("_", name).lower()


def unique(name: str, taken: Collection[str]) -> str:
    """Return a member's name that none of the others has, with an underscore at its end if need be."""
    while name in taken:
        name += "_"
    return name


@cache
def members(event: Schema) -> Sequence[str]:
    """Return the members of a row's JSON, in the order of the attributes."""
    names: list[str] = []
    for name in event.names:
        names.append(unique(snake_case(name), names))
    return names


def as_text(value: Any) -> str:
    """Return a value as text: a number with all of its digits, lists and objects as JSON, None as nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else encode(value, ensure_ascii=False)


def _missing(event: Schema, attribute: Attribute) -> str | None:
    """Return the value of an attribute that an item lacks.

    The function stores each required one and the time, so that another program has written the item. A text is then
    empty, so that the member of JSON always has its type.
    """
    always_stored = attribute.required or attribute.name == event.time
    return "" if always_stored and attribute.type.stored_as == "S" else None


class _Time(NamedTuple):
    """Where the event's own time is among the values of a row, and its type."""

    position: int
    type: Type


class _Columns(NamedTuple):
    """What every row of an event type needs.

    Attributes:
        keys: name and DynamoDB type of each.
        attributes: name of each, and its value in a row that lacks it.
    """

    keys: Sequence[tuple[str, str]]
    attributes: Sequence[tuple[str, str | None]]
    time: _Time | None


@cache
def _columns(event: Schema) -> _Columns:
    time = time_attribute(event)
    return _Columns(
        event.key_types,
        [(attribute.name, _missing(event, attribute)) for attribute in event.attributes],
        _Time(event.attributes.index(time), time.type) if time else None,
    )


def _value(attribute: Mapping[str, Any]) -> Any:
    """Return an attribute's value as JSON has it; other programs may have stored any type."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return Decimal(value)
        case "L":
            return [_value(each) for each in value]
        case "M":
            return {name: _value(each) for name, each in value.items()}
        case "NULL":
            return None
        case "NS":
            return [Decimal(each) for each in value]
    return value


def _second(kind: Type, value: Any) -> int | None:
    try:
        second = math.floor(kind.seconds(value))
    except (ValueError, TypeError, OverflowError):
        return None
    return second if _MIN_SECOND <= second <= MAX_SECONDS else None


def _moment(kind: Type, value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(kind.seconds(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _comparable(value: Any) -> tuple[int | Decimal, str]:
    """Return what orders numbers by size and texts as texts, whatever other programs stored."""
    if isinstance(value, int | Decimal):
        return value, ""
    return 0, value if isinstance(value, str) else ""
