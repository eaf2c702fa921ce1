"""Rows of the table, read page by page, with what the reading costs.

The table is keyed by user and id, without an index by time: the rows of one user are a Query; the newest of
all users need a Scan, which is therefore bounded by pages.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FORMATS = (".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class Row:
    """A tweet as the table has it; an attribute that a row lacks is empty."""

    username: str
    id: str
    timestamp: str
    message: str

    @property
    def age_order(self) -> tuple[str, int, str]:
        """Sorts the oldest first, in the same millisecond the lower id: ids are numbers of any length."""
        return self.timestamp, len(self.id), self.id


@dataclass(slots=True)
class Reading:
    """How far a reading is and what it consumed; `complete` when nothing was left to read."""

    rows: int = 0
    pages: int = 0
    read_units: float = 0.0
    complete: bool = False


def row_of(item: dict[str, Any]) -> Row:
    """A row from DynamoDB's form of an item."""
    return Row(*(item.get(name, {}).get("S", "") for name in ("Username", "Id", "Timestamp", "Message")))


def read(
    dynamodb: "DynamoDBClient",
    table: str,
    user: str | None,
    most_pages: int | None,
    reading: Reading,
    on_page: Callable[[], None],
) -> Iterator[Row]:
    """Read the rows of a user, or of all; `reading` is kept up to date.

    A page is 1 MB at most, so 128 read units (eventually consistent reads, half a unit for 4 KB).

    Args:
        most_pages: where to stop; None reads everything.
        on_page: called after each page.

    Raises:
        botocore.exceptions.ClientError: the table is not there, or may not be read.
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
        reading.pages += 1
        reading.rows += len(page["Items"])
        reading.read_units += page["ConsumedCapacity"]["CapacityUnits"]
        reading.complete = "LastEvaluatedKey" not in page
        yield from map(row_of, page["Items"])
        on_page()
        if reading.pages == most_pages:
            return


@contextmanager
def exporter(path: Path) -> Iterator[Callable[[Row], object]]:
    """Write rows to a file, as CSV or as JSON lines by its name's ending."""
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file)
            writer.writerow(("Username", "Id", "Timestamp", "Message"))
            yield lambda row: writer.writerow((row.username, row.id, row.timestamp, row.message))
        else:
            yield lambda row: file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
