"""`python -m ops quarantine`: list, show, redrive and purge what could not be stored."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table

from event.poison import PoisonError
from ops.aws.mapping import mapping_filters
from ops.aws.rate_limiter import rate_option
from ops.aws.stack import CONNECTIONS, Stack, stack_options
from ops.quarantine.lease import Leases
from ops.quarantine.markers import RedriveMarkers
from ops.quarantine.presentation import (
    Listed,
    Purged,
    Redriven,
    Shown,
    clock,
    describe,
    describe_object,
    filter_description,
    headline,
    key_lines,
    payload_lines,
    redrive_times,
    show_command,
    summarize,
)
from ops.quarantine.redrive import Redriver
from ops.quarantine.repair import parse_repair
from ops.quarantine.selection import Totals, age, entries, find_entry, open_bucket, selected, selection
from ops.terminal.display import (
    console,
    count,
    json_option,
    progress_bar,
    size,
    span,
    write_json,
)
from ops.terminal.interrupt import DaemonPool, interruptible
from stack.printing import printable

_RECORDS_SHOWN = 10


@click.group(
    "quarantine",
    epilog="""\b
Examples:
  python -m ops quarantine list --reason not-json
  python -m ops quarantine show KEY
  python -m ops quarantine redrive --stack dev --reason discarded --dry-run
  python -m ops quarantine purge KEY --stack dev

event/README.md explains the reasons. `invalid` and `invalid-key` are what the definition of the stack's events
does not allow: the error names the attribute.
""",
)
def command() -> None:
    """Records that could not be stored, with their payload and the reason.

    The function quarantines a record that can never be stored; Lambda quarantines a batch that ran out of
    retries or age. They stay until they are redriven or purged, or until they expire.
    """


@command.command(
    "list",
    epilog="""\b
Examples:
  python -m ops quarantine list --stack dev
  python -m ops quarantine list --since 12h --json | jq -r '.objects[].key'
""",
)
@selection
@click.option(
    "--limit", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Show the newest N."
)
@json_option(Listed)
@stack_options("region", "quarantine_bucket", reads_only=True)
def list_(stack: Stack, reason: str | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """List quarantined objects: totals by reason, and the newest objects."""
    bucket = open_bucket(stack)
    totals = Totals()
    newest = nlargest(max(1, limit), totals.counting(entries(bucket, reason, since)), age)[:limit]
    objects = list(describe(bucket, newest))
    if as_json:
        write_json(Listed(total=totals.objects, reasons=_counts(totals), objects=objects))
        return
    if not totals.objects:
        console().print(
            f"The quarantine {bucket.name} is empty{filter_description(reason, since)}.", soft_wrap=True
        )
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Reason", "Objects", "Size", "Oldest", "Newest"):
        table.add_column(heading, justify="left" if heading == "Reason" else "right")
    for name, own in totals.reasons.items():
        table.add_row(
            name,
            f"{own.objects:,}",
            size(own.size),
            f"{span(now - own.oldest)} ago",
            f"{span(now - own.newest)} ago",
        )
    console().print(table)
    out = console()
    for described in objects:
        out.print()
        out.print(headline(described))
        for line in key_lines(described["key"], out.width):
            out.print(line, soft_wrap=True)
    if len(newest) < totals.objects:
        console().print(f"\nThe newest {len(newest):,} of {totals.objects:,}; --limit shows more.")
    if objects:
        out.print("\nNext, for instance:", style="dim")
        out.print(show_command(objects[0]["key"], stack.arguments, out.width), style="dim", soft_wrap=True)


@command.command(
    epilog="""\b
Examples:
  python -m ops quarantine show records/not-json/2026-11-23/shardId-000000000000/4960.json
  python -m ops quarantine show 4960 --raw > payload

KEY is an object's key, or any part of it that no other key has, such as its last one. The error of an `invalid`
event names the attribute, and the member of the payload that it is read from.
"""
)
@click.argument("key")
@click.option(
    "--raw", is_flag=True, help="Write only the bytes of the payload; for an object with one record."
)
@json_option(Shown)
@stack_options("region", "quarantine_bucket", reads_only=True)
def show(stack: Stack, key: str, raw: bool, as_json: bool) -> None:
    """Show a quarantined object: the reason, and the decoded payload of each record."""
    bucket = open_bucket(stack)
    quarantined = bucket.read(find_entry(bucket, key))
    key, records = quarantined.entry.key, quarantined.records
    if raw:
        if len(records) != 1:
            raise click.UsageError(f"{key} holds {count(len(records), 'record')}; --raw writes only one.")
        sys.stdout.buffer.write(records[0].payload)
        return
    with DaemonPool(CONNECTIONS) as pool:
        (redriven,) = RedriveMarkers(bucket, pool).times([quarantined])
    if as_json:
        write_json(
            {
                **describe_object(quarantined, redriven),
                "records": [
                    {**record._asdict(), "payload": record.payload.decode(errors="replace")}
                    for record in records
                ],
            }
        )
        return
    out = console()
    out.print(printable(key), style="bold", soft_wrap=True)
    for name, value in (
        ("reason", quarantined.entry.reason),
        ("error", quarantined.error),
        ("in quarantine", f"since {clock(quarantined.entry.since)}"),
        ("redriven", redrive_times(redriven)),
        ("records", f"{len(records):,}"),
    ):
        out.print(f"  {name:15}{printable(value)}", soft_wrap=True)
    for record in records[:_RECORDS_SHOWN]:
        out.print()
        for name, value in (
            ("partition key", record.partition_key or "none"),
            ("arrived", f"{record.arrival} on {record.shard}"),
            ("sequence number", record.sequence_number),
        ):
            out.print(f"  {name:17}{printable(value)}", soft_wrap=True)
        out.print(f"  payload, {size(len(record.payload))}:")
        out.print("\n".join(f"    {line}" for line in payload_lines(record)), soft_wrap=True)
    if len(records) > _RECORDS_SHOWN:
        out.print(f"\n  ... and {count(len(records) - _RECORDS_SHOWN, 'more record')}; --json shows all.")


@command.command(
    epilog="""\b
Examples:
  python -m ops quarantine redrive --stack dev --dry-run
  python -m ops quarantine redrive --stack dev --reason discarded --since 3d --rate 500
  python -m ops quarantine redrive KEY --stack dev --payload fixed.json
  python -m ops quarantine redrive --stack dev --max-redrives 2

Fix the cause first; after a change of the event's definition, deploy it. If the record itself is bad:
`quarantine show KEY --raw > fixed.json`, edit the file, and redrive KEY with --payload, which checks it as
the function does. An object is deleted once the stream has acknowledged all its records, so
an interruption loses nothing; running it again may send records twice, which the table's key makes
harmless. A redriven record is the newest on the stream: an old version of an event replaces a newer one.

KEY is an object's key or any part of it that no other key has. A run leases the objects that it sends, so
that two operators never send the same one; the lease of a run that was killed ends after five minutes.

An object with a record that the mapping's filters would drop is skipped and kept: sent, it would be gone.

Needs, on the bucket: s3:ListBucket; s3:GetObject and s3:DeleteObject on its objects; s3:PutObject on
redriven/*. On the stream: kinesis:PutRecords and kinesis:DescribeStreamSummary. Of the mapping:
lambda:ListEventSourceMappings, for its filters.
"""
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@selection
@rate_option(100)
@click.option(
    "--max-redrives",
    "max_redrives",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Skip records that returned after N redrives.",
)
@click.option(
    "--payload",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Send the event in FILE, under its own partition key, instead of the record; for one KEY with one record.",
)
@click.option("--dry-run", is_flag=True, help="List what would be sent, and why; send and delete nothing.")
@json_option(Redriven)
@stack_options("region", "quarantine_bucket", "stream_name", "event_type", "max_record_kib")
def redrive(
    stack: Stack,
    keys: tuple[str, ...],
    reason: str | None,
    since: datetime | None,
    rate: int,
    max_redrives: int,
    payload: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put quarantined records back on the stream: those of each KEY, or all that match the options."""
    bucket = open_bucket(stack)
    objects = sorted(selected(bucket, keys, reason, since), key=age)
    repair = None
    if payload:
        if len(keys) != 1:
            raise click.UsageError("--payload needs exactly one KEY.")
        if (records := len(bucket.read(objects[0]).records)) != 1:
            raise click.UsageError(
                f"{keys[0]} holds {count(records, 'record')}, --payload replaces only one: redrive it "
                "unchanged, and the function quarantines the bad record alone."
            )
        try:
            repair = parse_repair(payload.read_bytes(), stack.event)
        except PoisonError as poison:
            raise click.UsageError(
                f"The function would quarantine {payload} again, as {poison.reason}: {printable(str(poison))}. "
                "Nothing was sent."
            ) from poison
    with interruptible() as stop, ExitStack() as bar:
        advance, notify = bar.enter_context(_progress("Redriving", len(objects)))
        run = Redriver(
            bucket,
            Leases(stack.s3, bucket.name),
            stack.kinesis,
            stack.stream,
            max_record_bytes=stack.max_record_bytes,
            filters=mapping_filters(stack),
            rate=rate,
            max_redrives=max_redrives,
            stop=stop,
            notify=notify,
        )
        failed = True
        try:
            run.run(
                objects,
                repair=repair,
                dry_run=dry_run,
                on_done=advance,
            )
            failed = False
        finally:
            bar.close()  # before its result
            interrupted = failed or stop.is_set()
            if as_json:
                write_json(
                    Redriven(
                        **asdict(run.summary),
                        interrupted=interrupted,
                        dry_run=dry_run,
                        objects=run.decisions,
                    )
                )
            else:
                for decision in run.decisions:
                    console().print(f"{decision.action}  {printable(decision.key)}", soft_wrap=True)
                    console().print(f"      {printable(decision.why)}", soft_wrap=True, style="dim")
                console().print(summarize(run.summary, interrupted, dry_run), soft_wrap=True)
    summary = run.summary
    if summary.kept or summary.leased or summary.unreadable or summary.unsendable or summary.filtered:
        sys.exit(1)


@command.command(
    epilog="""\b
Examples:
  python -m ops quarantine purge KEY --stack dev
  python -m ops quarantine purge --stack dev --reason not-json --since 90m

Nothing brings a purged record back: look at it first (`quarantine show KEY`). An invalid event is data too: it can
be repaired and redriven.
"""
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@selection
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option(Purged)
@stack_options("region", "quarantine_bucket")
def purge(
    stack: Stack,
    keys: tuple[str, ...],
    reason: str | None,
    since: datetime | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete quarantined records for good: those of each KEY, or all that match the options."""
    bucket = open_bucket(stack)
    totals = Totals()
    doomed = [entry.key for entry in totals.counting(selected(bucket, keys, reason, since))]
    if doomed and not yes:
        what = ", ".join(f"{number:,} {name}" for name, number in _counts(totals).items())
        question = f"Delete {count(len(doomed), 'object')} ({what}) of {bucket.name} for good?"
        click.confirm(question, abort=True, err=True)
    with _progress("Deleting", len(doomed)) as (advance, _):
        for deleted in bucket.delete(doomed):
            advance(deleted)
        if not (keys or reason or since):
            for _ in bucket.delete(bucket.notes()):
                pass
    if as_json:
        write_json(Purged(deleted=len(doomed)))
    else:
        console().print(f"{count(len(doomed), 'object')} deleted from {bucket.name}.", soft_wrap=True)


def _counts(totals: Totals) -> dict[str, int]:
    return {name: own.objects for name, own in totals.reasons.items()}


@contextmanager
def _progress(what: str, objects: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Show a progress bar on standard error; yield functions to advance it and to print above it."""
    columns = (TextColumn(what), BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("objects"))
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=objects)
        yield (
            lambda done: progress.advance(task, done),
            lambda message: progress.console.print(printable(message), soft_wrap=True),
        )
