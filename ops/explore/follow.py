"""Follows new rows of the table, which it learns of from the stream."""

import time
from collections import OrderedDict
from collections.abc import Iterator

from event.item import Key
from ops.aws.stack import Stack
from ops.explore.row import Row
from ops.explore.stream import StreamReader, stored_rows

POLL_SECONDS = 1.0
_MAX_AWAITED = 10_000
"""Maximum number of events on the stream to wait for in the table; beyond it the oldest are forgotten."""


def follow(stack: Stack, key: str | None) -> Iterator[Row]:
    """Yield each row that is stored from now on, of one partition key or of all, oldest first in each second.

    The stream tells which keys to expect, the table whether they are stored; an event that is not stored yet
    is looked up again. Ends only with an exception.

    Raises:
        botocore.exceptions.ClientError: reading the stream or the table is not allowed.
    """
    stream = StreamReader(stack)
    awaited: OrderedDict[Key, None] = OrderedDict()
    while True:
        began = time.monotonic()
        for record in stream.read():
            for row in record.rows:
                if key in (None, row.key[0]):
                    awaited[row.key] = None
            for deleted in record.deleted:
                awaited.pop(deleted, None)
        while len(awaited) > _MAX_AWAITED:
            awaited.popitem(last=False)
        rows = list(stored_rows(stack, list(awaited)))
        for row in rows:
            del awaited[row.key]
        yield from sorted(rows, key=lambda row: row.age_order)
        time.sleep(max(0.0, began + POLL_SECONDS - time.monotonic()))
