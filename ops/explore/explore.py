"""`python -m ops explore`: show the events in the table."""

import gc
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from event.attribute import Field
from event.poison import PoisonError, Reason
from event.schema import Schema
from ops.aws.stack import CONNECTIONS, Stack, stack_options
from ops.explore.chart import MAX_WIDTH, draw_history
from ops.explore.documents import Busiest, Explored, Exported, Followed
from ops.explore.follow import follow
from ops.explore.newest import Newest, find_newest
from ops.explore.row import Row, seconds, snake_case, unique, word
from ops.explore.screen import draw_line, print_table
from ops.explore.table import FORMATS, Export, ScanStats, read
from ops.explore.top import show_top
from ops.planning import prices
from ops.terminal.display import (
    capitalized,
    console,
    count,
    error_console,
    is_pipe,
    json_option,
    progress_bar,
    write_json,
    write_json_line,
)
from stack.printing import printable

_PRICES = prices.load()
_SHOWN = 20
_TOP_SHOWN = 10
_PAGE_BYTES = 1024 * 1024
_ALLOCATIONS = 200_000
"""Objects after which Python looks for cycles: pages have none, and its 700 take a quarter of a scan's CPU time."""
_USER_KEY = "Username"
"""The partition key whose values `--user` names."""


@dataclass(frozen=True, slots=True)
class _Result:
    """Rows to show, number of events read by second of the epoch, and consumption of the read.

    Attributes:
        beyond: the newest of the whole table, if only a part of it was read.
    """

    newest: Sequence[Row]
    per_second: Counter[int]
    stats: ScanStats
    beyond: Newest | None = None


@click.command(
    epilog="""\b
Examples:
  python -m ops explore --stack dev
  python -m ops explore --key c-17 --limit 100
  python -m ops explore --pages 0 --segments 4 --export events.csv
  python -m ops explore --follow
  python -m ops explore --follow --json | jq .
  python -m ops explore --top

The table has no index by time. The rows of one partition key take a query; all others take a scan, which
reads up to --pages pages of 1 MB, and says if that was only a part of the table, and what it cost. The newest
rows of a larger table are those of the events that arrived last: the stream is read back until they are found,
for up to 10 seconds and 32 MB, and each is looked up in the table. What is shown first says since when no row is
missing; an event whose own time is later than its arrival may be.

--follow reads the stream from now on, as the function does, and gets exactly the keys that arrive from
the table (BatchGetItem, half a read unit per event up to 4 KB): a row is shown once it is stored, and
nothing is scanned. It uses one of the five reads a second that a shard allows all its readers.

--top reads the last minute of the stream and shows which partition keys and shards are busiest: a shard takes
1,000 records or 1 MiB a second, and all events of a partition key go to one.

In a CSV file, a field that a spreadsheet would take for a formula starts with an apostrophe; --raw leaves it.
""",
)
@click.option("--key", metavar="VALUE", help="The events of one partition key.")
@click.option("--user", metavar="NAME", help=f"The same, if the partition key is {_USER_KEY}.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    show_default=f"{_SHOWN}; with --export or --follow, all",
    help="Show the newest N events.",
)
@click.option(
    "--pages",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Maximum number of 1 MB pages to read; 0 reads everything.",
)
@click.option("--follow", "following", is_flag=True, help="Show new rows as they are stored, until Ctrl-C.")
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the events to FILE, as .csv or .jsonl.",
)
@click.option(
    "--segments",
    type=click.IntRange(1, CONNECTIONS),
    default=1,
    show_default=True,
    help="Scan so many parts of the table at the same time, which takes as many read units in less time.",
)
@click.option("--raw", is_flag=True, help="Write CSV fields as they are, also those that are formulas.")
@click.option("--top", is_flag=True, help="Show the busiest partition keys and shards of the last minute.")
@json_option(Explored, Exported, Followed, Busiest)
@stack_options("region", "table_name", "stream_name", "event_type", reads_only=True)
def command(
    stack: Stack,
    key: str | None,
    user: str | None,
    limit: int | None,
    pages: int,
    following: bool,
    export: Path | None,
    segments: int,
    raw: bool,
    top: bool,
    as_json: bool,
) -> None:
    """Show the table's newest events, their number, and events over time."""
    _check_options(key, user, following, export, top, segments)
    key = _partition_key(stack, key, user)
    if top:
        show_top(stack, limit or _TOP_SHOWN, as_json)
    elif following:
        _follow(stack, key, limit, as_json)
    else:
        output = Export(export, stack.event, raw=raw) if export else None
        result = _read(stack, key, limit, pages or None, segments, output)
        if as_json:
            _write_json(stack.event, result, output)
        else:
            _print(stack, key, result, output)


def _check_options(
    key: str | None, user: str | None, following: bool, export: Path | None, top: bool, segments: int
) -> None:
    """Check that the options go together.

    Raises:
        click.UsageError: they do not.
    """
    if key is not None and user is not None:
        raise click.UsageError("give either --key or --user, not both.")
    if following and export:
        raise click.UsageError("--follow writes no file: use --follow --json and redirect it.")
    if export and export.suffix not in FORMATS:
        raise click.UsageError(f"--export {export}: the name must end in {' or '.join(FORMATS)}.")
    if export and not export.parent.is_dir():
        raise click.UsageError(
            f"--export {export}: the folder {export.parent} does not exist; create it first."
        )
    if top and (following or export or key or user):
        raise click.UsageError(
            "--top looks at the whole stream: leave out --key, --user, --follow and --export."
        )
    if segments > 1 and (following or top or key or user):
        raise click.UsageError("--segments divides a scan: leave out --key, --user, --follow and --top.")


def _partition_key(stack: Stack, key: str | None, user: str | None) -> str | None:
    """Return the partition key that the options name, as the table has it: a number in its canonical form.

    Raises:
        click.UsageError: the stack's events have no such key.
    """
    text = key if user is None else user
    if text is None:
        return None
    partition_key = stack.event.keys[0]
    if user is not None and partition_key.name != _USER_KEY:
        raise click.UsageError(
            f"the partition key of {stack.event.plural} is {partition_key.name}: name it with --key."
        )
    value: Any = text
    if partition_key.type.stored_as == "N":
        try:
            value = Decimal(text)
        except ArithmeticError:
            value = None
        if value is None or not value.is_finite():
            raise click.UsageError(f"--key {text}: {partition_key.name} is a number.")
    try:
        value = partition_key.type.read(Field(partition_key.name, "--key", True, Reason.INVALID_KEY), value)
    except PoisonError as error:
        raise click.UsageError(f"{error}.") from None
    return stack.event.key((value,))[0]


def _read(
    stack: Stack,
    key: str | None,
    limit: int | None,
    max_pages: int | None,
    segments: int,
    output: Export | None,
) -> _Result:
    """Read the table with a progress bar; the rows go to the export, or the newest of them into the result."""
    gc.set_threshold(_ALLOCATIONS)
    stats, per_second = ScanStats(), Counter[int]()
    newest: list[Row] = []
    with _progress(stack, key, max_pages, segments, stats) as pages:
        pages = _counted(stack.event, pages, per_second)
        if output:
            output.write([_newest(limit, pages)] if limit else pages)
        else:
            newest = _newest(limit or _SHOWN, pages)
    if output or key is not None or stats.complete:
        return _Result(newest, per_second, stats)
    beyond = find_newest(stack, newest, limit or _SHOWN, stats)
    return _Result(beyond.rows, per_second, stats, beyond)


def _newest(number: int, pages: Iterable[Sequence[Row]]) -> list[Row]:
    return heapq.nlargest(number, chain.from_iterable(pages), key=lambda row: row.age_order)


def _write_json(event: Schema, result: _Result, output: Export | None) -> None:
    document: dict[str, Any] = asdict(result.stats)
    if output:
        document["exported"] = output.rows
    else:
        document["newest_since"] = result.beyond and result.beyond.since
        document[unique(snake_case(event.plural), document)] = [row.as_data() for row in result.newest]
    write_json(document)


def _print(stack: Stack, key: str | None, result: _Result, output: Export | None) -> None:
    event = stack.event
    if result.beyond:
        console().print(_coverage(event, result.beyond, result.stats))
        console().print()
    if result.newest:
        print_table(event, result.newest)
        console().print()
    if result.per_second:
        width = MAX_WIDTH if is_pipe() else console().width
        console().print("\n".join(draw_history(result.per_second, width, event.plural)))
        console().print()
    elif not event.time and result.newest:
        console().print(
            f"{capitalized(event.plural)} have no time of their own, so there is no chart of them.\n"
        )
    if output:
        events = count(output.rows, event.noun, event.plural)
        console().print(f"{events} written to {output.path}.", soft_wrap=True)
        if output.guarded:
            fields = count(output.guarded, "field")
            console().print(f"{fields} guarded against spreadsheet formulas; --raw writes them as they are.")
    console().print(_summary(stack, key, result))


def _coverage(event: Schema, newest: Newest, stats: ScanStats) -> str:
    """Return what is certain of the rows that follow, when only a part of the table was read."""
    pages = count(stats.pages, "page")
    if newest.since is None:
        return (
            f"The newest of {pages} of the table; the rest, which --pages 0 reads too, may have newer ones. "
            f"The stream would show them, but {newest.cause}."
        )
    since = f"{newest.since:%Y-%m-%d %H:%M:%S} UTC"
    if newest.complete:
        return f"The newest {event.plural} of the whole table: the stream was read back to {since}."
    return (
        f"None is missing that arrived since {since}: the stream was read back to then. Older {event.plural} are the "
        f"newest of {pages} of the table; the rest, which --pages 0 reads too, may have newer ones."
    )


def _follow(stack: Stack, key: str | None, limit: int | None, as_json: bool) -> None:
    event, shown = stack.event, 0
    if not as_json:
        error_console().print(f"New rows of {stack.output('table_name')}; Ctrl-C ends.", style="dim")
        if not is_pipe():
            print_table(event, [])
    try:
        for row in follow(stack, key):
            if as_json:
                write_json_line(row.as_data())
            elif is_pipe():
                console().print(draw_line(row), no_wrap=True, overflow="ellipsis", crop=True)
            else:
                print_table(event, [row], show_header=False)
            shown += 1
            if shown == limit:
                break
    except KeyboardInterrupt:
        error_console().print(f"\nEnded after {count(shown, 'new row')}.", style="dim")


@contextmanager
def _progress(
    stack: Stack, key: str | None, max_pages: int | None, segments: int, stats: ScanStats
) -> Iterator[Iterator[Sequence[Row]]]:
    """Yield the rows by page, with a bar on standard error that shows the pages that were read, and what they cost."""
    columns = (
        TextColumn("Reading"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("pages, {task.fields[rows]:,} rows, {task.fields[cost]}"),
    )
    with progress_bar(*columns) as progress:
        total = None if key is not None else _pages(stack, max_pages)
        task = progress.add_task("", total=total, rows=0, cost=_cost(stats))

        def on_page() -> None:
            progress.update(task, completed=stats.pages, rows=stats.rows, cost=_cost(stats))

        yield read(stack, key, max_pages, segments, stats, on_page)


def _pages(stack: Stack, max_pages: int | None) -> int | None:
    """Estimate the pages that a scan will read from the table's size, which DynamoDB notes every six hours."""
    try:
        table = stack.dynamodb.describe_table(TableName=stack.output("table_name"))["Table"]
    except ClientError:
        return max_pages  # only the bar needs it
    pages = math.ceil(table.get("TableSizeBytes", 0) / _PAGE_BYTES)
    return min(pages, max_pages or pages) or max_pages


def _counted(
    event: Schema, pages: Iterable[Sequence[Row]], per_second: Counter[int]
) -> Iterator[Sequence[Row]]:
    for rows in pages:
        per_second.update(seconds(event, rows))
        yield rows


def _summary(stack: Stack, key: str | None, result: _Result) -> str:
    event, stats = stack.event, result.stats
    whose = f"{word(event.keys[0])} {printable(key)}" if key is not None else "the table"
    if not stats.rows and stats.complete:
        nothing, hint = f"No {event.plural}", f"`python -m ops status` shows whether {event.plural} flow"
        if key is not None:
            nothing += f" of {whose}"
            hint = f"{'names' if event.keys[0].name == _USER_KEY else 'values'} are exact, capitals included"
        return f"{nothing} in {stack.output('table_name')}; {hint}."
    read_all = count(stats.rows, event.noun, event.plural)
    cost = f"{count(stats.pages, 'page')} read, {_cost(stats)}"
    if stats.complete:
        return f"{read_all}: all of {whose} ({cost})."
    if result.beyond:
        part = f"{read_all} read, a part of {whose}{': the chart is of this part' if event.time else ''}"
        return f"{part}. --pages reads more, 0 all ({cost})."
    return (
        f"{read_all} read, a part of {whose}: newer {event.plural} may be in the rest. "
        f"--pages reads more, 0 all ({cost})."
    )


def _cost(stats: ScanStats) -> str:
    dollars = _PRICES["dynamodb-read"].of(stats.read_units)
    price = f"${dollars:,.4f}" if dollars >= 0.0001 else "less than $0.0001"
    return f"{stats.read_units:,.1f} read units, {price}"
