"""Items of the table: their JSON form in DynamoDB's calls, and DynamoDB's limits of them."""

import json
from collections.abc import Mapping
from decimal import Context, Decimal, DecimalException, FloatOperation, Inexact, Overflow, Subnormal
from typing import Any, Final, NamedTuple

from event.record import KinesisRecord

EXPIRY_ATTRIBUTE: Final = "ExpiresAt"
"""The table's time-to-live attribute: a number, seconds since the epoch."""

MAX_ITEM_BYTES: Final = 400 * 1024
"""Limit of an item, in bytes ("Constraints in Amazon DynamoDB")."""
MAX_PARTITION_KEY_BYTES: Final = 2048
MAX_SORT_KEY_BYTES: Final = 1024
"""Limits of a key's values ("Constraints in Amazon DynamoDB")."""
MAX_DEPTH: Final = 32
"""Levels of lists and maps in an attribute ("Constraints in Amazon DynamoDB")."""

# "Data types and naming rules" (Number): up to 38 significant digits, from 1E-130 up to 10E+126, exclusive.
_NUMBERS: Final = Context(
    prec=38, Emin=-130, Emax=125, clamp=0, traps=[FloatOperation, Inexact, Overflow, Subnormal]
)

quote: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Return a string as JSON."""

Key = tuple[str, ...]
"""Values of an item's key, the partition key first; a number in its canonical form."""


class Write(NamedTuple):
    """What a record does to the table, ready to send; `request` is its element in the call's JSON."""

    record: KinesisRecord
    key: Key
    request: bytes
    deletes: bool = False
    """It deletes the row that has the key, rather than replacing it."""


def exact_number(value: int | Decimal) -> Decimal:
    """Return a number with all of its digits.

    Raises:
        ValueError: DynamoDB cannot store it exactly.
    """
    try:
        return _NUMBERS.create_decimal(value)
    except DecimalException:
        raise ValueError(
            "a number that DynamoDB cannot store: it takes 38 significant digits, "
            "and magnitudes from 1E-130 to 9.9E+125"
        ) from None


def canonical_number(value: int | Decimal | str) -> str:
    """Return the one text of a number, without exponent or trailing zeros: `1`, `1.0` and `10E-1` are one key."""
    number = Decimal(value)
    return f"{number.normalize(_NUMBERS):f}" if number else "0"


def attribute_value(value: Any, depth: int = 0) -> str:
    """Return the JSON of any decoded JSON value as an attribute.

    Raises:
        ValueError: DynamoDB cannot store a number in it, or it is nested too deeply.
    """
    match value:
        case str():
            return f'{{"S":{quote(value)}}}'
        case None:
            return '{"NULL":true}'
        case bool():
            return f'{{"BOOL":{"true" if value else "false"}}}'
        case int() | Decimal():
            return f'{{"N":"{exact_number(value)}"}}'
    if depth == MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list):
        return f'{{"L":[{",".join([attribute_value(each, depth + 1) for each in value])}]}}'
    members = ",".join([f"{quote(name)}:{attribute_value(each, depth + 1)}" for name, each in value.items()])
    return f'{{"M":{{{members}}}}}'


def item_size(attributes: Mapping[str, Any]) -> int:
    """Return the least number of bytes that an item can have ("DynamoDB item sizes and formats").

    A number counts as one byte: only DynamoDB knows how many it takes.
    """
    return sum(len(name.encode()) + _size(value) for name, value in attributes.items())


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + _size(each) for each in value)
        case dict():
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in value.items())
    return 1
