"""The demo's replay: the table is emptied, and the operator's command brings the same rows back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from event.schema import Schema
from local.aws.local_aws import LocalAws
from local.errors import DemoError

MAX_CALL_ITEMS = 25
"""In one BatchWriteItem (DynamoDB API reference)."""
_CONNECTIONS = 4

Row = str
"""All attributes of an item, as JSON."""


def read_rows(aws: LocalAws, table: str) -> set[Row]:
    """Read every row whole."""
    return {json.dumps(item, sort_keys=True) for item in _items(aws, table)}


def empty_table(aws: LocalAws, table: str, event: Schema) -> None:
    """Delete every row, as somebody might by mistake."""
    dynamodb = aws.client("dynamodb")
    deletions = [
        {"DeleteRequest": {"Key": event.key_item(event.parse_key(item))}} for item in _items(aws, table)
    ]
    calls = [deletions[start : start + MAX_CALL_ITEMS] for start in range(0, len(deletions), MAX_CALL_ITEMS)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        for answer in pool.map(lambda call: dynamodb.batch_write_item(RequestItems={table: call}), calls):
            if answer["UnprocessedItems"]:
                raise DemoError("local AWS did not delete every row")


def check_same_rows(before: set[Row], after: set[Row]) -> None:
    """Check that the table is what it was.

    Raises:
        DemoError: rows are missing, or differ.
    """
    if before != after:
        raise DemoError(f"{len(before - after):,} rows are missing, {len(after - before):,} differ")


def _items(aws: LocalAws, table: str) -> Iterator[dict[str, Any]]:
    for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]
