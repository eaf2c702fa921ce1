"""Writes out the code that reads a message and builds an item, for the attributes of an event type.

As `collections.namedtuple` does it: a loop over the attributes would take five times as long for each event. Nothing of
a message gets into the code, and of a definition only names of attributes, which are identifiers, and quoted strings.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

from event.attribute import Attribute, Field, Type, read_key_string
from event.item import (
    MAX_PARTITION_KEY_BYTES,
    MAX_SORT_KEY_BYTES,
    Key,
    attribute_value,
    canonical_number,
    quote,
)
from event.payload import kind
from event.poison import PoisonError, Reason

Values = tuple[Any, ...]
"""The values of an event's attributes, the keys first, in the order of the definition; None for one that it lacks."""


Builder = Callable[[Values, str], tuple[Key, str]]
"""Builds an item's key and the request to write it; the second argument is JSON that ends the attributes."""


class Deletion(tuple[Any, ...]):
    """The values of the keys alone: those of a row to delete."""

    __slots__ = ()


_DATA_ERRORS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an event type's own code raises for a message that it was not written for."""


def compile_reader(
    attributes: Sequence[Attribute], keys: int, check: Callable[[Any], str | None] | None
) -> Callable[[Any], Values]:
    """Return the function that reads the values from a decoded message.

    It raises PoisonError for a message that is invalid, or that `check` says is. The first attributes are `keys`.
    """
    fields = [
        Field(
            attribute.name,
            ".".join(attribute.path),
            attribute.required,
            Reason.INVALID_KEY if number < keys else Reason.INVALID,
        )
        for number, attribute in enumerate(attributes)
    ]
    lines = ["if type(message) is not dict: reject_message(message)", "get = message.get"]
    for number, attribute in enumerate(attributes):
        lines += _reading(attribute, number, is_key=number < keys)
    if check:
        lines.append("if fault := own(check, message): reject_checked(fault)")
    scope = {
        "check": check,
        "fields": fields,
        "own": call_own,
        "read": [attribute.type.read for attribute in attributes],
        "read_key_string": read_key_string,
        "reject_checked": _reject_checked,
        "reject_message": _reject_message,
    }
    read: Callable[[Any], Values] = _compile("message", lines, _tuple("v", len(attributes)), scope)
    return read


def compile_builder(
    attributes: Sequence[Attribute], keys: int, request: tuple[str, str] = ("PutRequest", "Item")
) -> Builder:
    """Return the function that builds an item's key, and the request to write it without its limits' checks.

    `request` is its kind, and the member that holds the attributes ("WriteRequest", Amazon DynamoDB API Reference).
    """
    lines = [f"{_tuple('v', len(attributes))} = values"]
    item = ""
    for number, attribute in enumerate(attributes):
        value = f"v{number}"
        if number < keys:
            value = f"k{number}"
            lines += _key(attribute, number)
        pair = f'{"," if number else ""}"{attribute.name}":{_attribute_value(attribute, value)}'
        if not attribute.required:
            lines.append(f"p{number} = '' if {value} is None else f'{pair}'")
            pair = f"{{p{number}}}"
        item += pair
    operation, member = request
    text = f'{{{{"{operation}":{{{{"{member}":{{{{' + item + "{expiry}" + 3 * "}}"
    scope = {
        "any_value": attribute_value,
        "booleans": {True: "true", False: "false"},
        "canonical_number": canonical_number,
        "check_key": _check_key,
        "quote": quote,
    }
    result = f"{_tuple('k', keys)}, f'{text}'"
    build: Builder = _compile("values, expiry", lines, result, scope)
    return build


def call_own(function: Callable[[Any], Any], message: Any) -> Any:
    """Call code of an event type with a message.

    Raises:
        PoisonError: it was not written for such a message.
    """
    try:
        return function(message)
    except _DATA_ERRORS as error:
        raise PoisonError(
            Reason.INVALID, f"{function.__name__} fails: {type(error).__name__}: {error}"
        ) from error


def _reading(attribute: Attribute, number: int, *, is_key: bool) -> Iterable[str]:
    """Write how a value is read; a call is saved where a look at the value's type is enough."""
    value = f"v{number}"
    first, *rest = attribute.path
    yield f"{value} = get({first!r})"
    for name in rest:
        yield f"{value} = {value}.get({name!r}) if type({value}) is dict else None"
    read = f"{value} = read[{number}](fields[{number}], {value})"
    match attribute.type:
        case Type.STRING if is_key:
            yield f"if type({value}) is not str or not {value}: {value} = read_key_string(fields[{number}], {value})"
        case Type.STRING:
            yield f"if type({value}) is not str: {read}"
        case Type.NUMBER:
            yield f"if type({value}) is not int or not -{10**38} < {value} < {10**38}: {read}"
        case Type.BOOLEAN:
            yield f"if type({value}) is not bool: {read}"
        case _:
            yield read


def _key(attribute: Attribute, number: int) -> Iterable[str]:
    limit = MAX_SORT_KEY_BYTES if number else MAX_PARTITION_KEY_BYTES
    if attribute.type.stored_as == "N":
        yield f"k{number} = str(v{number}) if type(v{number}) is int else canonical_number(v{number})"
    else:
        yield f"k{number} = v{number}"
        # A character has at most four bytes: nearly every key is known to be short enough.
        yield f"if 4 * len(k{number}) > {limit}: check_key({attribute.name!r}, k{number}, {limit})"


def _attribute_value(attribute: Attribute, value: str) -> str:
    match attribute.type.stored_as:
        case "S":
            return f'{{{{"S":{{quote({value})}}}}}}'
        case "N":
            return f'{{{{"N":"{{{value}}}"}}}}'
        case "BOOL":
            return f'{{{{"BOOL":{{booleans[{value}]}}}}}}'
    return f"{{any_value({value})}}"


def _tuple(letter: str, length: int) -> str:
    return f"({''.join(f'{letter}{number}, ' for number in range(length))})"


def _compile(arguments: str, lines: Iterable[str], result: str, scope: dict[str, Any]) -> Any:
    body = "".join(f" {line}\n" for line in lines)
    exec(f"def generated({arguments}):\n{body} return {result}", scope)  # noqa: S102
    return scope["generated"]


def _reject_message(message: Any) -> NoReturn:
    raise PoisonError(Reason.INVALID, f"the event is {kind(message)}, not an object")


def _reject_checked(fault: str) -> NoReturn:
    raise PoisonError(Reason.INVALID, fault)


def _check_key(name: str, value: str, limit: int) -> None:
    size = len(value.encode())
    if size > limit:
        raise PoisonError(Reason.INVALID_KEY, f"{name} has {size} bytes; the limit is {limit}")
