"""`python -m ops explore --top`: the busiest partition keys and shards of the last minute of the stream."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from rich.table import Table

from event.limits import SHARD_BYTES, SHARD_RECORDS
from event.schema import Schema
from ops.aws.stack import Stack
from ops.explore.row import as_text, members, snake_case, title, unique, word
from ops.explore.stream import StreamReader
from ops.terminal.display import capitalized, cell_text, console, count, error_console, size, write_json

_SECONDS = 60


def show_top(stack: Stack, limit: int, as_json: bool) -> None:
    """Show which partition keys and shards got the most records."""
    event = stack.event
    keys, shards, sizes, total = Counter[Any](), Counter[str](), Counter[str](), 0
    with error_console().status("Reading the last minute of the stream ..."):
        end = datetime.now(UTC)  # what arrives from now on has no end on a large stream
        reader = StreamReader(stack, end - timedelta(seconds=_SECONDS))
        for record in chain.from_iterable(reader.read_all(end)):
            total += 1
            shards[record.shard] += 1
            sizes[record.shard] += record.size
            keys.update(row.values[0] for row in record.rows)
    if as_json:
        key, events = members(event)[0], snake_case(event.plural)
        busiest = [{key: value, unique(events, [key]): number} for value, number in keys.most_common(limit)]
        write_json(
            {
                "seconds": _SECONDS,
                "records": total,
                unique(snake_case(f"{word(event.keys[0])}s"), ("seconds", "records", "shards")): busiest,
                "shards": [
                    {"shard": name, "records": number, "bytes": sizes[name]}
                    for name, number in shards.most_common(limit)
                ],
            }
        )
        return
    if not total:
        console().print(f"No record on {stack.output('stream_name')} in the last minute.")
        return
    console().print(_keys(event, keys, limit))
    console().print()
    console().print(_shards(shards, sizes, limit))
    console().print(
        f"\n{count(total, 'record')} with {count(keys.total(), event.noun, event.plural)} of "
        f"{count(len(keys), word(event.keys[0]))} on {count(len(shards), 'shard')} in the last minute."
    )
    if max(len(keys), len(shards)) > limit:
        console().print(f"Shown are the busiest {limit:,} of each; --limit N shows more.")


def _keys(event: Schema, keys: Counter[Any], limit: int) -> Table:
    """Return the table of partition keys; one record may hold the events of many."""
    table = _table(title(event.keys[0]), capitalized(event.plural), "Share")
    for value, number in keys.most_common(limit):
        table.add_row(cell_text(as_text(value)), f"{number:,}", f"{number / keys.total():.1%}")
    return table


def _shards(shards: Counter[str], sizes: Counter[str], limit: int) -> Table:
    table = _table("Shard", "Records", "Records/s", "Size/s", "Of its capacity")
    for name, number in shards.most_common(limit):
        load = max(number / SHARD_RECORDS, sizes[name] / SHARD_BYTES) / _SECONDS
        table.add_row(
            name,
            f"{number:,}",
            f"{number / _SECONDS:,.1f}",
            size(round(sizes[name] / _SECONDS)),
            f"{load:.1%}",
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
