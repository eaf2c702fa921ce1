"""The events of a world, which are all of one type: how they are made, and how the laws tell them apart."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from event.item import Key
from event.payload import parse
from event.schema import TOMBSTONE, Deletion, Type
from event.types import load
from local.events import change
from producer.formats import load_format
from producer.spooling.entry import StreamRecord

EVENT_TYPES = ("tweet", "order", "telemetry")
"""Those of the worlds: the stream's own record, events that pass it as given, and events whose keys are numbers."""

DELETED = 1_000_000
"""The version that a deletion is: the last one of its event."""

PARTITIONS = ("ada", "grace", "alan", "edsger", "barbara")
FILTERED_PARTITION = PARTITIONS[0]
"""The filters drop its events, but not their deletions."""


@dataclass(frozen=True)
class Version:
    """A version of an event, which replaces those before it."""

    key: Key
    number: int

    def __str__(self) -> str:
        return f"{'/'.join(self.key)} {'deleted' if self.number == DELETED else f'v{self.number}'}"


class Events:
    """The events of a type; the first text or number that is no key is the version.

    Attributes:
        schema: the definition of the type.
        format: the producer's.
    """

    def __init__(self, event_type: str) -> None:
        self.schema = load(event_type)
        self.format = load_format(event_type)
        self._attribute = next(
            attribute
            for attribute in self.schema.attributes
            if attribute not in self.schema.keys and attribute.type in (Type.STRING, Type.NUMBER)
        )
        self._versions: dict[bytes, Version] = {}

    def encode(self, partition: str, number: int, version: int, padding: int) -> bytes:
        """Make an event as a source has it."""
        texts = self.partition_key(partition), str(number)
        values: dict[str, Any] = {
            key.name: _spell(text, version) if key.type.stored_as == "N" else text
            for key, text in zip(self.schema.keys, texts, strict=True)
        }
        is_text = self._attribute.type is Type.STRING
        values[self._attribute.name] = f"v{version}" + " " * padding if is_text else version
        return change(self.schema, self.schema.samples[0], values)

    def encode_deletion(self, partition: str, number: int) -> bytes:
        """Make the tombstone of an event."""
        return self.schema.encode_tombstone(
            (self.partition_key(partition), str(number))[: len(self.schema.keys)]
        )

    def filters(self) -> list[str]:
        """Return filters for deletions, and for events that are not of one partition key."""
        member, text = self.schema.keys[0].member, self.partition_key(FILTERED_PARTITION)
        excluded = int(text) if self.schema.keys[0].type.stored_as == "N" else text
        return [
            json.dumps({"data": {member: [{"anything-but": excluded}]}}),
            json.dumps({"data": {TOMBSTONE: [{"exists": True}]}}),
        ]

    def passes_filters(self, data: bytes, partition_key: str) -> bool:
        """Tell what the filters do with a record, without a look at them."""
        is_event = data.startswith(b"{")
        return is_event and (
            TOMBSTONE.encode() in data or partition_key != self.partition_key(FILTERED_PARTITION)
        )

    def to_record(self, data: bytes) -> StreamRecord:
        """Return the producer's record of an event."""
        record = self.format.decode(data).encode()
        assert isinstance(record, StreamRecord)
        return record

    def partition_key(self, partition: str) -> str:
        """Return the partition key by its name; in a table whose keys are numbers it is one."""
        is_number = self.schema.keys[0].type.stored_as == "N"
        return str(10 * PARTITIONS.index(partition) + 10) if is_number else partition

    def identify(self, data: bytes) -> Version | None:
        """Return which version of which event a record is; None if it is none."""
        if not data.startswith(b"{"):
            return None
        if data not in self._versions:
            values = self.schema.read_event(parse(data))
            index = self.schema.attributes.index(self._attribute)
            number = DELETED if isinstance(values, Deletion) else _number(values[index])
            self._versions[data] = Version(self.schema.key(values), number)
        return self._versions[data]

    def version(self, item: Any) -> int:
        """Return the version that an item of the table has."""
        return _number(item[self._attribute.name][self._attribute.type.stored_as])


@cache
def events_of(event_type: str) -> Events:
    """Return the events of a type."""
    return Events(event_type)


def _spell(number: str, version: int) -> Decimal:
    """Return a number that the next version spells in another way: 10, 10.0, 1E+1."""
    return (Decimal(number), Decimal(f"{number}.0"), Decimal(number).normalize())[version % 3]


def _number(version: Any) -> int:
    return int(str(version).strip().removeprefix("v"))
