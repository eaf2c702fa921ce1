"""Makes text from outside safe to print: a tweet must not be able to move the cursor or to hide other text."""

import json

MAX_MESSAGE_CHARACTERS = 2_000


def printable(text: str) -> str:
    r"""Replace unprintable characters by their JSON escapes: control characters, direction marks, invisible ones.

    JSON stays JSON of the same value, because `json.dumps` has escaped its control characters already.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )


def shorten(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Cut a long text, and append its length."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
