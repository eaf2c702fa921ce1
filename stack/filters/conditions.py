"""The conditions that a pattern's list may hold: literal values, and operators such as `prefix` and `numeric`.

Each is a predicate of a leaf, whose strings have their quotation marks. The rules are those of event-ruler 2.1.0
(`JsonRuleCompiler` and `ByteMachine`); only an empty list under `anything-but`, which it does not always reject, is
rejected here.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from stack.errors import FilterError
from stack.filters.document import (
    Leaf,
    Number,
    Object,
    Value,
    address_digits,
    comparable_number,
    write_scalar,
)

Predicate: TypeAlias = Callable[[Leaf], bool]

ABSENT: Final = Object([("exists", False)])
"""The condition that no leaf meets: it holds if there is none."""


@dataclass(frozen=True)
class Condition:
    """A member of a pattern's list, as it was written and as a predicate."""

    value: Value
    is_met: Predicate


def compile_condition(value: Value) -> Condition:
    """Compile a member of a pattern's list; raise FilterError if it is invalid."""
    return Condition(value, _compile(value))


def _compile(value: Value) -> Predicate:
    match value:
        case Object():
            name, operand = _one_member(value)
            if name not in _OPERATORS:
                raise FilterError(f'"{name}" is not an operator: {", ".join(_OPERATORS)}')
            return _OPERATORS[name](operand)
        case list():
            raise FilterError("a list cannot be in a list")
        case str() if digits := address_digits(value):
            return _address_range(digits, digits)
        case Number(text):
            number = comparable_number(text)
            return lambda leaf: leaf.text == text or (number is not None and leaf.number == number)
        case _:
            return _exactly(value)


def _one_member(operator: Object) -> tuple[str, Value]:
    if len(operator.members) != 1:
        raise FilterError("an object in a list has one member, an operator")
    return operator.members[0]


def _string(operand: Value, operator: str) -> str:
    if not isinstance(operand, str):
        raise FilterError(f"{operator} takes a string")
    return operand


def _exactly(value: bool | str | Number | None) -> Predicate:
    text = write_scalar(value)
    return lambda leaf: leaf.text == text


def _compile_exactly(operand: Value) -> Predicate:
    return _exactly(_string(operand, "exactly"))


def _prefix(text: str) -> Predicate:
    return lambda leaf: leaf.text.startswith(f'"{text}')


def _suffix(text: str) -> Predicate:
    return lambda leaf: leaf.text.endswith(f'{text}"')


def _fold(text: str) -> bytes:
    """Return a regular expression for a text of any case, for UTF-8.

    event-ruler compares UTF-16 units one by one, so a character beyond U+FFFF is two question marks.
    """
    units = "".join("??" if ord(character) > 0xFFFF else character for character in text)
    spellings = ({unit.lower(), unit.upper()} for unit in units)
    return b"".join(
        b"(?:%s)" % b"|".join(re.escape(_encode(spelling)) for spelling in sorted(unit)) for unit in spellings
    )


def _encode(text: str) -> bytes:
    """Encode as Java does, which writes a question mark for half a character."""
    return text.encode("utf-8", "replace")


def _expression(expression: bytes) -> Predicate:
    pattern = re.compile(expression, re.DOTALL)
    return lambda leaf: bool(pattern.search(_encode(leaf.text)))


def _equals_ignore_case(text: str) -> Predicate:
    return _expression(rb'\A"%s"\Z' % _fold(text))


def _compile_prefix(operand: Value) -> Predicate:
    if isinstance(operand, Object):
        return _expression(rb'\A"%s' % _fold(_ignored_case(operand, "prefix")))
    return _prefix(_string(operand, "prefix"))


def _compile_suffix(operand: Value) -> Predicate:
    if isinstance(operand, Object):
        return _expression(rb'%s"\Z' % _fold(_ignored_case(operand, "suffix")))
    return _suffix(_string(operand, "suffix"))


def _ignored_case(operand: Object, operator: str) -> str:
    name, text = _one_member(operand)
    if name != "equals-ignore-case":
        raise FilterError(f'{operator} takes a string or {{"equals-ignore-case": a string}}')
    return _string(text, name)


def _wildcard(text: str) -> Predicate:
    """Let `*` stand for any characters, or none; `\\*` and `\\\\` stand for themselves."""
    characters = re.findall(r"\\[*\\]|[^\\]", f'"{text}"', re.DOTALL)
    if len("".join(characters)) != len(text) + 2:
        raise FilterError("a backslash in a wildcard stands before * or another backslash")
    parts = [""]
    for character in characters:
        if character == "*":
            parts.append("")
        else:
            parts[-1] += character[-1]
    if "" in parts:
        raise FilterError("a wildcard has no * beside another")
    return lambda leaf: _consists_of(leaf.text, parts)


def _consists_of(text: str, parts: Sequence[str]) -> bool:
    """Tell whether a text has the parts in their order, the first at its start and the last at its end."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _compile_wildcard(operand: Value) -> Predicate:
    return _wildcard(_string(operand, "wildcard"))


def _compile_equals_ignore_case(operand: Value) -> Predicate:
    return _equals_ignore_case(_string(operand, "equals-ignore-case"))


def _compile_exists(operand: Value) -> Predicate:
    if not isinstance(operand, bool):
        raise FilterError("exists takes true or false")
    return lambda _leaf: operand


_NEGATED: Final[dict[str, Callable[[str], Predicate]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}


def _compile_anything_but(operand: Value) -> Predicate:
    if isinstance(operand, Object):
        return _compile_negated(operand)
    values = operand if isinstance(operand, list) else [operand]
    if values and all(isinstance(value, str) for value in values):
        texts = {write_scalar(value) for value in values if isinstance(value, str)}
        return lambda leaf: leaf.text not in texts
    if values and all(isinstance(value, Number) for value in values):
        numbers = {_bound(value) for value in values}
        return lambda leaf: leaf.number not in numbers
    raise FilterError("anything-but takes strings or numbers, not both, and at least one")


def _compile_negated(operand: Object) -> Predicate:
    name, texts = _one_member(operand)
    if name not in _NEGATED:
        raise FilterError(f'anything-but does not take "{name}": {", ".join(_NEGATED)}')
    texts = texts if isinstance(texts, list) else [texts]
    strings = [_string(text, f"anything-but {name}") for text in texts]
    if not strings or (name in ("prefix", "suffix") and "" in strings):
        raise FilterError(f"anything-but {name} takes strings that are not empty, and at least one")
    return _none_of(_NEGATED[name](text) for text in strings)


def _none_of(predicates: Iterable[Predicate]) -> Predicate:
    excluded = list(predicates)
    return lambda leaf: not any(is_met(leaf) for is_met in excluded)


def _bound(value: Value) -> float:
    """Return a number of a rule that compares; raise FilterError if event-ruler cannot compare it."""
    if not isinstance(value, Number):
        raise FilterError("numeric takes operators and numbers in turn")
    number = comparable_number(value.text)
    if number is None:
        raise FilterError(f"{value.text} has more digits than numbers are compared by, about 15")
    return number


def _compile_numeric(operand: Value) -> Predicate:
    """Compile `["=", 5]`, or one or two bounds: `[">", 0, "<=", 5]`."""
    if not isinstance(operand, list):
        raise FilterError('numeric takes a list such as [">", 0, "<=", 5]')
    lowest, above, highest, below = -sys.float_info.max, False, sys.float_info.max, False
    match operand:
        case ["=", value]:
            number = _bound(value)
            return lambda leaf: leaf.number == number
        case [">" | ">=" as lower, bottom]:
            lowest, above = _bound(bottom), lower == ">"
        case ["<" | "<=" as upper, top]:
            highest, below = _bound(top), upper == "<"
        case [">" | ">=" as lower, bottom, "<" | "<=" as upper, top]:
            lowest, above, highest, below = _bound(bottom), lower == ">", _bound(top), upper == "<"
        case _:
            raise FilterError(
                'numeric takes "=" and a number, one bound, or a lower bound and then an upper one: [">", 0, "<=", 5]'
            )
    if not lowest < highest:
        raise FilterError("the lower bound of a numeric range is less than the upper one")

    def is_between(leaf: Leaf) -> bool:
        number = leaf.number
        return (
            number is not None
            and (number > lowest if above else number >= lowest)
            and (number < highest if below else number <= highest)
        )

    return is_between


def _compile_cidr(operand: Value) -> Predicate:
    base, _, bits = _string(operand, "cidr").partition("/")
    digits = address_digits(base)
    if digits is None or not re.fullmatch("[0-9]{1,3}", bits) or int(bits) >= len(digits) * 4:
        raise FilterError(
            "cidr takes an IP address, a slash and a number of bits, up to 31 for IPv4 and 127 for IPv6; "
            "for one address, write the address alone"
        )
    width = len(digits) * 4 - int(bits)
    bottom = int(digits, 16) >> width << width
    top = bottom | ((1 << width) - 1)
    return _address_range(f"{bottom:0{len(digits)}X}", f"{top:0{len(digits)}X}")


def _address_range(bottom: str, top: str) -> Predicate:
    """Compare hexadecimal digits from the left, as event-ruler does: an IPv6 address may match an IPv4 range."""

    def contains(leaf: Leaf) -> bool:
        if leaf.address is None:
            return False
        length = min(len(bottom), len(leaf.address))
        address = leaf.address[:length]
        if length < len(bottom):
            return bottom[:length] < address < top[:length]
        return bottom <= address <= top

    return contains


_OPERATORS: Final[dict[str, Callable[[Value], Predicate]]] = {
    "prefix": _compile_prefix,
    "suffix": _compile_suffix,
    "equals-ignore-case": _compile_equals_ignore_case,
    "anything-but": _compile_anything_but,
    "numeric": _compile_numeric,
    "exists": _compile_exists,
    "wildcard": _compile_wildcard,
    "cidr": _compile_cidr,
    "exactly": _compile_exactly,
}

RESERVED_IN_OR: Final = {
    *_OPERATORS,
    *("=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
}
"""Keys that no object of a `$or` may have (`Constants` of event-ruler)."""
