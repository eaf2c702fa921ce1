"""X's own archive ("Download an archive of your data"): a script that assigns an array, in one part or several.

`data/tweets.js` begins with `window.YTD.tweets.part0 = [`, and `data/tweets-part1.js` continues it. Its statuses have
no author: that is the account in `data/account.js`.
"""

import re
from pathlib import Path

import orjson

from event.schema import Schema
from event.types import DEFAULT_EVENT_TYPE
from event.types.tweet import EVENT
from producer.errors import FormError

_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*window\.YTD\.(\w+)\.part\d+\s*=\s*")
_TWEETS = (b"tweets", b"tweet")  # the name until 2022
_FIRST_PART = re.compile(r"tweets?\.js")
_MAX_ACCOUNT_BYTES = 1024 * 1024


def remove_head(start: bytes) -> bytes:
    """Replace the assignment before the array by as many spaces, so that positions stay the file's."""
    found = _HEAD.match(start)
    return b" " * found.end() + start[found.end() :] if found else start


def find_parts(name: str) -> list[Path]:
    """Return the files of an archive in order, given its first one; any other file alone."""
    path = Path(name)
    parts = [path]
    if _FIRST_PART.fullmatch(path.name):
        while (part := path.with_name(f"{path.stem}-part{len(parts)}.js")).is_file():
            parts.append(part)
    return parts


def find_username(start: bytes, path: str, username: str | None, schema: Schema) -> str:
    """Return the author of an archive's tweets.

    Args:
        start: the first bytes of its first part.
        path: of that part; `-` for standard input.
        username: the author as given by the user; None to look into the account's file beside it.
        schema: that of the run's events.

    Raises:
        FormError: the author is not known, or the file has no tweets.
    """
    found = _HEAD.match(start)
    if found is None or found[1] not in _TWEETS:
        kind = f" of `{found[1].decode()}`" if found else ""
        raise FormError(f"{path} is a script{kind}, not the tweets of X's archive: give its data/tweets.js.")
    if schema is not EVENT:
        raise FormError(
            f"{path} is X's archive, not {schema.plural}: --event-type {DEFAULT_EVENT_TYPE} reads it."
        )
    author = username or (None if path == "-" else _read_account(Path(path).with_name("account.js")))
    if author is None:
        raise FormError(
            f"{path} is X's archive, whose tweets do not name their author: add --username NAME, or put the archive's "
            "account.js beside it."
        )
    return author.removeprefix("@")


def to_status(element: bytes, username: str) -> bytes:
    """Return the status in an element of the array, with its author; unchanged if it is none."""
    try:
        match orjson.loads(element):
            case {"tweet": {**status}}:
                return orjson.dumps(status | {"user": {"screen_name": username}})
    except ValueError:
        pass
    return element


def _read_account(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            match orjson.loads(remove_head(file.read(_MAX_ACCOUNT_BYTES))):
                case [{"account": {"username": str(username)}}, *_] if username:
                    return username
    except (OSError, ValueError):
        pass  # the message names the file
    return None
