"""The part of X's rule language that the local X understands: words, phrases, AND by a space, and OR."""

import re
from functools import cache
from typing import NamedTuple

_MAX_LENGTH = 1024

_TOKEN = re.compile(r'"([^"]*)"|(\S+)')


class Rule(NamedTuple):
    """A rule as it was added; `alternatives` are its ORs, each the terms that a text must all hold."""

    id: str
    value: str
    tag: str | None
    alternatives: tuple[tuple[str, ...], ...]

    def matches(self, folded: str) -> bool:
        """Tell whether a case-folded text contains all terms of one alternative, each as whole words.

        "A tokenized match", says "Operators" of X's filtered stream: `cat` is not in "concatenate".
        """
        return any(all(_words(term).search(folded) for term in terms) for terms in self.alternatives)


@cache
def _words(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)")


def parse(value: str) -> tuple[tuple[str, ...], ...]:
    """Read a rule into alternatives of case-folded terms.

    Raises:
        ValueError: the rule is invalid, or uses an operator that is not supported here.
    """
    if len(value) > _MAX_LENGTH:
        raise ValueError(
            f"Rules must be no more than {_MAX_LENGTH} characters long, this one has {len(value)}."
        )
    alternatives: list[list[str]] = [[]]
    for phrase, word in _TOKEN.findall(value):
        if word == "OR":
            alternatives.append([])
        elif word and (word[0] in "-(" or word[-1] == ")" or ":" in word or '"' in word):
            raise ValueError(f'Operator `{word}` is not available here: use words, "phrases" and OR.')
        else:
            alternatives[-1].append((phrase or word).casefold())
    if not all(terms and all(terms) for terms in alternatives):
        raise ValueError("Rules must contain at least one term, and one on each side of OR.")
    return tuple(tuple(terms) for terms in alternatives)
