"""Decodes the payloads of records: base64, UTF-8, JSON."""

import binascii
import json
from decimal import Decimal
from typing import Any, Final

from event.aggregation import AGGREGATED_MAGIC
from event.poison import PoisonError, Reason

Json = dict[str, Any]
"""A decoded JSON object."""

_KINDS: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    Decimal: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_json: Final = json.JSONDecoder(parse_constant=_reject_constant, parse_float=Decimal)
"""Numbers keep their digits: integers are `int`, all others `Decimal`."""


def _decode_int(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:  # more than 4,300 digits
        return float(text)


def _decode_fraction(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent of more than 18 digits
        return float(text)


_json_of_huge_numbers: Final = json.JSONDecoder(
    parse_constant=_reject_constant, parse_int=_decode_int, parse_float=_decode_fraction
)
"""Reads what Python converts to neither `int` nor `Decimal` as `float`, which no member that is read can be."""


def decode(data: str) -> Any:
    """Decode the payload of a record from base64, UTF-8 and JSON.

    Raises:
        PoisonError: it is none of these, or empty, or aggregated once more.
    """
    try:
        payload = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise PoisonError(Reason.NOT_BASE64, str(error)) from None
    if payload.startswith(AGGREGATED_MAGIC):
        raise PoisonError(Reason.AGGREGATED, "aggregated inside another aggregated record")
    return parse(payload)


def parse(payload: bytes) -> Any:
    """Decode UTF-8 and JSON, with white space around it, and a byte order mark before it.

    Raises:
        PoisonError: it is not UTF-8, not JSON, or empty.
    """
    try:
        text = payload.decode().removeprefix("\ufeff").strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise PoisonError(Reason.NOT_UTF8, str(error)) from None
    try:
        message, end = _raw_decode(text)
    except RecursionError:
        raise PoisonError(Reason.NOT_JSON, "nested too deeply") from None
    except ValueError as error:
        if not text:
            raise PoisonError(Reason.NOT_JSON, "empty") from None
        raise PoisonError(Reason.NOT_JSON, str(error)) from None
    if end < len(text):
        raise PoisonError(Reason.NOT_JSON, f"something follows the value at character {end}")
    return message


def kind(value: Any) -> str:
    """Name the JSON type of a value."""
    return _KINDS.get(type(value), "null")


def show(value: object) -> str:
    """Show a value of unknown size and depth to a person."""
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, Decimal):
        return str(value)[:40]
    return type(value).__name__ if isinstance(value, dict | list) else repr(value)[:40]


def _raw_decode(text: str) -> tuple[Any, int]:
    """Return the JSON value at the beginning of a text, and where it ends."""
    # Not `decode`, which looks for white space with two regular expressions.
    try:
        return _json.raw_decode(text)
    except json.JSONDecodeError:
        raise
    except (ArithmeticError, ValueError):  # a huge number; a constant such as NaN is rejected again
        return _json_of_huge_numbers.raw_decode(text)
