"""The result of a check: one line on the screen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from ops.terminal.display import wrap_command
from stack.alarm_definitions import alarms
from stack.printing import printable

REFRESH = "`pulumi up --refresh --stack STACK`"
"""The remedy for what was changed outside of Pulumi."""
REMEDIES = {alarm.name: alarm.remedy for alarm in alarms(function_timeout=1, provisioned_table=False)}
"""Those of the alarms, by name."""

_INDENT = "    "
_PART = re.compile(r"`([^`]+)`(\S*)|\S+")


class State(StrEnum):
    """Result of a check; `BAD` and `UNKNOWN` make the stack unhealthy."""

    OK = "ok"
    NO_DATA = "no data"
    OLD = "old"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


STYLES = {
    State.OK: "green",
    State.NO_DATA: "dim",
    State.OLD: "yellow",
    State.WARNING: "yellow",
    State.BAD: "bold red",
    State.UNKNOWN: "bold magenta",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line on the screen; `next` is the next step."""

    name: Annotated[str, "what is checked, as `docs/runbook.md` lists it"]
    state: State
    text: Annotated[str, "what was found"]
    next: Annotated[str, "the next step, empty if none is needed"] = ""

    @property
    def unhealthy(self) -> bool:
        """Whether the stack is not healthy, or not known to be."""
        return self.state in (State.BAD, State.UNKNOWN)


def wrap_remedy(remedy: str, width: int) -> Iterator[str]:
    """Break a remedy into lines, between words but not within a command; one longer than a line can be pasted, too."""
    room = width - len(_INDENT) - 2
    lines = [""]
    for part in _PART.finditer(printable(remedy)):
        if part[1] and len(part[0]) > room:
            lines += [*wrap_command(part[1], room).split("\n"), ""]
        elif len(lines[-1]) + 1 + len(part[0]) > room:
            lines.append(part[0])
        else:
            lines[-1] = f"{lines[-1]} {part[0]}".lstrip()
    for number, line in enumerate(filter(None, lines)):
        yield from _fold(f"{_INDENT}{'→' if number == 0 else ' '} {line}", width)


def _fold(line: str, width: int) -> Iterator[str]:
    """Break a line whose words are longer than it within a word, as a shell reads it: no blank may follow."""
    while len(line) > width and "'" not in line:  # between quotes a shell does not join lines
        end = min(width - 1, len(line) - 3)  # what ends the line is not left alone
        yield f"{line[:end]}\\"
        line = line[end:]
    yield line
