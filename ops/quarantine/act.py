"""`python -m ops quarantine redrive` and `purge`."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import FrameType

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from ops.display import as_json_option, console, count, progress_bar, write_json
from ops.quarantine.redrive import Redrive, Summary
from ops.quarantine.selection import bucket_of, by_reason, read_object, selected, selection
from ops.stack import Stack, stack_options


@click.command(
    epilog="""\b
Examples:
  python -m ops quarantine redrive --stack dev --dry-run
  python -m ops quarantine redrive --reason given-up --since 3d --rate 500
  python -m ops quarantine redrive KEY --payload mended.json
  python -m ops quarantine redrive --max-redrives 2

Mend the cause first. If it is the record itself: `quarantine show KEY --raw > mended.json`, edit that,
and redrive KEY with --payload. An object is deleted once the stream has acknowledged all its records, so
an interruption loses nothing; repeated, it may send records twice, which the table's key makes harmless.
A record goes behind those that are on the stream already: an old version of a tweet replaces a newer one.
"""
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@selection
@click.option(
    "--rate",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    metavar="N",
    help="Most records a second.",
)
@click.option(
    "--max-redrives",
    "most",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Leave alone what came back after N redrives.",
)
@click.option(
    "--payload",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Send the bytes of FILE in place of the payload; for one KEY with one record.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and delete nothing.")
@as_json_option
@stack_options("region", "quarantine_bucket", "stream_name")
def redrive(
    stack: Stack,
    keys: tuple[str, ...],
    reason: str | None,
    since: datetime | None,
    rate: int,
    most: int,
    payload: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put quarantined records back on the stream: those of each KEY, or all that the options select."""
    bucket = bucket_of(stack)
    entries = selected(bucket, keys, reason, since)
    if payload:
        if len(keys) != 1:
            raise click.UsageError("--payload needs exactly one KEY.")
        if (records := len(read_object(bucket, entries[0]).records)) != 1:
            raise click.UsageError(
                f"{keys[0]} holds {count(records, 'record')}, --payload replaces a single one: redrive it "
                "as it is, and the function quarantines the bad record alone."
            )
    with _interruptible() as stop, _progress("Redriving", len(entries)) as (advance, note):
        run = Redrive(
            bucket, stack.kinesis, stack.output("stream_name"), rate=rate, most=most, stop=stop, note=note
        )
        failed = True
        try:
            run.run(
                entries,
                payload=payload.read_bytes() if payload else None,
                dry_run=dry_run,
                on_done=advance,
            )
            failed = False
        finally:
            interrupted = failed or stop.is_set()
            if as_json:
                write_json({**asdict(run.summary), "interrupted": interrupted, "dry_run": dry_run})
            else:
                console().print(_sentence(run.summary, interrupted, dry_run), soft_wrap=True)
    if run.summary.kept or run.summary.unreadable:
        sys.exit(1)


@click.command(
    epilog="""\b
Examples:
  python -m ops quarantine purge --reason control-message
  python -m ops quarantine purge KEY --yes
"""
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@selection
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
@stack_options("region", "quarantine_bucket")
def purge(
    stack: Stack,
    keys: tuple[str, ...],
    reason: str | None,
    since: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete quarantined records for good: those of each KEY, or all that the options select."""
    bucket = bucket_of(stack)
    entries = selected(bucket, keys, reason, since)
    if entries and not yes:
        what = ", ".join(f"{len(group):,} {name}" for name, group in by_reason(entries).items())
        question = f"Delete {count(len(entries), 'object')} ({what}) of {bucket.name} for good?"
        click.confirm(question, abort=True, err=True)
    bucket.delete(entry.key for entry in entries)
    if not (keys or reason or since):
        bucket.delete(bucket.markers())
    if as_json:
        write_json({"deleted": len(entries)})
    else:
        console().print(f"{count(len(entries), 'object')} deleted from {bucket.name}.", soft_wrap=True)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, the first time; the second time they end the process."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(what: str, objects: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """A bar on standard error: functions that advance it, and that say something above it."""
    columns = (TextColumn(what), BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("objects"))
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=objects)
        yield (
            lambda done: progress.advance(task, done),
            lambda message: progress.console.print(message, soft_wrap=True),
        )


def _sentence(summary: Summary, interrupted: bool, dry_run: bool) -> str:
    """The exact end of a redrive."""
    if not summary.selected:
        return "Nothing in quarantine is selected."
    verb = "would be redriven" if dry_run else "redriven"
    parts = [f"{count(summary.redriven, 'object')} ({count(summary.records, 'record')}) {verb}"]
    if summary.returned:
        parts.append(f"{summary.returned:,} skipped, redriven before (--max-redrives)")
    if summary.unreadable:
        parts.append(f"{summary.unreadable:,} unreadable")
    if summary.kept:
        parts.append(f"{summary.kept:,} kept")
    lead = "Interrupted. " if interrupted else ""
    end = " Run it again for the rest." if summary.kept else ""
    return f"{lead}Of {count(summary.selected, 'object')}: {', '.join(parts)}.{end}"
