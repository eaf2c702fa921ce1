"""Patterns and documents made by chance, from few names and values, so that many match and some are rejected."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

_KEYS: Final = ("a", "a", "a", "b", "b", "a.b", "A")
_TEXTS: Final = (
    *("", "a", "A", "ab", "aB", "abc", "abcabc", "b", "*", "a*b", "\\", '"', "1", "true", "null"),
    *("é", "É", "ß", "SS", "Σ", "ǅ", "雨", "😀", "??"),
    *("10.0.0.1", "10.0.0.9", "32.1.13.184", "256.0.0.1"),
    *("2001:db8::1", "::ffff:10.0.0.1", "::ffff:a00:1", "::", "12:30"),
)
_NUMBERS: Final = (
    *("0", "-0", "1", "1.0", "1e0", "10", "-1", "5", "5.5", "0.1", "300", "300.0", "3e2", "1E-7"),
    *("123456789012345", "1830000000000000123", "1830000000000000000", "9007199254740993"),
    *("0.30000000000000004", "1e400", "1e-400"),
)
_WILDCARDS: Final = (
    *("*", "a*", "*b", "a*c", "*a*b*", "*é", "ab*ab*", "*b*", "a*b", "*bc*", "a*bc"),
    *("\\*", "a\\*b", "\\\\", "a**b", "a\\"),
)
_CIDRS: Final = (
    *("10.0.0.0/8", "10.0.0.1/24", "0.0.0.0/0", "32.0.0.0/8", "8.0.0.0/5"),
    *("2001:db8::/32", "::/0", "::ffff:a00:0/24"),
    *("10.0.0.1/32", "10.0.0.0", "10.0.0.0/x"),
)
_ADDRESS: Final = re.compile(r'"cidr"|"\d+\.\d+\.\d+\.\d+"|"[0-9a-f:]*::[0-9a-f:]*"')
_IS_NUMBER: Final = re.compile(r"[:,\[] ?-?[0-9]")
_OPERATORS: Final = (
    *("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric"),
    *("exists", "wildcard", "cidr", "exactly"),
)


@dataclass(frozen=True)
class Raw:
    """A text that stands in JSON as it is: a number, or an object whose keys may be repeated."""

    text: str


def make_question(random: Random) -> tuple[str, str]:
    """Make a pattern and a document, but no range of addresses for numbers.

    event-ruler compares a number's digits with those of an address, and so 15 is within 16.0.0.0/4.
    """
    while True:
        pattern = _write(_object(random, random.randrange(3), _list))
        document = _write(_object(random, 3, _value))
        if not (_ADDRESS.search(pattern) and _IS_NUMBER.search(document)):
            return pattern, document


def _write(value: Any) -> str:
    match value:
        case Raw():
            return value.text
        case list():
            return f"[{', '.join(map(_write, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _members(members: Sequence[tuple[str, Any]]) -> Raw:
    return Raw(f"{{{', '.join(f'{_write(key)}: {_write(value)}' for key, value in members)}}}")


def _object(random: Random, depth: int, make_leaf: Any) -> Raw:
    members: list[tuple[str, Any]] = []
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        if make_leaf is _list and random.random() < 0.2:
            branches = [
                _object(random, depth - 1, make_leaf)
                for _ in range(random.choice((2, 2, 2, 2, 2, 2, 2, 2, 3, 1)))
            ]
            if depth > 0:
                members.append(("$or", branches))
                continue
        key = random.choice(_KEYS)
        if depth > 0 and random.random() < 0.3:
            members.append((key, _object(random, depth - 1, make_leaf)))
        else:
            members.append((key, make_leaf(random, depth)))
    return _members(members)


def _scalar(random: Random) -> Any:
    return random.choice((None, True, False, _text(random), _text(random), _number(random), _number(random)))


def _text(random: Random) -> str:
    return random.choice(_TEXTS)


def _number(random: Random) -> Raw:
    return Raw(random.choice(_NUMBERS))


def _value(random: Random, depth: int) -> Any:
    if depth > 0 and random.random() < 0.3:
        return [
            _object(random, depth - 1, _value) if random.random() < 0.5 else _value(random, depth - 1)
            for _ in range(random.randrange(4))
        ]
    return _scalar(random)


def _list(random: Random, _depth: int) -> Any:
    if random.random() < 0.01:
        return random.choice(([], "a", [[]], [_members([])]))
    return [_condition(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]


def _condition(random: Random) -> Any:
    if random.random() < 0.4:
        return _scalar(random)
    operator = random.choice(_OPERATORS)
    return _members([(operator, _operand(random, operator))])


def _operand(random: Random, operator: str) -> Any:
    if random.random() < 0.01:
        return _scalar(random)
    match operator:
        case "exists":
            return random.random() < 0.5
        case "wildcard":
            return random.choice(_WILDCARDS)
        case "cidr":
            return random.choice(_CIDRS)
        case "numeric":
            return _numeric(random)
        case "anything-but":
            return _anything_but(random)
        case "prefix" | "suffix" if random.random() < 0.4:
            return _members([("equals-ignore-case", _text(random))])
        case _:
            return _text(random)


def _numeric(random: Random) -> list[Any]:
    terms = [random.choice(("=", "<", "<=", ">", ">=")), _number(random)]
    if random.random() < 0.5:
        terms = [random.choice((">", ">=")), _number(random), random.choice(("<", "<=")), _number(random)]
    return terms


def _anything_but(random: Random) -> Any:
    make = random.choice((_text, _number))
    if random.random() < 0.5:
        operator = random.choice(("prefix", "suffix", "equals-ignore-case", "wildcard"))
        texts = _WILDCARDS if operator == "wildcard" else _TEXTS
        several = [random.choice(texts) for _ in range(random.randrange(1, 4))]
        return _members([(operator, random.choice((random.choice(texts), several)))])
    return random.choice((make(random), [make(random) for _ in range(random.randrange(1, 4))]))
