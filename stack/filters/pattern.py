"""Filter patterns: parsed, and matched against JSON documents."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from stack.errors import FilterError
from stack.filters.conditions import ABSENT, RESERVED_IN_OR, Condition, compile_condition
from stack.filters.document import Leaf, Membership, Object, Value, find_leaves, parse
from stack.filters.faults import reject_misread

MAX_PATTERN_LENGTH: Final = 4096
"""Characters of one pattern ("Filter", AWS Lambda API reference)."""
MAX_FIELDS: Final = 256
"""Paths of one alternative of a pattern (`GenericMachine` of event-ruler)."""
MAX_ALTERNATIVES: Final = 1000
"""Combinations of all branches of `$or` ("Event pattern operators", Amazon EventBridge User Guide)."""

_OR: Final = "$or"

_Alternative: TypeAlias = dict[str, Sequence[Condition]]


@dataclass(frozen=True)
class Pattern:
    """A pattern that AWS accepts.

    Attributes:
        alternatives: the conditions by path, sorted; a record matches if one alternative's paths all do.
    """

    alternatives: Sequence[Mapping[str, Sequence[Condition]]]

    def matches(self, document: Object) -> bool:
        """Tell whether a JSON document matches."""
        leaves: defaultdict[str, list[Leaf]] = defaultdict(list)
        for path, leaf in find_leaves(document, self._uses):
            leaves[path].append(leaf)
        return any(_is_satisfied(alternative, leaves) for alternative in self.alternatives)

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of all alternatives."""
        return frozenset(path for alternative in self.alternatives for path in alternative)

    @cached_property
    def _used_steps(self) -> frozenset[str]:
        return frozenset(step for path in self.paths for step in _steps(path))

    def _uses(self, key: str) -> bool:
        """Tell whether a key is a step of a path, or with its dots several."""
        steps = self._used_steps
        return key in steps or ("." in key and steps.issuperset(_steps(key)))


def parse_pattern(text: str) -> Pattern:
    """Parse a pattern.

    Raises:
        FilterError: AWS would reject it; the message says where and why.
        MisreadFilterError: AWS would accept it, and match other documents than it says.
    """
    if len(text) > MAX_PATTERN_LENGTH:
        raise FilterError(f"the pattern has {len(text):,} characters, and AWS allows {MAX_PATTERN_LENGTH:,}")
    try:
        root = parse(text)
        if not isinstance(root, Object):
            raise FilterError('a pattern is a JSON object such as {"data": {"lang": ["en"]}}')
        alternatives = _compile_object(root, None, [])
    except RecursionError:
        raise FilterError("the pattern is nested too deeply") from None
    except ValueError as error:
        raise FilterError(f"the pattern is not JSON: {error}") from None
    if max(map(len, alternatives)) > MAX_FIELDS:
        raise FilterError(f"the pattern names more than {MAX_FIELDS} members")
    reject_misread(alternatives)
    return Pattern([dict(sorted(paths.items(), key=_by_utf16)) for paths in alternatives])


def _compile_object(
    value: Object, path: str | None, alternatives: list[_Alternative], *, in_or: bool = False
) -> list[_Alternative]:
    """Add an object's paths to each alternative; a path that was there before is replaced."""
    if not value.members:
        raise FilterError(f"{path or 'the pattern'}: an empty object names nothing")
    for key, member in value.members:
        if key == _OR:
            alternatives = _compile_or(member, path, alternatives)
            continue
        name = f"{path}.{key}" if path else key
        if in_or and key in RESERVED_IN_OR:
            raise FilterError(f'{name}: "{key}" cannot be the name of a member inside $or')
        match member:
            case Object():
                alternatives = _compile_object(member, name, alternatives, in_or=in_or)
            case list():
                conditions = _compile_list(member, name)
                alternatives = [paths | {name: conditions} for paths in alternatives or [{}]]
            case _:
                raise FilterError(f'{name}: a value must be in a list, such as [1] or ["a"]')
    return alternatives


def _compile_or(value: Value, path: str | None, alternatives: list[_Alternative]) -> list[_Alternative]:
    """Multiply the alternatives by the branches of a `$or`."""
    name = f"{path}.{_OR}" if path else _OR
    if not isinstance(value, list) or len(value) < 2:
        raise FilterError(f"{name}: a list of two objects or more is required")
    combined: list[_Alternative] = []
    for branch in value:
        if not isinstance(branch, Object):
            raise FilterError(f"{name}: the list must hold objects only")
        combined += _compile_object(branch, path, alternatives or [{}], in_or=True)
    if len(combined) > MAX_ALTERNATIVES:
        raise FilterError(f"{name}: more than {MAX_ALTERNATIVES:,} combinations of branches")
    return combined


def _compile_list(values: list[Value], name: str) -> Sequence[Condition]:
    if not values:
        raise FilterError(f"{name}: an empty list matches nothing")
    try:
        return [compile_condition(value) for value in values]
    except FilterError as error:
        raise FilterError(f"{name}: {error}") from None


def _by_utf16(item: tuple[str, object]) -> bytes:
    """Sort as Java does: the order of paths decides which array elements `{"exists": false}` looks at."""
    return item[0].encode("utf-16-be", "surrogatepass")


def _steps(path: str) -> Iterable[str]:
    """Split a path as Java does: without the empty steps at its end."""
    return path.rstrip(".").split(".") if path.strip(".") or not path else []


def _is_satisfied(
    alternative: Mapping[str, Sequence[Condition]], leaves: Mapping[str, Sequence[Leaf]]
) -> bool:
    """Tell whether each path has a leaf that matches, all of them within the same element of each array."""
    memberships: set[Membership] = {frozenset()}
    for path, conditions in alternative.items():
        present = leaves.get(path, ())
        matching = {
            leaf.membership for leaf in present if any(condition.is_met(leaf) for condition in conditions)
        }
        consistent = {before | own for before in memberships for own in matching if _agree(before, own)}
        if any(condition.value == ABSENT for condition in conditions):
            consistent |= {
                before
                for before in memberships
                if not any(_agree(before, leaf.membership) for leaf in present)
            }
        memberships = consistent
    return bool(memberships)


def _agree(one: Membership, other: Membership) -> bool:
    """Tell whether two memberships have no array of which they name different elements."""
    both = one | other
    return len(dict(both)) == len(both)
