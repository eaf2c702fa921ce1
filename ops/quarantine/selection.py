"""Selects the quarantined objects that a command applies to."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

import click

from ops.errors import ConfigError
from ops.quarantine.bucket import REASONS, Bucket, Entry
from ops.stack import Stack

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class _Since(click.ParamType[datetime | None]):
    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | None:
        if isinstance(value, datetime):
            return value
        if ago := re.fullmatch(r"(\d{1,6})([mhd])", value):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither like 90m, 12h or 3d nor like 2026-11-23T14:00.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def selection(command: F) -> F:
    """Add the options that select objects to a command."""
    for option in (
        click.option(
            "--since",
            type=_Since(),
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


def find_entry(bucket: Bucket, key: str) -> Entry:
    entry = bucket.entry(key)
    if entry is None:
        raise ConfigError(f"{bucket.name} has no object {key}: `quarantine list` shows them.")
    return entry


def selected(
    bucket: Bucket, keys: Sequence[str], reason: str | None, since: datetime | None
) -> Sequence[Entry]:
    if keys and (reason or since):
        raise click.UsageError("Give keys, or --reason and --since, not both.")
    return [find_entry(bucket, key) for key in keys] if keys else bucket.entries(reason, since)


def by_reason(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    ordered = sorted(entries, key=lambda entry: (entry.reason, entry.since))
    return {reason: list(group) for reason, group in groupby(ordered, key=lambda entry: entry.reason)}
