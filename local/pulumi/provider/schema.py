"""The input properties of a resource type as data: checked strictly, and compared the way AWS means them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime import rpc

# Represents a value that a preview does not know yet; it passes every check and equals nothing.
UNKNOWN: str = rpc.UNKNOWN


class InvalidError(ValueError):
    """A value that the resource type does not accept: which property, and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Property:
    """One input property.

    Attributes:
        required: Leaving it out is an error.
        default: The value that AWS's provider uses for a property that was left out.
        replaces: A change makes a new resource; otherwise the resource is updated in place.
        computed: AWS chooses a value where none is given, so leaving it out is never a change.
        write_only: AWS never returns it, so it is not part of the state and no change by itself.
    """

    required: bool = False
    default: Any = None
    replaces: bool = False
    computed: bool = False
    write_only: bool = False

    def check(self, path: str, value: Any) -> Any:
        """Return the value in its canonical form; raises `InvalidError` if it is invalid."""
        raise NotImplementedError

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two canonical values mean the same to AWS."""
        return bool(one == other)

    def unchanged(self, actual: Any, wanted: Any) -> bool:
        """Tell whether AWS has what the program wants; None wants nothing in particular."""
        if self.write_only:
            return True
        if wanted is None:
            return self.computed or _is_empty(actual)
        return bool(wanted != UNKNOWN) and self.same(actual, wanted)


def _is_empty(value: Any) -> bool:
    """Tell whether a value is empty, or a block of empty values."""
    return all(map(_is_empty, value.values())) if isinstance(value, Mapping) else not value


Inputs = Mapping[str, Property]
"""The properties of a resource type or of a block, by their Pulumi names."""


@dataclass(frozen=True, kw_only=True)
class Text(Property):
    """A string, of a pattern or one of a few."""

    pattern: str | None = None
    one_of: Sequence[str] = ()

    def check(self, path: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidError(path, f"{value!r} is not a string")
        if self.one_of and value not in self.one_of:
            raise InvalidError(path, f"{value!r} is not one of {', '.join(self.one_of)}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise InvalidError(path, f"{value!r} does not match {self.pattern}")
        return value


@dataclass(frozen=True, kw_only=True)
class Arn(Text):
    """A name or the ARN that ends in it: AWS takes either and returns the ARN."""

    def same(self, one: Any, other: Any) -> bool:
        return (
            bool(one)
            and bool(other)
            and (one == other or one.endswith(f":{other}") or other.endswith(f":{one}"))
        )


@dataclass(frozen=True, kw_only=True)
class Json(Property):
    """A JSON document, such as a policy: its layout and the order of its keys mean nothing."""

    def check(self, path: str, value: Any) -> str:
        try:
            json.loads(value)
        except (TypeError, ValueError) as error:
            raise InvalidError(path, f"is not JSON: {error}") from None
        return str(value)

    def same(self, one: Any, other: Any) -> bool:
        if not one or not other:
            return bool(one == other)
        return bool(_unordered(json.loads(one)) == _unordered(json.loads(other)))


def _unordered(document: Any) -> Any:
    """Sort the lists of strings in a policy, and replace a list of one string by the string."""
    if isinstance(document, dict):
        return {key: _unordered(value) for key, value in document.items()}
    if isinstance(document, list):
        if all(isinstance(item, str) for item in document):
            return document[0] if len(document) == 1 else sorted(document)
        return [_unordered(item) for item in document]
    return document


@dataclass(frozen=True, kw_only=True)
class Integer(Property):
    """A whole number within inclusive bounds, or one of a few."""

    low: int | None = None
    high: int | None = None
    one_of: Sequence[int] = ()

    def check(self, path: str, value: Any) -> int:
        # Pulumi hands every number over as a float.
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise InvalidError(path, f"{value!r} is not a whole number")
        if self.one_of and value not in self.one_of:
            raise InvalidError(path, f"{value:g} is not one of {', '.join(map(str, self.one_of))}")
        if self.low is not None and value < self.low:
            raise InvalidError(path, f"{value:g} is less than {self.low}")
        if self.high is not None and value > self.high:
            raise InvalidError(path, f"{value:g} is more than {self.high}")
        return int(value)


@dataclass(frozen=True, kw_only=True)
class Number(Property):
    """A number, such as the threshold of an alarm."""

    def check(self, path: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidError(path, f"{value!r} is not a number")
        return float(value)


@dataclass(frozen=True, kw_only=True)
class Flag(Property):
    """True or false."""

    def check(self, path: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidError(path, f"{value!r} is neither true nor false")
        return value


@dataclass(frozen=True, kw_only=True)
class Strings(Property):
    """A map from string to string: tags, environment variables, dimensions."""

    def check(self, path: str, value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise InvalidError(path, f"{value!r} is not a map")
        return {key: checked(Text(), f"{path}.{key}", item) for key, item in value.items()}

    def same(self, one: Any, other: Any) -> bool:
        return (one or {}) == (other or {})


@dataclass(frozen=True, kw_only=True)
class Items(Property):
    """A list of items of one kind; their order means nothing, except of a list of blocks."""

    item: Property
    low: int = 0
    high: int | None = None

    def check(self, path: str, value: Any) -> list[Any]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InvalidError(path, f"{value!r} is not a list")
        if len(value) < self.low or (self.high is not None and len(value) > self.high):
            wanted = f"{self.low} to {self.high}" if self.high else f"at least {self.low}"
            raise InvalidError(path, f"has {len(value)} items; AWS accepts {wanted}")
        return [checked(self.item, f"{path}[{index}]", item) for index, item in enumerate(value)]

    def same(self, one: Any, other: Any) -> bool:
        ours, theirs = list(one or ()), list(other or ())
        if not isinstance(self.item, Block):
            ours, theirs = sorted(ours), sorted(theirs)
        return len(ours) == len(theirs) and all(map(self.item.same, ours, theirs))


@dataclass(frozen=True, kw_only=True)
class Block(Property):
    """A nested object with properties of its own."""

    fields: Inputs = field(default_factory=dict)

    def check(self, path: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise InvalidError(path, f"{value!r} is not an object")
        for key in value:
            if key not in self.fields:
                raise InvalidError(f"{path}.{key}", unknown(self.fields))
        canonical = {}
        for key, kind in self.fields.items():
            item = checked(kind, f"{path}.{key}", value.get(key))
            if item is not None:
                canonical[key] = item
        return canonical

    def same(self, one: Any, other: Any) -> bool:
        ours, theirs = one or {}, other or {}
        return all(kind.unchanged(ours.get(key), theirs.get(key)) for key, kind in self.fields.items())


def checked(kind: Property, path: str, value: Any) -> Any:
    """Return a value in canonical form, its default if it was left out; raises `InvalidError`."""
    if value is None:
        if kind.required:
            raise InvalidError(path, "is required")
        return kind.default
    return value if value == UNKNOWN else kind.check(path, value)


def unknown(properties: Inputs) -> str:
    """Return the reason why any other property is rejected."""
    return f"is not a property that local AWS implements for this type; it implements {', '.join(sorted(properties))}"
