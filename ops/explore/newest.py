"""Finds the newest rows of a table that is too large to be read: what arrived last is on the stream."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from event.item import Key
from event.schema import Schema
from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.explore.row import Row
from ops.explore.stream import StreamReader, stored_rows
from ops.explore.table import ScanStats
from ops.terminal.display import error_console, size
from stack.printing import printable

_WINDOWS: Final = [timedelta(seconds=seconds) for seconds in (5, 60, 600, 3600, 86_400)] + [timedelta.max]
"""How far back the stream is read, one after the other until there are enough rows."""
_MAX_BYTES: Final = 32_000_000
"""Of the records that arrived in a window."""
_TIMEOUT: Final = 10.0
"""Seconds for all windows."""
_LOOKED_UP: Final = 100
"""Keys that are looked up in the table before the rows are counted again."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest rows, and how much of that is certain.

    Attributes:
        since: every row is among them that arrived at this time or later, if there are enough; None if that is
            certain of no time.
        complete: whether there is no newer row in the table than these.
        cause: why `since` is None.
    """

    rows: Sequence[Row]
    since: datetime | None
    complete: bool
    cause: str


class _LimitError(Exception):
    """Reading the stream takes too much time, or it has too many bytes."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A row on the stream, and when it arrived."""

    row: Row
    arrived: datetime

    @property
    def order(self) -> tuple[Any, ...]:
        """Sort key: oldest first by the event's own time, or by its arrival if it has none."""
        return self.row.age_order if self.row.event.time else (self.arrived,)


def find_newest(stack: Stack, read: Sequence[Row], limit: int, stats: ScanStats) -> Newest:
    """Find the newest rows of the table, of which a part was read: on the stream, back to where it is enough.

    An event's own time is taken to be earlier than its arrival. Rows that did not come by the stream are found only
    among those that were read.

    Args:
        read: the newest rows of the part that was read.
        limit: number of rows.
        stats: counts the read units.
    """
    found: list[Row] = []
    since, cause, complete = None, "", False
    deadline = time.monotonic() + _TIMEOUT
    try:
        with error_console().status("Reading the stream, which has the newest ..."):
            now = datetime.now(UTC)
            horizon = _horizon(stack, now)
            for window in _WINDOWS:
                begin = max(horizon, now - min(window, now - horizon))
                arrivals = _read_stream(stack, begin, deadline)
                found = _look_up(stack, arrivals, limit, deadline, stats)
                since = begin
                complete = sum(_is_since(row, begin) for row in found) >= limit
                if complete or begin == horizon:
                    break
    except _LimitError as error:
        cause = f"it has too many records: {error}"
    except (BotoCoreError, ClientError, OptionsError) as error:
        cause = f"it cannot be read: {printable(str(error))}"
    return Newest(_merge(stack.event, found, read, limit), since, complete, cause)


def _horizon(stack: Stack, now: datetime) -> datetime:
    """Return the time from which the stream has every record."""
    answer = stack.kinesis.describe_stream_summary(**stack.stream)
    stream = answer["StreamDescriptionSummary"]
    retained = now - timedelta(hours=stream["RetentionPeriodHours"])
    return max(retained, stream["StreamCreationTimestamp"].astimezone(UTC))


def _read_stream(stack: Stack, since: datetime, deadline: float) -> Sequence[_Arrival]:
    """Read what arrived since a time, the last first, and only the last of each key.

    Raises:
        _LimitError: that is too much.
    """
    arrivals: dict[Key, _Arrival] = {}
    read = 0
    for records in StreamReader(stack, since).read_all():
        for record in records:
            read += record.size
            for row in record.rows:
                arrivals.pop(row.key, None)
                arrivals[row.key] = _Arrival(row, record.arrived)
        if read > _MAX_BYTES:
            raise _LimitError(f"more than {size(_MAX_BYTES)} since {since:%H:%M:%S} UTC")
        _check(deadline)
    return list(arrivals.values())[::-1]


def _look_up(
    stack: Stack, arrivals: Sequence[_Arrival], limit: int, deadline: float, stats: ScanStats
) -> list[Row]:
    """Return the rows of the newest events that are stored, newest first, until there are enough.

    Raises:
        _LimitError: that takes too long.
    """
    newest = sorted(arrivals, key=lambda each: each.order, reverse=True)
    found: list[Row] = []
    while newest and len(found) < limit:
        _check(deadline)
        keys = [each.row.key for each in newest[:_LOOKED_UP]]
        stored = {row.key: row for row in stored_rows(stack, keys, stats)}
        found += [stored[key] for key in keys if key in stored]
        del newest[:_LOOKED_UP]
    return found


def _is_since(row: Row, begin: datetime) -> bool:
    """Whether no row that arrived before is newer; without an own time, the arrival decides."""
    return row.event.time is None or ((moment := row.moment) is not None and moment >= begin)


def _merge(event: Schema, found: Sequence[Row], read: Sequence[Row], limit: int) -> list[Row]:
    rows = {row.key: row for row in found}
    for row in read:
        rows.setdefault(row.key, row)
    if event.time:
        return heapq.nlargest(limit, rows.values(), key=lambda row: row.age_order)
    return list(rows.values())[:limit]


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise _LimitError(f"reading it took {_TIMEOUT:.0f} seconds")
