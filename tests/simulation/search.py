"""Runs worlds, and shrinks the history of one that fails until no single event can be left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.simulation import laboratory, laws
from tests.simulation.history import Event, Setup, draw


@dataclass(frozen=True)
class Failure:
    """A world that breaks a law."""

    seed: int
    setup: Setup
    events: tuple[Event, ...]
    violations: tuple[str, ...]

    def __str__(self) -> str:
        events = "\n".join(f"  {event}" for event in self.events)
        broken = "\n".join(f"  {violation}" for violation in self.violations)
        return f"seed {self.seed}\n{broken}\n{self.setup}\n{events}"


def run(seed: int, setup: Setup, events: Sequence[Event]) -> list[str]:
    """Run a world; return its violations."""
    try:
        return laws.violations(laboratory.live(seed, setup, events))
    except Exception as error:  # noqa: BLE001  -- whatever it is, it is a finding
        return [f"no_part_fails: {error!r}"]


def find(seeds: Iterable[int], *, on_done: Callable[[], object] = lambda: None) -> Failure | None:
    """Return the first seed's failure, unshrunk, or None."""
    for seed in seeds:
        setup, events = draw(seed)
        broken = run(seed, setup, events)
        on_done()
        if broken:
            return Failure(seed, setup, tuple(events), tuple(broken))
    return None


def shrink(failure: Failure) -> Failure:
    """Leave out events, first in halves and at last one by one, as long as the same law is broken."""
    law = failure.violations[0].partition(":")[0]
    events, broken = list(failure.events), list(failure.violations)
    size = max(1, len(events) // 2)
    while True:
        start, left_out = 0, False
        while start < len(events):
            fewer = events[:start] + events[start + size :]
            violations = run(failure.seed, failure.setup, fewer)
            if any(violation.startswith(f"{law}:") for violation in violations):
                events, broken, left_out = fewer, violations, True
            else:
                start += size
        if size == 1 and not left_out:
            return Failure(failure.seed, failure.setup, tuple(events), tuple(broken))
        size = max(1, size // 2)
