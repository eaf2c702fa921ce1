"""YAML as the Pulumi engine reads it, for the places that read a stack file without the engine.

The engine uses go-yaml v3, which is neither YAML 1.1, as PyYAML reads it, nor YAML 1.2: `yes` is text, `010` is eight,
`1e3` is a number, `1:30` is text, and a key that occurs twice is an error. `tests/stack/engine_values.json` holds what
the engine made of each of these.
"""

import json
import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import yaml

_CONSTANTS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_INTEGER = re.compile(r"[-+]?(0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(
    r"(?P<date>\d{4}-\d\d?-\d\d?)"
    r"([Tt](?P<time>\d\d?:\d\d?:\d\d?)(\.\d+)?(Z|[-+]\d\d:\d\d)| (?P<local>\d\d?:\d\d?:\d\d?)(\.\d+)?)?"
)
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1
_MAX_PLAIN_FLOAT = 10**21
"""From here on JSON of the engine, like that of Python, has an exponent."""

_PLAIN = "!plain"
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Reads a document by the engine's rules.

    The tags that YAML allows on a value are unknown here, except `!!str`.
    """

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Leave the type of an unquoted scalar to `_construct_plain`."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _MERGE if value == "<<" else _PLAIN
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Reject a mapping in which a key occurs twice."""
        mapping: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key in (key for key, _ in mapping.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} occurs twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return mapping


def read_yaml(text: str) -> Any:
    """Return the first document of a text, None if it is empty.

    Raises:
        yaml.YAMLError: the engine would reject the text, or pass a date on as Go's text of a time.
    """
    return next(yaml.load_all(text, _Loader), None)  # a subclass of SafeLoader


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    mapping = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key is a map or a list", problem_mark=key.start_mark)
        name = loader.construct_object(key)
        mapping[as_text(name)] = loader.construct_object(value, deep=True)
    return mapping


def _construct_plain(_loader: _Loader, node: yaml.ScalarNode) -> Any:
    text = node.value
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _NOT_FINITE.fullmatch(text):
        raise yaml.MarkedYAMLError(problem=f"{text} is not a number in JSON", problem_mark=node.start_mark)
    if _is_date(text):
        raise yaml.MarkedYAMLError(
            problem=f'{text} is a date in YAML, and not text: quote it, "{text}"',
            problem_mark=node.start_mark,
        )
    return _number(text) if text[0] in "+-.0123456789" else text


def _number(text: str) -> int | float | str:
    """Return the number that a text is for the engine, whole numbers as integers, or else the text."""
    # Go's ParseFloat, which alone reads what begins with a point, knows no underscores.
    digits = text if text.startswith(".") else text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        is_old_octal = re.fullmatch(r"[-+]?0[0-7]+", digits)
        integer = int(digits, 8 if is_old_octal else 0)
        if _MIN_INTEGER <= integer <= _MAX_INTEGER:
            return integer
    if not _FLOAT.fullmatch(digits) or math.isinf(number := float(digits)):
        return text
    # The decimal digits that identify the number, as JSON has them, and not its binary value.
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < _MAX_PLAIN_FLOAT else number


def as_text(value: Any) -> str:
    """Return a value of a configuration as the engine passes it to the program, or a key as it writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _is_date(text: str) -> bool:
    if not (match := _DATE.fullmatch(text)):
        return False
    try:
        datetime.strptime(
            f"{match['date']} {match['time'] or match['local'] or '0:0:0'} +0000", "%Y-%m-%d %H:%M:%S %z"
        )
    except ValueError:
        return False
    return True


_Loader.yaml_constructors = {
    _PLAIN: _construct_plain,
    "tag:yaml.org,2002:str": yaml.SafeLoader.construct_yaml_str,
    "tag:yaml.org,2002:seq": yaml.SafeLoader.construct_yaml_seq,
    "tag:yaml.org,2002:map": _construct_mapping,
    None: yaml.SafeLoader.construct_undefined,
}
