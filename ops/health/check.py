"""The result of a check: one line on the screen."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from stack.alarm_definitions import alarms

REFRESH = "`pulumi up --refresh`"
"""The remedy for what was changed outside of Pulumi."""
REMEDIES = {alarm.name: alarm.remedy for alarm in alarms(function_timeout=1, provisioned_table=False)}
"""Those of the alarms, by name."""


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
