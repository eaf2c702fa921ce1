"""Stream rules: what is to be on X, what is there, and the difference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TAG = "twitter2kinesis"
"""Marks the rules that the producer made; others of the same app are never changed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on X's side."""

    id: str
    value: str
    tag: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What turns the rules on X into those that a run wants."""

    add: tuple[str, ...]
    delete: tuple[str, ...]


def expressions(track: Iterable[str], rules: Iterable[str]) -> tuple[str, ...]:
    """The rules of a run: a tracked term is a word or a phrase to look for; a rule is taken as it is."""
    terms = (_term(term) for term in track)
    return tuple(dict.fromkeys(value for value in (*terms, *(rule.strip() for rule in rules)) if value))


def change(present: Sequence[Rule], wanted: Sequence[str]) -> Change:
    """Add what no rule says yet; delete what an earlier run of ours left behind and this does not want."""
    there = {rule.value for rule in present}
    return Change(
        add=tuple(value for value in wanted if value not in there),
        delete=tuple(rule.id for rule in present if rule.tag == TAG and rule.value not in wanted),
    )


def _term(term: str) -> str:
    # In quotation marks nothing is an operator: `rock'n'roll`, `C++` or two words are looked for as they are.
    words = term.replace('"', " ").split()
    if (
        len(words) == 1
        and words[0].lstrip("#@$").replace("_", "").isalnum()
        and words[0] not in {"OR", "AND"}
    ):
        return words[0]
    return f'"{" ".join(words)}"' if words else ""
