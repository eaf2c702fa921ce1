"""JSON as event-ruler reads it: numbers keep their text, and a key that is there twice counts twice."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import NoReturn, TypeAlias

Membership: TypeAlias = frozenset[tuple[int, int]]
"""The array elements that a value lies in: pairs of an array's number in its document and an element's index."""


@dataclass(frozen=True)
class Number:
    """A number by its text: `1`, `1.0` and `1e0` differ."""

    text: str


@dataclass(frozen=True)
class Object:
    """An object's members in their order, repeated keys included."""

    members: Sequence[tuple[str, "Value"]]


Value: TypeAlias = bool | str | Number | Object | list["Value"] | None


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=_reject_constant
)


def parse(text: str) -> Value:
    """Parse a JSON text; raise ValueError if it is not JSON, or is nested too deeply."""
    try:
        value: Value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


@dataclass(frozen=True)
class Leaf:
    """A value that is neither an object nor an array.

    Attributes:
        text: what event-ruler compares: strings with their quotation marks, everything else as JSON writes it.
        membership: the array elements that it lies in.
    """

    text: str
    membership: Membership = field(default=frozenset())

    @cached_property
    def number(self) -> float | None:
        """The number, or None if it is not a number that event-ruler can compare."""
        return None if self.text[0] not in "-0123456789" else comparable_number(self.text)

    @cached_property
    def address(self) -> str | None:
        """The hexadecimal digits of the IP address that the string is, or None."""
        return address_digits(self.text[1:-1]) if self.text.startswith('"') else None


def comparable_number(text: str) -> float | None:
    """Return a number that event-ruler can compare, or None.

    It compares doubles, and only if the shortest text of the double is the number that was written: of integers with
    18 digits that holds for 1 in 60 (`ComparableNumber` of event-ruler 2.1.0). Before Java 19, which did not always
    write the shortest text, it held for others.
    """
    double = float(text)
    try:
        return double if Decimal(repr(double)) == Decimal(text) else None
    except InvalidOperation:  # an exponent that has no end
        return None


def address_digits(text: str) -> str | None:
    """Return the hexadecimal digits of an IP address, 8 or 32, or None if the text is none."""
    if ":" in text and "." in text:
        return None  # event-ruler does not know IPv4 within IPv6
    try:
        address = IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # Java takes an IPv4 address that is written as an IPv6 address for the former.
        address = address.ipv4_mapped or address
    return address.packed.hex().upper()


def find_leaves(root: Object, is_used: Callable[[str], bool]) -> Iterator[tuple[str, Leaf]]:
    """Yield the leaves with their paths, whose keys are joined by dots; keys that are not used are left out."""
    arrays = 0
    pending: list[tuple[str | None, Value, Membership]] = [(None, root, frozenset())]
    while pending:
        path, value, membership = pending.pop()
        match value:
            case Object():
                prefix = "" if path is None else f"{path}."
                pending += [
                    (f"{prefix}{key}", member, membership) for key, member in value.members if is_used(key)
                ]
            case list():
                for index, element in enumerate(value):
                    nested = isinstance(element, Object | list)
                    pending.append((path, element, membership | {(arrays, index)} if nested else membership))
                arrays += 1
            case _:
                assert path is not None, "the root is an object"
                yield path, Leaf(write_scalar(value), membership)


def write_scalar(value: bool | str | Number | None) -> str:
    """Write a value as event-ruler compares it: nothing in a string is escaped."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case Number():
            return value.text
