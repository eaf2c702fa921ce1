"""Times on the command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def whole_milliseconds(moment: datetime) -> datetime:
    """Cut a time to the precision in which the project writes every time."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class _Time(click.ParamType[datetime | None]):
    """A time in the past, to the millisecond: an age, or ISO 8601, in UTC unless it has an offset."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | None:
        if isinstance(value, datetime):
            return value
        if ago := re.fullmatch(r"(\d{1,6})([smhd])", value):
            return whole_milliseconds(datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither like 90m, 12h or 3d nor like 2026-11-23T14:00.", param, ctx)
        return whole_milliseconds(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))


TIME = _Time()
