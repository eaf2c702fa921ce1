"""Decodes the payloads of records: base64, UTF-8, JSON."""

import binascii
import json
from typing import Any, Final

from event.aggregation import AGGREGATED_MAGIC
from event.poison import PoisonError, Reason

Json = dict[str, Any]
"""A decoded JSON object."""


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_json: Final = json.JSONDecoder(parse_constant=_reject_constant)
_json_of_huge_integers: Final = json.JSONDecoder(parse_constant=_reject_constant, parse_int=float)
"""Python converts no integer of more than 4,300 digits, and no member that is read has one."""


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
    try:
        text = payload.decode().strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise PoisonError(Reason.NOT_UTF8, str(error)) from None
    try:
        message, end = _parse(text)
    except RecursionError:
        raise PoisonError(Reason.NOT_JSON, "nested too deeply") from None
    except ValueError as error:
        if not text:
            raise PoisonError(Reason.CONTROL_MESSAGE, "an empty line, the keep-alive of X's stream") from None
        raise PoisonError(Reason.NOT_JSON, str(error)) from None
    if end < len(text):
        raise PoisonError(Reason.NOT_JSON, f"something follows the value at character {end}")
    return message


def _parse(text: str) -> tuple[Any, int]:
    """Return the JSON value at the beginning of a text, and where it ends."""
    # Not `decode`, which looks for white space with two regular expressions.
    try:
        return _json.raw_decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a huge integer; a constant such as NaN is rejected again
        return _json_of_huge_integers.raw_decode(text)
