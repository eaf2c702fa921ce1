"""Selects the quarantined objects that a command applies to."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import click
from rich.progress import TextColumn

from ops.aws.s3 import PAGE
from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.quarantine.bucket import DISCARDED, REASONS, Bucket, Entry
from ops.terminal.display import progress_bar
from ops.terminal.times import TIME

F = TypeVar("F", bound=Callable[..., Any])

_MAX_NAMED = 5
"""Keys that the message names when a part of a key is ambiguous."""


class _Reason(click.Choice[str]):
    """A reason, also by the name that release 1.0.0 had for `discarded`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(DISCARDED if value == "given-up" else value, param, ctx)


def selection(command: F) -> F:
    """Add the options that select objects to a command."""
    for option in (
        click.option(
            "--since",
            type=TIME,
            metavar="TIME",
            help="Only objects quarantined since then: 90m, 12h or 3d ago, or a time in UTC.",
        ),
        click.option(
            "--reason",
            type=_Reason(REASONS),
            metavar="REASON",
            help=f"Only objects of one reason: {', '.join(REASONS)} (by Lambda: no retries left, or too old).",
        ),
    ):
        command = option(command)
    return command


def open_bucket(stack: Stack) -> Bucket:
    return Bucket(stack.s3, stack.output("quarantine_bucket"))


def find_entry(bucket: Bucket, name: str) -> Entry:
    """Find the object of a key, or the only one whose key contains a part of it.

    Raises:
        OptionsError: no key contains the part, or several do.
    """
    if not name:
        raise OptionsError("KEY is empty: `quarantine list` shows the keys.")
    if entry := bucket.entry(name):
        return entry
    totals = Totals()
    matches = totals.counting(entry for entry in entries(bucket) if name in entry.key)
    named = list(islice(matches, _MAX_NAMED))
    deque(matches, maxlen=0)  # counts the others
    if totals.objects == 1:
        return named[0]
    if not named:
        raise OptionsError(f"{bucket.name} has no object {name}: `quarantine list` shows them.")
    keys = "".join(f"\n  {entry.key}" for entry in named)
    more = f"\n  and {totals.objects - _MAX_NAMED:,} more" if totals.objects > _MAX_NAMED else ""
    raise OptionsError(
        f"{name} is part of the keys of {totals.objects:,} objects; give a longer part:{keys}{more}"
    )


def selected(
    bucket: Bucket, keys: Sequence[str], reason: str | None, since: datetime | None
) -> Iterable[Entry]:
    """Return the objects of each key, or all that match the options.

    Raises:
        OptionsError: no object or several have one of the keys.
        click.UsageError: there are keys and options both.
    """
    if keys and (reason or since):
        raise click.UsageError("Give keys, or --reason and --since, not both.")
    if not keys:
        return entries(bucket, reason, since)
    # Two names of one object select it once.
    return {entry.key: entry for entry in (find_entry(bucket, key) for key in keys)}.values()


def entries(bucket: Bucket, reason: str | None = None, since: datetime | None = None) -> Iterator[Entry]:
    """Yield the objects of a reason and since a time if given, and show on a terminal how many were found."""
    with progress_bar(TextColumn("Listing: {task.completed:,.0f} objects")) as progress:
        task = progress.add_task("", total=None)
        for number, entry in enumerate(bucket.entries(reason, since), 1):
            if number % PAGE == 0:
                progress.update(task, completed=number)
            yield entry


def age(entry: Entry) -> tuple[datetime, str]:
    """Return what sorts objects by their age, the oldest first."""
    return entry.since, entry.key


@dataclass(slots=True)
class ReasonTotals:
    """Number, bytes, and first and last time of the objects of one reason."""

    objects: int
    size: int
    oldest: datetime
    newest: datetime


class Totals:
    """Totals of objects by reason, which are counted while they pass by."""

    def __init__(self) -> None:
        self._reasons: dict[str, ReasonTotals] = {}

    @property
    def objects(self) -> int:
        """The number of objects so far."""
        return sum(reason.objects for reason in self._reasons.values())

    @property
    def reasons(self) -> dict[str, ReasonTotals]:
        """The totals so far, sorted by reason."""
        return dict(sorted(self._reasons.items()))

    def counting(self, objects: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the objects, and count each."""
        for entry in objects:
            totals = self._reasons.get(entry.reason)
            if totals is None:
                totals = self._reasons[entry.reason] = ReasonTotals(0, 0, entry.since, entry.since)
            totals.objects += 1
            totals.size += entry.size
            totals.oldest = min(totals.oldest, entry.since)
            totals.newest = max(totals.newest, entry.since)
            yield entry
