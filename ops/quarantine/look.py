"""`python -m ops quarantine list` and `show`."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from ops.display import as_json_option, console, count, printable, size, span, write_json
from ops.quarantine.bucket import Bucket, Entry, GoneError, Quarantined, Record, Redriven, UnreadableError
from ops.quarantine.selection import bucket_of, by_reason, find_entry, read_object, selection
from ops.stack import CONNECTIONS, Stack, stack_options

_RECORDS_SHOWN = 10
_SHOWN_BYTES = 512
"""Of a payload; a record may have a megabyte."""


@click.command(
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
@as_json_option
@stack_options("region", "quarantine_bucket")
def list_(stack: Stack, reason: str | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """Show what is in quarantine: totals by reason, and the newest objects."""
    bucket = bucket_of(stack)
    entries = bucket.entries(reason, since)
    newest = entries[::-1][:limit]
    objects = list(_described(bucket, newest))
    if as_json:
        write_json(
            {
                "total": len(entries),
                "reasons": {name: len(group) for name, group in by_reason(entries).items()},
                "objects": objects,
            }
        )
        return
    if not entries:
        console().print(
            f"Nothing is in quarantine in {bucket.name}{_filtered(reason, since)}.", soft_wrap=True
        )
        return
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Reason", "Objects", "Size", "Oldest", "Newest"):
        table.add_column(heading, justify="left" if heading == "Reason" else "right")
    for name, group in by_reason(entries).items():
        table.add_row(
            name,
            f"{len(group):,}",
            size(sum(entry.size for entry in group)),
            f"{span(now - group[0].since)} ago",
            f"{span(now - group[-1].since)} ago",
        )
    console().print(table)
    for described in objects:
        console().print()
        console().print(_headline(described))
        console().print(f"  {described['key']}", soft_wrap=True)
    if len(newest) < len(entries):
        console().print(f"\nThe newest {len(newest):,} of {len(entries):,}; --limit shows more.")
    if objects:
        console().print("\nNext: python -m ops quarantine show KEY", style="dim")


@click.command(
    epilog="""\b
Examples:
  python -m ops quarantine show records/not-json/2026-11-23/shardId-000000000000/4960.json
  python -m ops quarantine show KEY --raw > payload
"""
)
@click.argument("key")
@click.option("--raw", is_flag=True, help="Write the payload's bytes, and nothing else; of a single record.")
@as_json_option
@stack_options("region", "quarantine_bucket")
def show(stack: Stack, key: str, raw: bool, as_json: bool) -> None:
    """Show an object of the quarantine: why it is there, and the decoded payload of each record."""
    bucket = bucket_of(stack)
    quarantined = read_object(bucket, find_entry(bucket, key))
    records = quarantined.records
    if raw:
        if len(records) != 1:
            raise click.UsageError(f"{key} holds {count(len(records), 'record')}; --raw writes a single one.")
        sys.stdout.buffer.write(records[0].payload)
        return
    redriven = Redriven(bucket).times(records)
    if as_json:
        write_json(
            {
                **_described_object(quarantined, redriven),
                "records": [
                    {**asdict(record), "payload": record.payload.decode(errors="replace")}
                    for record in records
                ],
            }
        )
        return
    out = console()
    out.print(key, style="bold", soft_wrap=True)
    for name, value in (
        ("reason", quarantined.entry.reason),
        ("error", quarantined.error),
        ("in quarantine", f"since {clock(quarantined.entry.since)}"),
        ("redriven", _times(redriven)),
        ("records", f"{len(records):,}"),
    ):
        out.print(f"  {name:15}{printable(value)}", soft_wrap=True)
    for record in records[:_RECORDS_SHOWN]:
        out.print()
        for name, value in (
            ("partition key", record.partition_key),
            ("arrived", f"{record.arrival} on {record.shard}"),
            ("sequence number", record.sequence_number),
        ):
            out.print(f"  {name:17}{printable(value)}", soft_wrap=True)
        out.print(f"  payload, {size(len(record.payload))}:")
        out.print("\n".join(f"    {line}" for line in _payload_lines(record)), soft_wrap=True)
    if len(records) > _RECORDS_SHOWN:
        out.print(f"\n  ... and {count(len(records) - _RECORDS_SHOWN, 'more record')}; --json shows all.")


def _described(bucket: Bucket, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """The objects with their content, for a person or as JSON; an unreadable one with the error instead."""
    redriven = Redriven(bucket)

    def describe(entry: Entry) -> dict[str, Any] | None:
        try:
            quarantined = bucket.read(entry)
        except GoneError:
            return None
        except UnreadableError as error:
            return {"key": entry.key, "reason": entry.reason, "since": entry.since, "error": str(error)}
        return _described_object(quarantined, redriven.times(quarantined.records))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        yield from filter(None, pool.map(describe, entries))


def _described_object(quarantined: Quarantined, redriven: int) -> dict[str, Any]:
    entry = quarantined.entry
    return {
        "key": entry.key,
        "reason": entry.reason,
        "since": entry.since,
        "error": quarantined.error,
        "records": len(quarantined.records),
        "redriven": redriven,
    }


def _headline(described: dict[str, Any]) -> str:
    parts = [clock(described["since"]), described["reason"]]
    if "records" in described:
        parts.append(count(described["records"], "record"))
        if described["redriven"]:
            parts.append(_times(described["redriven"]))
    return f"{', '.join(parts)}: {printable(described['error'])}"


def _times(redriven: int) -> str:
    return f"redriven {count(redriven, 'time')}, came back" if redriven else "never"


def clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _filtered(reason: str | None, since: datetime | None) -> str:
    return (f" with reason {reason}" if reason else "") + (f" since {clock(since)}" if since else "")


def _payload_lines(record: Record) -> Iterator[str]:
    """The payload's beginning: as text where it is text, as hexadecimal bytes where it is not."""
    shown = record.payload[:_SHOWN_BYTES]
    try:
        record.payload.decode()
    except UnicodeDecodeError:
        for start in range(0, len(shown), 16):
            part = shown[start : start + 16]
            characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"{start:04x}  {part.hex(' '):47}  {characters}"
    else:
        # A character that the cut goes through is left out.
        yield from (printable(line) for line in shown.decode(errors="ignore").split("\n"))
    if len(record.payload) > _SHOWN_BYTES:
        yield "... (--raw writes all of it)"
