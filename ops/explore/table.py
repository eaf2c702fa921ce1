"""Reads the table's rows page by page, and counts what that costs.

The table is keyed by user and id, without an index by time: one user's rows take a Query, the newest rows of
all users a Scan, whose pages are therefore limited.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FORMATS = (".csv", ".jsonl")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Row:
    """A tweet as stored in the table; an attribute that a row lacks is empty."""

    username: str
    id: str
    timestamp: str
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """The key of the table."""
        return self.username, self.id

    @property
    def age_order(self) -> tuple[str, int, str]:
        """Sort key: oldest first, then the lower id; ids are numbers of any length."""
        return self.timestamp, len(self.id), self.id


@dataclass(slots=True)
class ScanStats:
    """Progress of a read and its consumption; `complete` when nothing is left."""

    rows: int = 0
    pages: int = 0
    read_units: float = 0.0
    complete: bool = False


def parse_row(item: dict[str, Any]) -> Row:
    """Parse an item in DynamoDB's JSON form."""
    return Row(*(item.get(name, {}).get("S", "") for name in ("Username", "Id", "Timestamp", "Message")))


def read(
    dynamodb: "DynamoDBClient",
    table: str,
    user: str | None,
    max_pages: int | None,
    stats: ScanStats,
    on_page: Callable[[], None],
) -> Iterator[Row]:
    """Read the rows of a user, or of all; `stats` is kept up to date.

    A page has up to 1 MB, which takes 128 read units (eventually consistent reads, half a unit for 4 KB).

    Args:
        max_pages: pages to read; None reads everything.
        on_page: called after each page.

    Raises:
        botocore.exceptions.ClientError: the table does not exist, or reading it is not allowed.
    """
    if user is None:
        pages: Iterable[Any] = dynamodb.get_paginator("scan").paginate(
            TableName=table, ReturnConsumedCapacity="TOTAL"
        )
    else:
        pages = dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="Username = :user",
            ExpressionAttributeValues={":user": {"S": user}},
            ScanIndexForward=False,
            ReturnConsumedCapacity="TOTAL",
        )
    for page in pages:
        stats.pages += 1
        stats.rows += len(page["Items"])
        stats.read_units += page["ConsumedCapacity"]["CapacityUnits"]
        stats.complete = "LastEvaluatedKey" not in page
        yield from map(parse_row, page["Items"])
        on_page()
        if stats.pages == max_pages:
            return


class Export:
    """A file of rows, as CSV or as JSON lines by its name's ending.

    A field of CSV that a spreadsheet would take for a formula gets an apostrophe in front, and escape
    characters are dropped ("CSV Injection", OWASP); `raw` leaves the fields as they are.
    """

    def __init__(self, path: Path, *, raw: bool) -> None:
        self.path = path
        self._raw = raw
        self.rows = 0
        self.guarded = 0
        """Number of fields that were changed."""

    def write(self, rows: Iterable[Row]) -> None:
        """Write all rows."""
        with self.path.open("w", encoding="utf-8", newline="") as file:
            if self.path.suffix == ".csv":
                writer = csv.writer(file)
                writer.writerow(("Username", "Id", "Timestamp", "Message"))
                for row in rows:
                    fields = (row.username, row.id, row.timestamp, row.message)
                    writer.writerow(fields if self._raw else map(self._guard, fields))
                    self.rows += 1
            else:
                for row in rows:
                    file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
                    self.rows += 1

    def _guard(self, field: str) -> str:
        safe = field.replace("\x1b", "")
        if safe.startswith(_FORMULA_STARTS):
            safe = f"'{safe}"
        self.guarded += safe != field
        return safe
