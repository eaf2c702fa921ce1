"""Draws the resources of a stack as they are created, or deleted after a failure: one row per component."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from local.pulumi.deploy import Event

_MARKS = {
    "failed": ("✘", "red"),
    "creating": ("…", "yellow"),
    "deleting": ("…", "yellow"),
    "created": ("✔", "green"),
    "deleted": ("-", "dim"),
}
"""How a phase is drawn; of several resources the first of these phases."""


@dataclass
class _Component:
    kind: str
    phases: dict[str, str] = field(default_factory=dict)
    """Resource URN -> its phase."""


class ResourceTree:
    """A renderable for `rich.live`; `show` accepts the events of a deployment from any thread."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._components: dict[str, _Component] = {}
        self._lock = threading.Lock()

    def show(self, event: "Event") -> None:
        """Take an event in."""
        with self._lock:
            if not event.token.startswith("aws:"):
                self._components[event.urn] = _Component(_kind(event.token))
            else:
                component = self._components.setdefault(event.parent, _Component(_kind(event.parent)))
                component.phases[event.urn] = event.phase

    def __rich__(self) -> Table:
        rows = Table.grid(padding=(0, 1))
        rows.add_row(Text("  " + self._stack, style="bold"), "")
        with self._lock:
            for component in self._components.values():
                rows.add_row(Text(f"  └ {component.kind}"), _resources(component.phases))
        return rows


def _resources(phases: dict[str, str]) -> Columns:
    by_kind: dict[str, list[str]] = {}
    for urn, phase in phases.items():
        by_kind.setdefault(_kind(urn), []).append(phase)
    entries = []
    for kind, group in by_kind.items():
        mark, style = next(drawn for phase, drawn in _MARKS.items() if phase in group)
        count = f" x {len(group)}" if len(group) > 1 else ""
        entries.append(Text.assemble((mark, style), f" {kind}{count}"))
    return Columns(entries, padding=(0, 2))


def _kind(token_or_urn: str) -> str:
    """Return `Stream` from `aws:kinesis/stream:Stream`, or from the URN of such a resource."""
    token = token_or_urn.split("::")[2] if "::" in token_or_urn else token_or_urn
    return token.rsplit(":", 1)[1]
