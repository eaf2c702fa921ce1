"""What a demo shows whatever its figures are: the steps, their commands, and the names of what each lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_CODES = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"[\d,.]*\d")
_NAME = re.compile(r"  (?!checks)(?:└ )?([A-Za-z][\w' -]*?)(?:  |$)")


@dataclass
class Step:
    """A step's title without figures, its command, and the names in its first column."""

    title: str
    command: str
    names: set[str] = field(default_factory=set)


def outline(printed: Iterable[str]) -> list[Step]:
    """Return the steps of a demo that printed these lines: those with a command for AWS."""
    steps: list[Step] = []
    title = ""
    for line in printed:
        plain = _CODES.sub("", line).rstrip()
        if plain[:1].strip():
            title = _NUMBER.sub("N", plain)
        elif plain.startswith("  on AWS: "):
            steps.append(Step(title, plain))
        elif steps and (name := _NAME.match(plain)):
            steps[-1].names.add(name[1])
    return steps
