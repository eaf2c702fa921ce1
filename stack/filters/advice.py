"""What a valid pattern does that its author may not expect, as sentences for the preview."""

import re
from collections.abc import Iterator
from typing import Final

from stack.filters.document import Number, Value
from stack.filters.faults import operators
from stack.filters.pattern import Pattern

_ID: Final = re.compile(r"(^|\.)((?i:id|time)|\w*(_id|Id|ID|_us|_ms|_ns|[tT]imestamp))$")
"""The names of members that often hold long numbers."""


def advise(pattern: Pattern) -> list[str]:
    """Return the sentences, each once."""
    return list(
        dict.fromkeys(
            sentence
            for alternative in pattern.alternatives
            for path, conditions in alternative.items()
            for condition in conditions
            for sentence in _advise(path, condition.value)
        )
    )


def _advise(path: str, value: Value) -> Iterator[str]:
    names = list(operators(value))
    if not f"{path}.".startswith("data."):
        yield (
            f"{path}: Lambda's guide says that Kinesis mappings filter on data only; AWS's matcher reads {path} too, "
            "and nobody has tried it here on AWS."
        )
    if "numeric" in names and _ID.search(path):
        yield (
            f"{path}: a numeric rule skips most numbers of more than 15 digits: of integers with 18 digits, "
            "1 in 60 is compared at all. Compare ids as strings, by prefix or by value."
        )
    if isinstance(value, Number) and value.text.isdigit():
        yield f"{path}: {value.text} matches {value.text}.0 too, though Lambda's guide says it does not."
    if (unlisted := _unlisted(names)) is not None:
        yield f"{path}: AWS's matcher knows {unlisted}; the table of Lambda's guide does not list it."
    if "equals-ignore-case" in names and any(ord(character) > 0xFFFF for character in str(value)):
        yield f"{path}: equals-ignore-case never matches characters such as 😀, beyond U+FFFF."


def _unlisted(names: list[str]) -> str | None:
    """Return what a condition has that Lambda's guide does not list ("Filter rule syntax"), or None."""
    match names:
        case ["wildcard" | "cidr" as name]:
            return name
        case ["anything-but", name]:
            return f"anything-but with {name}"
    return None
