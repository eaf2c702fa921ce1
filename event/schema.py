"""The definition of an event type: which members of a message become which attributes of the table's items.

An event type is a module of `event/types/`, and its `EVENT` is a `Schema`. The table, the function, the producer and
the operator's commands follow it (docs/your-own-events.md).
"""

from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import Any, Final

from event.aggregation import deaggregate
from event.attribute import TIMES, Attribute, Type
from event.generated import Builder, Deletion, Values, call_own, compile_builder, compile_reader
from event.item import EXPIRY_ATTRIBUTE, MAX_ITEM_BYTES, Key, Write, canonical_number, item_size, quote
from event.payload import Json, PackedError, decode, parse, show, unpack
from event.poison import PoisonError, Reason
from event.record import KinesisRecord, arrival_time, iso

__all__ = ["TOMBSTONE", "Attribute", "Deletion", "Schema", "SchemaError", "Type", "Values"]

TOMBSTONE: Final = "stream_processing_tombstone"
"""The member that makes a message of any event type a tombstone, which deletes a row; it holds the form's version."""
TOMBSTONE_VERSION: Final = 1

_MAX_NAME: Final = 255
"""Characters of a key's name ("Constraints in Amazon DynamoDB"); so many are enough for every attribute."""


class SchemaError(ValueError):
    """The definition of an event type contradicts itself."""


class Schema:
    """The definition of an event type.

    Args:
        noun: what one event is called.
        plural: what several are called; without it, the noun with an s.
        partition_key: the partition key of the table, and of the stream: events that share it stay in order.
        sort_key: the table's sort key; without one, an event replaces the last one of its partition key.
        attributes: the other attributes.
        time: the attribute with the event's own time. An event that lacks it, where it is not required, has that of
            its arrival on the stream.
        shown: the attributes that a line of a list shows beside key and time; without it, all.
        lifetime_from: the attribute with the time from which an item's lifetime counts; without it, the arrival.
        check: called with each message that is valid otherwise; returns why it is not, or None.
        read: reads the values from a decoded message, if following the members is not enough.
        samples: valid messages, each a line of JSON; demo, tests, benchmarks and simulation make their load from them.
        invalid: messages that are not valid.

    Attributes:
        keys: the partition key, and the sort key if there is one.
        attributes: the keys and all others, in the order of `Values`.
        read: reads the values from a decoded message; raises PoisonError for one that is invalid.

    Raises:
        SchemaError: the name of an attribute is not an identifier, or is that of another.
    """

    def __init__(
        self,
        *,
        noun: str,
        plural: str = "",
        partition_key: Attribute,
        sort_key: Attribute | None = None,
        attributes: Sequence[Attribute] = (),
        time: str | None = None,
        shown: Sequence[str] = (),
        lifetime_from: str | None = None,
        check: Callable[[Any], str | None] | None = None,
        read: Callable[[Any], Values] | None = None,
        samples: Sequence[str] = (),
        invalid: Sequence[str] = (),
    ) -> None:
        self.noun = noun
        self.plural = plural or f"{noun}s"
        self.keys = (partition_key, sort_key) if sort_key else (partition_key,)
        self.attributes = (*self.keys, *attributes)
        self.names = tuple(attribute.name for attribute in self.attributes)
        self.time = time
        self.shown = tuple(shown)
        self.lifetime_from = lifetime_from
        self.samples = samples
        self.invalid = invalid
        for name in self.names:
            if not (name.isascii() and name.isidentifier() and len(name) <= _MAX_NAME):
                raise SchemaError(
                    f"the attribute {name!r}: a name is letters, digits and underscores, {_MAX_NAME} at most"
                )
            if self.names.count(name) > 1:
                raise SchemaError(f"two attributes are called {name}")
        self._time_index = self._index(time)
        self._lifetime_index = self._index(lifetime_from)
        self.read: Callable[[Any], Values] = (
            partial(call_own, read) if read else compile_reader(self.attributes, len(self.keys), check)
        )
        self._build = compile_builder(self.attributes, len(self.keys))

    @cached_property
    def _read_key(self) -> Callable[[Any], Values]:
        """The function that reads a tombstone's key, whose members have the names of the table's attributes."""
        return compile_reader([key._replace(member="") for key in self.keys], len(self.keys), None)

    @cached_property
    def _build_deletion(self) -> Builder:
        return compile_builder(self.keys, len(self.keys), ("DeleteRequest", "Key"))

    @property
    def key_types(self) -> Sequence[tuple[str, str]]:
        """Name and DynamoDB type, S or N, of each key."""
        return [(key.name, key.type.stored_as) for key in self.keys]

    def parse_all(self, record: KinesisRecord) -> list[tuple[KinesisRecord, Values | PoisonError]]:
        """Read the events that a record carries: its user records, and their values.

        Returns a record for each, alone, and the event's values or why it can never become an item.
        """
        parsed: list[tuple[KinesisRecord, Values | PoisonError]] = []
        try:
            for user_record in deaggregate(record):
                try:
                    message = decode(user_record["kinesis"]["data"])
                    if type(message) is list:
                        parsed += self._parse_values(user_record)
                        continue
                    if type(message) is dict and TOMBSTONE in message:
                        parsed.append((user_record, self._read_tombstone(message)))
                        continue
                    values = self.read(message)
                    if self._time_index is not None and values[self._time_index] is None:
                        values = self._with_arrival(values, user_record)
                    parsed.append((user_record, values))
                except PackedError:
                    parsed += self._parse_values(user_record)
                except PoisonError as poison:
                    parsed.append((user_record, poison))
        except PoisonError as poison:
            parsed.append((record, poison))
        return parsed

    def parse(self, record: KinesisRecord) -> Values:
        """Read the only event that a record carries, as it is; one that lacks its time has that of its arrival.

        Raises:
            PoisonError: the record can never become an item.
        """
        values = self.read_event(decode(record["kinesis"]["data"]))
        if type(values) is Deletion or self._time_index is None or values[self._time_index] is not None:
            return values
        return self._with_arrival(values, record)

    def read_event(self, message: Any) -> Values:
        """Read the values from a decoded message, which may be a tombstone: then a `Deletion`.

        Raises:
            PoisonError: the message is invalid, or a tombstone of another table or version.
        """
        if type(message) is dict and TOMBSTONE in message:
            return self._read_tombstone(message)
        return self.read(message)

    def encode_tombstone(self, key: Key) -> bytes:
        """Return the message that deletes the row with a key."""
        members = ",".join(
            f"{quote(name)}:{value if stored_as == 'N' else quote(value)}"
            for (name, stored_as), value in zip(self.key_types, key, strict=True)
        )
        return f'{{"{TOMBSTONE}":{TOMBSTONE_VERSION},"key":{{{members}}}}}'.encode()

    def _parse_values(self, record: KinesisRecord) -> Iterator[tuple[KinesisRecord, Values | PoisonError]]:
        """Read the events in a payload that is compressed or has several values."""
        try:
            values = unpack(record["kinesis"]["data"])
        except PoisonError as poison:
            yield record, poison
            return
        for number, value in enumerate(values):
            kinesis = record["kinesis"].copy()
            kinesis["data"] = b2a_base64(value, newline=False).decode()
            if len(values) > 1:
                kinesis["valueNumber"] = number
            alone: KinesisRecord = {**record, "kinesis": kinesis}
            try:
                yield alone, self.parse(alone)
            except PoisonError as poison:
                yield alone, poison

    def build_write(self, record: KinesisRecord, values: Values, item_lifetime: int | None) -> Write:
        """Build the write of an item, or its deletion; `item_lifetime` is in seconds.

        Raises:
            PoisonError: DynamoDB would reject the item's size, its key's size, or an unpaired surrogate.
        """
        deletes = type(values) is Deletion
        expiry = ""
        if item_lifetime is not None and not deletes:
            expiry = f',"{EXPIRY_ATTRIBUTE}":{{"N":"{self._begin_of_life(record, values) + item_lifetime}"}}'
        key, request = self.build_item(values, expiry)
        return Write(record, key, request, deletes)

    def build_item(self, values: Values, expiry: str = "") -> tuple[Key, bytes]:
        """Build an item's key and its element in the JSON of `BatchWriteItem`; that of a deletion deletes the item.

        Raises:
            PoisonError: DynamoDB would reject the item's size, its key's size, or an unpaired surrogate.
        """
        build = self._build_deletion if type(values) is Deletion else self._build
        try:
            key, text = build(values, expiry)
            request = text.encode()
        except UnicodeEncodeError:
            raise PoisonError(Reason.NOT_UTF8, "an unpaired surrogate cannot be stored as UTF-8") from None
        # The request is never shorter than the item: nearly every item is known to be within the limit.
        if len(request) > MAX_ITEM_BYTES:
            self._check_size(values)
        return key, request

    def key(self, values: Values) -> Key:
        """Return the values of the key; a number in its canonical form."""
        return tuple(
            canonical_number(value) if key.type.stored_as == "N" else value
            for key, value in zip(self.keys, values, strict=False)
        )

    def parse_key(self, item: Mapping[str, Mapping[str, Any]]) -> Key:
        """Return the key of an item, or a key alone, in DynamoDB's JSON form.

        Raises:
            KeyError: it lacks one of the keys, or has one of another type.
        """
        return tuple(
            [
                canonical_number(item[name]["N"]) if stored_as == "N" else item[name][stored_as]
                for name, stored_as in self.key_types
            ]
        )

    def key_item(self, key: Key) -> dict[str, Any]:
        """Return a key in DynamoDB's JSON form."""
        return {
            name: {stored_as: value} for (name, stored_as), value in zip(self.key_types, key, strict=True)
        }

    def validate(self) -> None:
        """Check the definition as a whole, and its samples.

        Raises:
            SchemaError: with the first fault.
        """
        if fault := next(chain(self._faults(), self._sample_faults()), None):
            raise SchemaError(fault)

    def _index(self, name: str | None) -> int | None:
        return self.names.index(name) if name in self.names else None

    def _faults(self) -> Iterator[str]:
        for key in self.keys:
            if key.type.stored_as not in ("S", "N"):
                yield f"the key {key.name} is of type {key.type.name}: a key is a string, a number or a time"
            if not key.required:
                yield f"the key {key.name} is not required: every item has its keys"
        if EXPIRY_ATTRIBUTE in self.names:
            yield f"the attribute {EXPIRY_ATTRIBUTE}: the time at which an item expires has this name"
        for role, name in (("time", self.time), ("lifetime_from", self.lifetime_from)):
            index = self._index(name)
            if name is not None and index is None:
                yield f"{role} names {name}, which is not one of the attributes {', '.join(self.names)}"
            elif index is not None and self.attributes[index].type not in TIMES:
                yield f"{role} names {name}, which is not of type TIME, SECONDS or MILLISECONDS"
        for name in self.shown:
            if name not in self.names:
                yield f"shown names {name}, which is not one of the attributes {', '.join(self.names)}"

    def _sample_faults(self) -> Iterator[str]:
        if len(self.samples) < 2 or not self.invalid:
            yield "two samples are needed at least, and an invalid message: they show what the definition does"
        for number, message in enumerate(self.samples, start=1):
            try:
                self.build_item(self.read(parse(message.encode())))
            except (PoisonError, ValueError, TypeError) as error:
                yield f"sample {number} is invalid: {error}"
        for number, message in enumerate(self.invalid, start=1):
            try:
                self.build_item(self.read(parse(message.encode())))
            except PoisonError:
                continue
            yield f"invalid message {number} is valid"

    def _read_tombstone(self, message: Json) -> Deletion:
        """Read the key in a tombstone: nothing but the exact form deletes, with exactly this table's keys."""
        version = message[TOMBSTONE]
        if type(version) is not int or version != TOMBSTONE_VERSION:
            raise PoisonError(
                Reason.UNKNOWN_VERSION,
                f"version {show(version)} of a tombstone; known is {TOMBSTONE_VERSION}",
            )
        if message.keys() != {TOMBSTONE, "key"}:
            raise PoisonError(Reason.INVALID, f"a tombstone has the members `{TOMBSTONE}` and `key` only")
        key, names = message["key"], self.names[: len(self.keys)]
        if type(key) is not dict or key.keys() != set(names):
            raise PoisonError(
                Reason.INVALID_KEY, f"the key of a tombstone is an object of exactly {' and '.join(names)}"
            )
        return Deletion(self._read_key(key))

    def _with_arrival(self, values: Values, record: KinesisRecord) -> Values:
        """Give an event that lacks its time that of its arrival, as the time is stored."""
        assert self._time_index is not None
        seconds = record["kinesis"]["approximateArrivalTimestamp"]
        arrival: str | int
        match self.attributes[self._time_index].type:
            case Type.SECONDS:
                arrival = int(seconds)
            case Type.MILLISECONDS:
                arrival = round(seconds * 1000)
            case _:
                arrival = iso(arrival_time(record))
        return (*values[: self._time_index], arrival, *values[self._time_index + 1 :])

    def _begin_of_life(self, record: KinesisRecord, values: Values) -> int:
        """Return the second from which an item's lifetime counts."""
        index = self._lifetime_index
        if index is None or values[index] is None:
            return int(record["kinesis"]["approximateArrivalTimestamp"])
        return int(self.attributes[index].type.seconds(values[index]))

    def _check_size(self, values: Values) -> None:
        attributes = zip(self.names, values, strict=True)
        size = item_size({name: value for name, value in attributes if value is not None})
        if size > MAX_ITEM_BYTES:
            raise PoisonError(Reason.TOO_LARGE, f"the item has {size} bytes; the limit is {MAX_ITEM_BYTES}")
