"""Makes text from outside safe to print.

An event or a service's message must not control the terminal, hide text or show a password. The module is not
part of `event/`, which Lambda gets too: the function prints JSON only.
"""

import json
import re
from typing import Final
from unicodedata import category

MAX_MESSAGE_CHARACTERS: Final = 2_000

_USERINFO: Final = re.compile(r"""(?<=//)[^/?#\s"']*@""")
_UNSAFE: Final = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])
"""Unicode's categories of control and format characters, surrogates, and separators of lines and paragraphs."""


def printable(text: str) -> str:
    """Replace characters that control a terminal, change the direction of text or are invisible by JSON escapes.

    The result is one line. JSON on one line stays JSON with the same value.
    """
    if text.isprintable():
        return text
    return "".join(
        json.dumps(character)[1:-1] if category(character) in _UNSAFE else character for character in text
    )


def shorten(text: str, limit: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Cut a long text, and add its length."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def without_userinfo(text: str) -> str:
    """Remove user names and passwords from the URLs in a text: a library's message may name a proxy with both."""
    return _USERINFO.sub("", text)
