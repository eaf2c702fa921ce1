"""Patterns that event-ruler 2.1.0 accepts and misreads; they are rejected, because no record shows it.

Both faults vanish when the conditions stand in filters of their own: a record passes if one filter matches it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

from stack.errors import MisreadFilterError
from stack.filters.conditions import Condition
from stack.filters.document import Object, Value

_REMEDY: Final = "make them filters of their own, one for each branch or condition"
_MIXED_UP: Final = {"equals-ignore-case", "suffix"}


def reject_misread(alternatives: Sequence[Mapping[str, Sequence[Condition]]]) -> None:
    """Raise MisreadFilterError if event-ruler would match other records than the pattern says."""
    by_path: defaultdict[str, list[Condition]] = defaultdict(list)
    for alternative in alternatives:
        for path, conditions in alternative.items():
            by_path[path] += conditions
    for path, conditions in by_path.items():
        names = [set(operators(condition.value)) for condition in conditions]
        if any("wildcard" in name for name in names) and any(name & _MIXED_UP for name in names):
            raise MisreadFilterError(
                f"{path}: AWS's matcher mixes up a wildcard with a suffix or equals-ignore-case: {_REMEDY}"
            )
    for one, other in combinations(alternatives, 2):
        if one.keys() == other.keys() and all(_share_one(one[path], other[path]) for path in one):
            raise MisreadFilterError(
                f"$or: AWS's matcher ignores a branch that shares a value of {', '.join(one)} with another: {_REMEDY}"
            )


def operators(value: Value) -> Iterable[str]:
    """Yield the operator of a condition, and the one within it."""
    while isinstance(value, Object):
        name, value = value.members[0]
        yield name


def _share_one(some: Iterable[Condition], others: Sequence[Condition]) -> bool:
    return any(condition.value == other.value for condition in some for other in others)
