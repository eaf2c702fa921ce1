"""Writes JSON in which a Decimal keeps all of its digits; `json` would make it a float."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring as quote
from typing import Any, Final

__all__ = ["encode", "quote"]

_INDENT: Final = "  "


def encode(value: object, *, indent: bool = False, ensure_ascii: bool = True) -> str:
    """Return a value as JSON.

    Args:
        indent: each member and element on a line of its own.
        ensure_ascii: escape all other characters, so that no content can control a terminal.

    Raises:
        TypeError: it holds something that has no JSON form; besides numbers, a datetime and a dataclass have one.
    """
    return _encode(value, _ascii_leaf if ensure_ascii else _leaf, "\n" if indent else "")


def _encode(value: Any, leaf: Callable[[Any], str], line: str) -> str:
    """Encode a value; `line` ends and indents a line of the object or list around it, and is empty on one line."""
    inner = line and line + _INDENT
    separator = f",{inner or ' '}"
    match value:
        case Decimal():
            return str(value)
        case dict() if value:
            members = [f"{leaf(name)}: {_encode(each, leaf, inner)}" for name, each in value.items()]
            return f"{{{inner}{separator.join(members)}{line}}}"
        case list() | tuple() if value:
            elements = [_encode(each, leaf, inner) for each in value]
            return f"[{inner}{separator.join(elements)}{line}]"
    if is_dataclass(value):
        return _encode({each.name: getattr(value, each.name) for each in fields(value)}, leaf, line)
    return leaf(value)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ascii_leaf: Final = json.JSONEncoder(default=_as_text).encode
_leaf: Final = json.JSONEncoder(ensure_ascii=False, default=_as_text).encode
