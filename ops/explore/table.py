"""Reads the table's rows page by page, and counts what that costs.

The table has no index by time: the rows of one partition key take a Query, the newest rows of all a Scan, whose pages
are therefore limited.
"""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from event.schema import Schema
from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.explore.row import Row, as_text, members, parse_row
from ops.terminal.interrupt import DaemonPool

FORMATS = (".csv", ".jsonl")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(slots=True)
class ScanStats:
    """Progress of a read and its consumption; `complete` when nothing is left."""

    rows: int = 0
    pages: int = 0
    read_units: float = 0.0
    complete: bool = False


def read(
    stack: Stack,
    key: str | None,
    max_pages: int | None,
    segments: int,
    stats: ScanStats,
    on_page: Callable[[], None],
) -> Iterator[Sequence[Row]]:
    """Read the rows of a partition key, or of all, by page; `stats` is kept up to date.

    A page has up to 1 MB, which takes 128 read units (eventually consistent reads, half a unit for 4 KB).

    Args:
        key: in its canonical form, if it is a number.
        max_pages: pages to read; None reads everything.
        segments: parts of the table that are scanned at the same time.
        on_page: called after each page.

    Raises:
        OptionsError: the table is that of another event type.
        botocore.exceptions.ClientError: the table does not exist, or reading it is not allowed.
    """
    event, table = stack.event, stack.output("table_name")
    if key is None:
        scan = stack.dynamodb.get_paginator("scan")
        parts: list[Iterable[Any]] = [
            scan.paginate(
                TableName=table, ReturnConsumedCapacity="TOTAL", TotalSegments=segments, Segment=segment
            )
            for segment in range(segments)
        ]
    else:
        name, stored_as = event.key_types[0]
        value: Any = {stored_as: key}
        parts = [
            stack.dynamodb.get_paginator("query").paginate(
                TableName=table,
                KeyConditionExpression="#key = :key",
                ExpressionAttributeNames={"#key": name},
                ExpressionAttributeValues={":key": value},
                ScanIndexForward=False,
                ReturnConsumedCapacity="TOTAL",
            )
        ]
    unfinished = len(parts)
    for page in _read_pages(parts, max_pages):
        stats.pages += 1
        stats.rows += len(page["Items"])
        stats.read_units += page["ConsumedCapacity"]["CapacityUnits"]
        unfinished -= "LastEvaluatedKey" not in page
        stats.complete = not unfinished
        yield _parse(event, table, page["Items"])
        on_page()


def _read_pages(parts: Sequence[Iterable[Any]], max_pages: int | None) -> Iterator[Any]:
    """Yield the pages of all parts, up to a number, as they arrive; of each part, the next one is read meanwhile."""
    allowed = itertools.count() if max_pages is None else iter(range(max_pages))
    with DaemonPool(len(parts)) as pool:
        calls = {pool.submit(next, pages): pages for pages, _ in zip(map(iter, parts), allowed, strict=False)}
        while calls:
            for call in wait(calls, return_when=FIRST_COMPLETED).done:
                pages, page = calls.pop(call), call.result()
                if "LastEvaluatedKey" in page and next(allowed, None) is not None:
                    calls[pool.submit(next, pages)] = pages
                yield page


def _parse(event: Schema, table: str, items: Iterable[Any]) -> Sequence[Row]:
    try:
        return [parse_row(event, item) for item in items]
    except KeyError:
        keys = " and ".join(f"{name} ({stored_as})" for name, stored_as in event.key_types)
        raise OptionsError(
            f"An item of {table} is no {event.noun}, whose key is {keys}: is this the table of another event type?"
        ) from None


class Export:
    """A file of rows, as CSV or as JSON lines by its name's ending.

    A field of CSV that a spreadsheet would take for a formula gets an apostrophe in front, and escape
    characters are dropped ("CSV Injection", OWASP); `raw` leaves the fields as they are.
    """

    def __init__(self, path: Path, event: Schema, *, raw: bool) -> None:
        self.path = path
        self._event = event
        self._members = members(event)
        self._raw = raw
        self.rows = 0
        self.guarded = 0
        """Number of fields that were changed."""

    def write(self, pages: Iterable[Sequence[Row]]) -> None:
        """Write all rows, each with all of its attributes."""
        if self.path.suffix == ".csv":
            with self.path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(self._event.names)
                for rows in pages:
                    writer.writerows(map(self._field, row.values) for row in rows)
                    self.rows += len(rows)
        else:
            with self.path.open("wb") as lines:
                for rows in pages:
                    lines.writelines(map(self._line, rows))
                    self.rows += len(rows)

    def _line(self, row: Row) -> bytes:
        """Return a row as a line of JSON."""
        members = dict(zip(self._members, row.values, strict=True))
        return orjson.dumps(members, default=_exact, option=orjson.OPT_APPEND_NEWLINE)

    def _field(self, value: Any) -> str:
        if type(value) is str and not value.startswith(_FORMULA_STARTS) and "\x1b" not in value:
            return value  # nearly always
        field = as_text(value)
        # A negative number begins like a formula, and is none.
        return field if self._raw or isinstance(value, int | Decimal) else self._guard(field)

    def _guard(self, field: str) -> str:
        safe = field.replace("\x1b", "")
        if safe.startswith(_FORMULA_STARTS):
            safe = f"'{safe}"
        self.guarded += safe != field
        return safe


def _exact(number: Decimal) -> orjson.Fragment:
    """Return a number of JSON with all of its digits."""
    return orjson.Fragment(str(number))
