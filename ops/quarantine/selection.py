"""Selects the quarantined objects that a command applies to."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

import click

from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.quarantine.bucket import DISCARDED, REASONS, Bucket, Entry
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
    matches = [entry for entry in bucket.entries() if name in entry.key]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise OptionsError(f"{bucket.name} has no object {name}: `quarantine list` shows them.")
    keys = "".join(f"\n  {entry.key}" for entry in matches[:_MAX_NAMED])
    more = f"\n  and {len(matches) - _MAX_NAMED:,} more" if len(matches) > _MAX_NAMED else ""
    raise OptionsError(
        f"{name} is part of the keys of {len(matches):,} objects; give a longer part:{keys}{more}"
    )


def selected(
    bucket: Bucket, keys: Sequence[str], reason: str | None, since: datetime | None
) -> Sequence[Entry]:
    if keys and (reason or since):
        raise click.UsageError("Give keys, or --reason and --since, not both.")
    if not keys:
        return bucket.entries(reason, since)
    # Two names of one object select it once.
    return list({entry.key: entry for entry in (find_entry(bucket, key) for key in keys)}.values())


def by_reason(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    ordered = sorted(entries, key=lambda entry: (entry.reason, entry.since))
    return {reason: list(group) for reason, group in groupby(ordered, key=lambda entry: entry.reason)}
