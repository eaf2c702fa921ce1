"""Decodes payloads: base64, UTF-8, JSON; unpacks those that are compressed or hold several values."""

import binascii
import json
import zlib
from collections.abc import Iterator
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


_SPACE: Final = " \t\r\n"
"""White space around JSON (RFC 8259, section 2)."""

MAX_UNPACKED_BYTES: Final = 10 * 1024 * 1024
"""Limit of what a compressed payload unpacks to, so that the smallest function has the memory for it."""

_DEFLATED: Final = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda")
"""The first bytes of gzip (RFC 1952), and of zlib at each of its levels (RFC 1950)."""
OTHER_COMPRESSIONS: Final = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\xff\x06\x00\x00sNaPpY": "Snappy",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
}
"""The first bytes of what is recognised only, and its name."""
_MAGIC: Final = (AGGREGATED_MAGIC, *_DEFLATED, *OTHER_COMPRESSIONS)


class PackedError(PoisonError):
    """A payload that is not one JSON value as it is; `unpack` may find some in it."""


def decode(data: str) -> Any:
    """Decode the payload of a record from base64, UTF-8 and JSON.

    Raises:
        PackedError: it is compressed, or something follows the value.
        PoisonError: it is none of these, or empty, or aggregated once more.
    """
    payload = _decode_base64(data)
    if payload.startswith(_MAGIC):
        _check_aggregated(payload)
        raise PackedError(Reason.COMPRESSED, "compressed")
    return parse(payload)


def unpack(data: str) -> list[bytes]:
    """Return the values in a payload that is not one JSON object, each as its own JSON text.

    The payload may be compressed by gzip or zlib, and have several values: lines, values without anything between
    them, or a list. Where some of its lines are no JSON, each line is a value. What has no object in it is one value.

    Raises:
        PoisonError: it is compressed in another way, damaged or too large, not UTF-8, or CloudWatch's.
    """
    payload = _decode_base64(data)
    if payload.startswith(tuple(OTHER_COMPRESSIONS)):
        name = next(name for magic, name in OTHER_COMPRESSIONS.items() if payload.startswith(magic))
        raise PoisonError(Reason.COMPRESSED, f"compressed by {name}; gzip and zlib are read")
    if payload.startswith(_DEFLATED):
        payload = _decompress(payload)
        _check_aggregated(payload)
    values = _split(_decode_utf8(payload))
    if len(values) == 1 and '"logGroup"' in values[0] and '"messageType"' in values[0]:
        raise PoisonError(
            Reason.COMPRESSED, "a batch of a CloudWatch Logs subscription, whose lines are no events"
        )
    return [value.encode() for value in values]


def parse(payload: bytes) -> Any:
    """Decode UTF-8 and JSON, with white space around it, and a byte order mark before it.

    Raises:
        PackedError: something follows the value.
        PoisonError: it is not UTF-8, not JSON, or empty.
    """
    text = _decode_utf8(payload)
    try:
        message, end = _raw_decode(text)
    except RecursionError:
        raise PoisonError(Reason.NOT_JSON, "nested too deeply") from None
    except ValueError as error:
        if not text:
            raise PoisonError(Reason.NOT_JSON, "empty") from None
        raise PoisonError(Reason.NOT_JSON, str(error)) from None
    if end < len(text):
        raise PackedError(Reason.NOT_JSON, f"something follows the value at character {end}")
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


def _raw_decode(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the JSON value at a position of a text, and where it ends."""
    # Not `decode`, which looks for white space with two regular expressions.
    try:
        return _json.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except (ArithmeticError, ValueError):  # a huge number; a constant such as NaN is rejected again
        return _json_of_huge_numbers.raw_decode(text, start)


def _decode_base64(data: str) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise PoisonError(Reason.NOT_BASE64, str(error)) from None


def _decode_utf8(payload: bytes) -> str:
    try:
        return payload.decode().removeprefix("\ufeff").strip(_SPACE)
    except UnicodeDecodeError as error:
        raise PoisonError(Reason.NOT_UTF8, str(error)) from None


def _check_aggregated(payload: bytes) -> None:
    if payload.startswith(AGGREGATED_MAGIC):
        raise PoisonError(Reason.AGGREGATED, "aggregated inside another record")


def _decompress(payload: bytes) -> bytes:
    """Decompress gzip, of one or more members, or zlib; zeros after it are padding."""
    unpacked = b""
    while payload.strip(b"\0"):
        member = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            unpacked += member.decompress(payload, MAX_UNPACKED_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise PoisonError(Reason.COMPRESSED, f"compressed, and damaged: {error}") from None
        if len(unpacked) > MAX_UNPACKED_BYTES:
            raise PoisonError(Reason.COMPRESSED, f"compressed from more than {MAX_UNPACKED_BYTES:,} bytes")
        if not member.eof:
            raise PoisonError(Reason.COMPRESSED, "compressed, and cut short")
        payload = member.unused_data
    return unpacked


def _split(text: str) -> list[str]:
    """Return the texts of the values in a text, or the whole text if there is no object in it."""
    try:
        values = list(_values(text))
    except (RecursionError, ValueError):
        lines = [line for line in text.split("\n") if not line.isspace() and line]
        # A document of several lines that is damaged is one value, unless another one is whole on a line of its own.
        if len(lines) > 1 and any(map(_is_object, lines)):
            return [value for line in lines for value in _split(line.strip(_SPACE))]
        return [text]
    return [value for _, value in values] if any(is_object for is_object, _ in values) else [text]


def _values(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the text of each value of a sequence, and of each in a list, and whether it is an object."""
    position = 0
    while position < len(text):
        value, end = _raw_decode(text, position)
        if isinstance(value, list):
            yield from _elements(text, position + 1)
        else:
            yield isinstance(value, dict), text[position:end]
        position = _after_space(text, end)


def _elements(text: str, position: int) -> Iterator[tuple[bool, str]]:
    """Yield the elements of a list, which is known to be JSON, from after its bracket."""
    position = _after_space(text, position)
    while text[position] != "]":
        value, end = _raw_decode(text, position)
        yield isinstance(value, dict), text[position:end]
        position = _after_space(text, end)
        if text[position] == ",":
            position = _after_space(text, position + 1)


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _is_object(line: str) -> bool:
    try:
        return isinstance(parse(line.encode(errors="surrogatepass")), dict)
    except PoisonError:
        return False
