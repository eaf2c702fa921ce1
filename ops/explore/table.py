"""Reads the table's rows page by page, and counts what that costs.

The table has no index by time: the rows of one partition key take a Query, the newest rows of all a Scan, whose pages
are therefore limited.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from event.schema import Schema
from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.explore.row import Row, as_text, parse_row
from ops.terminal.exact_json import encode

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
    stack: Stack, key: str | None, max_pages: int | None, stats: ScanStats, on_page: Callable[[], None]
) -> Iterator[Row]:
    """Read the rows of a partition key, or of all; `stats` is kept up to date.

    A page has up to 1 MB, which takes 128 read units (eventually consistent reads, half a unit for 4 KB).

    Args:
        key: in its canonical form, if it is a number.
        max_pages: pages to read; None reads everything.
        on_page: called after each page.

    Raises:
        OptionsError: the table is that of another event type.
        botocore.exceptions.ClientError: the table does not exist, or reading it is not allowed.
    """
    event, table = stack.event, stack.output("table_name")
    if key is None:
        pages: Iterable[Any] = stack.dynamodb.get_paginator("scan").paginate(
            TableName=table, ReturnConsumedCapacity="TOTAL"
        )
    else:
        name, stored_as = event.key_types[0]
        value: Any = {stored_as: key}
        pages = stack.dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames={"#key": name},
            ExpressionAttributeValues={":key": value},
            ScanIndexForward=False,
            ReturnConsumedCapacity="TOTAL",
        )
    for page in pages:
        stats.pages += 1
        stats.rows += len(page["Items"])
        stats.read_units += page["ConsumedCapacity"]["CapacityUnits"]
        stats.complete = "LastEvaluatedKey" not in page
        yield from _parse(event, table, page["Items"])
        on_page()
        if stats.pages == max_pages:
            return


def _parse(event: Schema, table: str, items: Iterable[Any]) -> Iterator[Row]:
    for item in items:
        try:
            row = parse_row(event, item)
        except KeyError:
            keys = " and ".join(f"{name} ({stored_as})" for name, stored_as in event.key_types)
            raise OptionsError(
                f"An item of {table} is no {event.noun}, whose key is {keys}: is this the table of another event type?"
            ) from None
        yield row


class Export:
    """A file of rows, as CSV or as JSON lines by its name's ending.

    A field of CSV that a spreadsheet would take for a formula gets an apostrophe in front, and escape
    characters are dropped ("CSV Injection", OWASP); `raw` leaves the fields as they are.
    """

    def __init__(self, path: Path, event: Schema, *, raw: bool) -> None:
        self.path = path
        self._event = event
        self._raw = raw
        self.rows = 0
        self.guarded = 0
        """Number of fields that were changed."""

    def write(self, rows: Iterable[Row]) -> None:
        """Write all rows, each with all of its attributes."""
        with self.path.open("w", encoding="utf-8", newline="") as file:
            if self.path.suffix == ".csv":
                writer = csv.writer(file)
                writer.writerow(self._event.names)
                for row in rows:
                    writer.writerow(map(self._field, row.values))
                    self.rows += 1
            else:
                for row in rows:
                    file.write(encode(row.as_data(), ensure_ascii=False) + "\n")
                    self.rows += 1

    def _field(self, value: Any) -> str:
        field = as_text(value)
        # A negative number begins like a formula, and is none.
        return field if self._raw or isinstance(value, int | Decimal) else self._guard(field)

    def _guard(self, field: str) -> str:
        safe = field.replace("\x1b", "")
        if safe.startswith(_FORMULA_STARTS):
            safe = f"'{safe}"
        self.guarded += safe != field
        return safe
