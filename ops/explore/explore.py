"""`python -m ops explore`: show the tweets in the table."""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from botocore.exceptions import ClientError
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ops.aws.stack import Stack, stack_options
from ops.explore.chart import MAX_WIDTH, draw_history, parse_second
from ops.explore.follow import follow
from ops.explore.table import FORMATS, Export, Row, ScanStats, read
from ops.explore.top import show_top
from ops.planning import prices
from ops.terminal.display import (
    as_json_option,
    cell_text,
    console,
    count,
    error_console,
    is_pipe,
    progress_bar,
    write_json,
    write_json_line,
)
from stack.printing import printable

_PRICES = prices.load()
_SHOWN = 20
_TOP_SHOWN = 10
_PAGE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Result:
    """Rows to show, number of tweets read by second of the epoch, and consumption of the read."""

    newest: list[Row]
    per_second: Counter[int]
    stats: ScanStats


@click.command(
    short_help="Show what is in the table.",
    epilog="""\b
Examples:
  python -m ops explore --stack dev
  python -m ops explore --user nasa --limit 100
  python -m ops explore --pages 0 --export tweets.csv
  python -m ops explore --follow
  python -m ops explore --follow --json | jq .message
  python -m ops explore --top

The table has no index by time. One user's rows take a query; the newest rows of all take a scan, which
reads up to --pages pages of 1 MB, and says if that was only a part of the table, and what it cost.

--follow reads the stream from now on, as the function does, and gets exactly the keys that arrive from
the table (BatchGetItem, half a read unit per tweet up to 4 KB): a row is shown once it is stored, and
nothing is scanned. It uses one of the five reads a second that a shard allows all its readers.

--top reads the last minute of the stream and shows which users and shards are busiest: a shard takes 1,000
records or 1 MiB a second, and all tweets of a user go to one.

In a CSV file, a field that a spreadsheet would take for a formula starts with an apostrophe; --raw leaves it.
""",
)
@click.option("--user", metavar="NAME", help="The tweets of one user.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    show_default=f"{_SHOWN}; with --export or --follow, all",
    help="Show the newest N of the tweets that were read.",
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
    help="Write the tweets to FILE, as .csv or .jsonl.",
)
@click.option("--raw", is_flag=True, help="Write CSV fields as they are, also those that are formulas.")
@click.option("--top", is_flag=True, help="Show the busiest users and shards of the last minute.")
@as_json_option
@stack_options("region", "table_name", "stream_name", "event_type", reads_only=True)
def command(
    stack: Stack,
    user: str | None,
    limit: int | None,
    pages: int,
    following: bool,
    export: Path | None,
    raw: bool,
    top: bool,
    as_json: bool,
) -> None:
    """Show the table's newest tweets, their number, and tweets over time."""
    _check_options(user, following, export, top)
    if top:
        show_top(stack, limit or _TOP_SHOWN, as_json)
    elif following:
        _follow(stack, user, limit, as_json)
    else:
        output = Export(export, raw=raw) if export else None
        result = _read(stack, user, limit, pages or None, output)
        if as_json:
            _write_json(result, output)
        else:
            _print(stack, user, result, output)


def _check_options(user: str | None, following: bool, export: Path | None, top: bool) -> None:
    """Check that the options go together.

    Raises:
        click.UsageError: they do not.
    """
    if following and export:
        raise click.UsageError("--follow writes no file: use --follow --json and redirect it.")
    if export and export.suffix not in FORMATS:
        raise click.UsageError(f"--export {export}: the name must end in {' or '.join(FORMATS)}.")
    if export and not export.parent.is_dir():
        raise click.UsageError(
            f"--export {export}: the folder {export.parent} does not exist; create it first."
        )
    if top and (following or export or user):
        raise click.UsageError("--top looks at the whole stream: leave out --user, --follow and --export.")


def _read(
    stack: Stack, user: str | None, limit: int | None, max_pages: int | None, output: Export | None
) -> _Result:
    """Read the table with a progress bar; the rows go to the export, or the newest of them into the result."""
    stats, per_second = ScanStats(), Counter[int]()
    newest: list[Row] = []
    with _progress(stack, user, max_pages, stats) as rows:
        rows = _counted(rows, per_second)
        if output:
            output.write(_newest(limit, rows) if limit else rows)
        else:
            newest = _newest(limit or _SHOWN, rows)
    return _Result(newest, per_second, stats)


def _newest(number: int, rows: Iterable[Row]) -> list[Row]:
    return heapq.nlargest(number, rows, key=lambda row: row.age_order)


def _write_json(result: _Result, output: Export | None) -> None:
    tweets = [asdict(row) for row in result.newest]
    write_json({**asdict(result.stats), **({"exported": output.rows} if output else {"tweets": tweets})})


def _print(stack: Stack, user: str | None, result: _Result, output: Export | None) -> None:
    if result.newest:
        console().print(_table(result.newest))
        console().print()
    if result.per_second:
        width = MAX_WIDTH if is_pipe() else console().width
        console().print("\n".join(draw_history(result.per_second, width)))
        console().print()
    if output:
        console().print(f"{count(output.rows, 'tweet')} written to {output.path}.", soft_wrap=True)
        if output.guarded:
            fields = count(output.guarded, "field")
            console().print(f"{fields} guarded against spreadsheet formulas; --raw writes them as they are.")
    console().print(_summary(stack, user, result.stats))


def _follow(stack: Stack, user: str | None, limit: int | None, as_json: bool) -> None:
    shown = 0
    if not as_json:
        error_console().print(f"New rows of {stack.output('table_name')}; Ctrl-C ends.", style="dim")
    try:
        for row in follow(stack, user):
            if as_json:
                write_json_line(asdict(row))
            else:
                console().print(_line(row), no_wrap=True, overflow="ellipsis", crop=True)
            shown += 1
            if shown == limit:
                break
    except KeyboardInterrupt:
        error_console().print(f"\nEnded after {count(shown, 'new row')}.", style="dim")


@contextmanager
def _progress(
    stack: Stack, user: str | None, max_pages: int | None, stats: ScanStats
) -> Iterator[Iterator[Row]]:
    """Yield the rows, with a bar on standard error that shows the pages as they are read, and what they cost."""
    columns = (
        TextColumn("Reading"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("pages, {task.fields[rows]:,} rows, {task.fields[cost]}"),
    )
    with progress_bar(*columns) as progress:
        total = None if user else _pages(stack, max_pages)
        task = progress.add_task("", total=total, rows=0, cost=_cost(stats))

        def on_page() -> None:
            progress.update(task, completed=stats.pages, rows=stats.rows, cost=_cost(stats))

        yield read(stack.dynamodb, stack.output("table_name"), user, max_pages, stats, on_page)


def _pages(stack: Stack, max_pages: int | None) -> int | None:
    """Estimate the pages that a scan will read from the table's size, which DynamoDB notes every six hours."""
    try:
        table = stack.dynamodb.describe_table(TableName=stack.output("table_name"))["Table"]
    except ClientError:
        return max_pages  # only the bar needs it
    pages = math.ceil(table.get("TableSizeBytes", 0) / _PAGE_BYTES)
    return min(pages, max_pages or pages) or max_pages


def _counted(rows: Iterable[Row], per_second: Counter[int]) -> Iterator[Row]:
    for row in rows:
        second = parse_second(row.timestamp)
        if second is not None:
            per_second[second] += 1
        yield row


def _table(rows: Iterable[Row]) -> Table:
    pipe = is_pipe()
    wide = pipe or console().width >= 110
    table = Table(box=None, pad_edge=False, header_style="bold", expand=not pipe)
    table.add_column("Created (UTC)", no_wrap=True, width=19)
    table.add_column("User", no_wrap=True, overflow="ellipsis", width=None if pipe else 24 if wide else 15)
    if wide:
        table.add_column("Id", no_wrap=True, overflow="ellipsis", width=None if pipe else 20)
    table.add_column("Message", no_wrap=True, overflow="ellipsis", ratio=None if pipe else 1)
    for row in rows:
        cells = [_clock(row), cell_text(row.username), cell_text(row.message)]
        if wide:
            cells.insert(2, cell_text(row.id))
        table.add_row(*map(Text, cells))
    return table


def _line(row: Row) -> Text:
    return Text.assemble(
        (_clock(row), "dim"), "  ", (cell_text(row.username), "bold"), "  ", cell_text(row.message)
    )


def _clock(row: Row) -> str:
    return printable(row.timestamp)[:19].replace("T", " ")


def _summary(stack: Stack, user: str | None, stats: ScanStats) -> str:
    whose = f"user {printable(user)}" if user else "the table"
    if not stats.rows and stats.complete:
        hint = (
            "names are exact, capitals included"
            if user
            else "`python -m ops status` shows whether tweets flow"
        )
        return f"No tweet of {whose} in {stack.output('table_name')}; {hint}."
    read_all = count(stats.rows, "tweet")
    cost = f"{count(stats.pages, 'page')} read, {_cost(stats)}"
    if stats.complete:
        return f"{read_all}: all of {whose} ({cost})."
    return (
        f"{read_all} read, a part of {whose}: newer tweets may be in the rest. "
        f"--pages reads more, 0 all ({cost})."
    )


def _cost(stats: ScanStats) -> str:
    dollars = _PRICES["dynamodb-read"].of(stats.read_units)
    price = f"${dollars:,.4f}" if dollars >= 0.0001 else "less than $0.0001"
    return f"{stats.read_units:,.1f} read units, {price}"
