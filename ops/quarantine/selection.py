"""Selects the quarantined objects that a command applies to."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

import click

from ops.aws.stack import Stack
from ops.errors import ConfigError
from ops.quarantine.bucket import REASONS, Bucket, Entry
from ops.terminal.times import TIME

F = TypeVar("F", bound=Callable[..., Any])

_MAX_NAMED = 5
"""Keys named when a part of a key is ambiguous."""


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
            type=click.Choice(REASONS),
            metavar="REASON",
            help=f"Only objects of one reason: {', '.join(REASONS)} (given-up by Lambda: no retries or too old).",
        ),
    ):
        command = option(command)
    return command


def open_bucket(stack: Stack) -> Bucket:
    return Bucket(stack.s3, stack.output("quarantine_bucket"))


def find_entry(bucket: Bucket, name: str) -> Entry:
    """Find the object of a key, or the only one whose key contains a part of it.

    Raises:
        ConfigError: no key contains the part, or several do.
    """
    if not name:
        raise ConfigError("KEY is empty: `quarantine list` shows the keys.")
    if entry := bucket.entry(name):
        return entry
    found = [entry for entry in bucket.entries() if name in entry.key]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(f"{bucket.name} has no object {name}: `quarantine list` shows them.")
    keys = "".join(f"\n  {entry.key}" for entry in found[:_MAX_NAMED])
    more = f"\n  and {len(found) - _MAX_NAMED:,} more" if len(found) > _MAX_NAMED else ""
    raise ConfigError(f"{name} is part of the keys of {len(found):,} objects; give more of one:{keys}{more}")


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
