"""Rules of X's filtered stream: the wanted, the existing, and the difference."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from event.payload import Json
from producer.sources.reconnect import Interrupted

TAG = "twitter2kinesis"
"""Tag of the rules that the producer creates; other rules of the app are never changed."""


_HASHTAG_CHARACTERS = (
    "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
"""What X takes as a part of a hashtag, besides letters, marks and digits (twitter-text: `hashtagSpecialChars`)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that exists on X."""

    id: str
    value: str
    tag: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """The changes that turn the existing rules into the wanted ones."""

    add: tuple[str, ...]
    delete: tuple[str, ...]


def expressions(track: Iterable[str], rules: Iterable[str]) -> tuple[str, ...]:
    """Return the rules of a run: one for each tracked word or phrase, and the given ones unchanged."""
    terms = (_term(term) for term in track)
    return tuple(dict.fromkeys(value for value in (*terms, *(rule.strip() for rule in rules)) if value))


def parse_list(answer: Json) -> list[Rule]:
    """Parse the rules in an answer of X.

    Raises:
        Interrupted: they have another shape, so this may not be an answer of X.
    """
    rules = answer.get("data")
    if rules is None:
        return []
    if not isinstance(rules, list):
        raise Interrupted("http", "X answered with something other than rules")
    return [_parse(rule) for rule in rules]


def _parse(rule: object) -> Rule:
    match rule:
        case {"id": str() | int() as identifier, "value": str(value), **others}:
            tag = others.get("tag")
            return Rule(str(identifier), value, tag if isinstance(tag, str) else None)
    raise Interrupted("http", "X answered with something other than a rule")


def plan_change(present: Sequence[Rule], wanted: Sequence[str]) -> Change:
    """Plan to add missing rules, and to delete the producer's own rules that are no longer wanted."""
    existing = {rule.value for rule in present}
    return Change(
        add=tuple(value for value in wanted if value not in existing),
        delete=tuple(rule.id for rule in present if rule.tag == TAG and rule.value not in wanted),
    )


def _term(term: str) -> str:
    # Nothing in quotation marks is an operator: `rock'n'roll`, `C++` or two words match literally.
    words = term.replace('"', " ").split()
    if len(words) == 1 and _is_plain(words[0]) and words[0] not in {"OR", "AND"}:
        return words[0]
    return f'"{" ".join(words)}"' if words else ""


def _is_plain(word: str) -> bool:
    """Tell whether a word, hashtag, mention or cashtag means itself without quotation marks.

    In quotation marks a hashtag would be a phrase. Its letters have combining marks in many scripts.
    """
    special = _HASHTAG_CHARACTERS if word[0] == "#" else "_"
    letters = word[1:] if word[0] in "#@$" else word
    return bool(letters) and all(
        unicodedata.category(each)[0] in "LMN" or each in special for each in letters
    )
