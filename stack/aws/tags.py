"""The stack's tags, by the rule that every service accepts: IAM's, which is the narrowest.

Other services allow more characters, or keys that differ by case only, so that a preview and half of an update would
pass before IAM rejects a tag ("Tags for IAM resources", IAM User Guide; the patterns in its API's model).
"""

import json
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from stack.errors import SettingsError
from stack.files.engine_yaml import as_text

MAX_TAGS = 48
"""AWS allows 50 on a resource, and the program adds two."""
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
PROGRAM_KEYS = ("Project", "Stack")
"""The keys of the tags that the program adds."""

_SIMPLE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_GO_DATE = re.compile(r"(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4} \S+")
_CHARACTERS = "letters, digits, spaces and _.:/=+-@, not beginning with aws:"


def are_tags(text: str) -> bool:
    """Tell whether a configuration's text is a map of no more tags than AWS allows; `check_tags` looks at each."""
    try:
        tags = json.loads(text)
    except ValueError:
        return False
    return isinstance(tags, dict) and len(tags) <= MAX_TAGS


def check_tags(tags: Mapping[str, Any], stack: str) -> Iterator[SettingsError]:
    """Yield an error for each tag whose key or value is not one that IAM accepts, or whose key is there already."""
    keys = {key.lower(): key for key in PROGRAM_KEYS}
    for key, value in tags.items():
        path = f"tags.{key}" if _SIMPLE_KEY.fullmatch(key) else f"tags[{json.dumps(key, ensure_ascii=False)}]"
        remove = f"pulumi config rm --path {shlex.quote(path)}"
        if not _is_accepted(key, MAX_KEY_LENGTH) or not key:
            allowed = f"keys of 1 to {MAX_KEY_LENGTH} {_CHARACTERS}"
            yield SettingsError("tags", key, allowed, remove, stack, problem="is not a valid key")
        elif (other := keys.setdefault(key.lower(), key)) != key or key in PROGRAM_KEYS:
            what = f"the program's own tag {other}" if other in PROGRAM_KEYS else f"the tag {other}"
            allowed = "keys that differ by more than case, because IAM ignores it"
            yield SettingsError("tags", key, allowed, remove, stack, problem=f"is the key of {what}")
        elif problem := _problem(value):
            yield SettingsError(
                path,
                value,
                f"text of up to {MAX_VALUE_LENGTH} {_CHARACTERS}",
                f"pulumi config set --path {shlex.quote(path)} {_as_meant(value)} --type string",
                stack,
                problem=problem,
            )


def _problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "is not text"
    if _GO_DATE.fullmatch(value):
        return "is what the engine makes of a date that is not quoted"
    return None if _is_accepted(value, MAX_VALUE_LENGTH) else "is not a valid value"


def _as_meant(value: Any) -> str:
    """Return the text that a number, a boolean or a date was meant to be."""
    if isinstance(value, str) and (date := _GO_DATE.fullmatch(value)):
        return date[1]
    text = as_text(value)
    return text if isinstance(value, int | float) and not text.startswith("-") else "VALUE"


def _is_accepted(text: str, max_length: int) -> bool:
    return (
        len(text) <= max_length
        and not text.lower().startswith("aws:")
        and all(unicodedata.category(each)[0] in "LZN" or each in "_.:/=+-@" for each in text)
    )
