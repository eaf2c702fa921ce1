"""`python -m ops explore --top`: the busiest users and shards of the last minute of the stream."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from rich.table import Table

from event.limits import SHARD_BYTES, SHARD_RECORDS
from ops.aws.stack import Stack
from ops.explore.stream import StreamReader
from ops.terminal.display import cell_text, console, count, error_console, size, write_json

_SECONDS = 60


def show_top(stack: Stack, limit: int, as_json: bool) -> None:
    """Show which users and shards got the most records."""
    users, shards, sizes, total = Counter[str](), Counter[str](), Counter[str](), 0
    with error_console().status("Reading the last minute of the stream ..."):
        reader = StreamReader(stack, datetime.now(UTC) - timedelta(seconds=_SECONDS))
        for record in reader.read_all():
            total += 1
            shards[record.shard] += 1
            sizes[record.shard] += record.size
            users.update(row.username for row in record.rows)
    if as_json:
        write_json(
            {
                "seconds": _SECONDS,
                "records": total,
                "users": [{"username": name, "tweets": number} for name, number in users.most_common(limit)],
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
    console().print(_users(users, limit))
    console().print()
    console().print(_shards(shards, sizes, limit))
    console().print(
        f"\n{count(total, 'record')} with {count(users.total(), 'tweet')} of {count(len(users), 'user')} "
        f"on {count(len(shards), 'shard')} in the last minute."
    )
    if max(len(users), len(shards)) > limit:
        console().print(f"Shown are the busiest {limit:,} of each; --limit N shows more.")


def _users(users: Counter[str], limit: int) -> Table:
    """Return the table of users; one record may hold the tweets of many."""
    table = _table("User", "Tweets", "Share")
    for name, number in users.most_common(limit):
        table.add_row(cell_text(name), f"{number:,}", f"{number / users.total():.1%}")
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
