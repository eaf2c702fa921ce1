"""Descriptions of quarantined objects and of a redrive, for people and as JSON."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, NotRequired, TypedDict

from event.quarantine_object import QuarantinedRecord
from ops.aws.stack import S3_CONNECTIONS
from ops.errors import MissingObjectError, UnreadableError
from ops.quarantine.bucket import Bucket, Entry, Quarantined
from ops.quarantine.markers import RedriveMarkers
from ops.quarantine.redrive import Decision, Summary
from ops.terminal.display import count, wrap_command
from ops.terminal.interrupt import DaemonPool
from stack.printing import printable

_SHOWN_BYTES = 512
"""Bytes shown of a payload, which may have a megabyte."""


class _Object(TypedDict):
    key: str
    reason: Annotated[str, "as `event/README.md` explains it"]
    since: Annotated[datetime, "when it was quarantined"]
    error: Annotated[str, "details of the reason, or why the object cannot be read"]


class ListedObject(_Object):
    """A quarantined object of a list."""

    records: NotRequired[Annotated[int, "records that it holds, unless it cannot be read"]]
    redriven: NotRequired[Annotated[int, "its redrive count, unless it cannot be read"]]


class Listed(TypedDict):
    """One document."""

    total: Annotated[int, "objects that match"]
    reasons: Annotated[dict[str, int], "objects by reason"]
    objects: Annotated[list[ListedObject], "the newest"]


class ShownRecord(TypedDict):
    """A quarantined record; what the stream does not know is null."""

    payload: Annotated[str, "as text; `--raw` writes its bytes"]
    partition_key: str | None
    sequence_number: str
    shard: str
    arrival: str
    explicit_hash_key: str | None


class Shown(_Object):
    """One document."""

    records: list[ShownRecord]
    redriven: Annotated[int, "its redrive count"]


@dataclass(slots=True, kw_only=True)
class Redriven(Summary):
    """One document; counts are of objects."""

    interrupted: bool
    dry_run: bool
    objects: Annotated[Sequence[Decision], "with `--dry-run`, what would happen to each"]


class Purged(TypedDict):
    """One document."""

    deleted: Annotated[int, "objects deleted"]


def describe(bucket: Bucket, entries: Sequence[Entry]) -> Iterator[ListedObject]:
    """Read and describe objects; one that cannot be read is described by the error."""

    def read(entry: Entry) -> Quarantined | UnreadableError | None:
        try:
            return bucket.read(entry)
        except MissingObjectError:
            return None
        except UnreadableError as error:
            return error

    with DaemonPool(S3_CONNECTIONS) as pool:
        objects = dict(zip(entries, pool.map(read, entries), strict=True))
        found = [each for each in objects.values() if isinstance(each, Quarantined)]
        times = dict(
            zip((each.entry for each in found), RedriveMarkers(bucket, pool).times(found), strict=True)
        )
    for entry, quarantined in objects.items():
        if isinstance(quarantined, Quarantined):
            yield describe_object(quarantined, times[entry])
        elif quarantined:
            yield {"key": entry.key, "reason": entry.reason, "since": entry.since, "error": str(quarantined)}


def describe_object(quarantined: Quarantined, redriven: int) -> ListedObject:
    """Describe an object as JSON; `redriven` is its redrive count."""
    entry = quarantined.entry
    return {
        "key": entry.key,
        "reason": entry.reason,
        "since": entry.since,
        "error": quarantined.error,
        "records": len(quarantined.records),
        "redriven": redriven,
    }


def headline(described: ListedObject) -> str:
    """Summarize a described object in one line."""
    parts = [clock(described["since"]), described["reason"]]
    if "records" in described:
        parts.append(count(described["records"], "record"))
        if described["redriven"]:
            parts.append(redrive_times(described["redriven"]))
    return f"{', '.join(parts)}: {printable(described['error'])}"


def key_lines(key: str, width: int) -> list[str]:
    """Return an object's key, before its last part on a new line if it is wider than the terminal."""
    key = printable(key)
    folder, slash, _ = key.rpartition("/")
    last = key.removeprefix(folder + slash)
    return [f"  {key}"] if len(key) + 2 <= width else [f"  {folder}{slash}", f"    {last}"]


def show_command(key: str, arguments: Sequence[str], width: int) -> str:
    """Return the command that shows an object, indented; with the last part of a key for which there is no room."""
    for part in (key, key.rpartition("/")[2]):
        command = shlex.join(["python", "-m", "ops", "quarantine", "show", part, *arguments])
        lines = [f"  {line}" for line in wrap_command(command, width - 4).split("\n")]
        if max(map(len, lines)) <= width:
            break
    return "\n".join(lines)


def redrive_times(redriven: int) -> str:
    """Describe a redrive count."""
    return f"redriven {count(redriven, 'time')}, came back" if redriven else "never"


def clock(moment: datetime) -> str:
    """Format a time in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def filter_description(reason: str | None, since: datetime | None) -> str:
    """Describe the filters of a list."""
    return (f" with reason {reason}" if reason else "") + (f" since {clock(since)}" if since else "")


def payload_lines(record: QuarantinedRecord) -> Iterator[str]:
    """Return the start of a payload: text if it is UTF-8, otherwise hexadecimal bytes."""
    shown = record.payload[:_SHOWN_BYTES]
    try:
        record.payload.decode()
    except UnicodeDecodeError:
        for start in range(0, len(shown), 16):
            part = shown[start : start + 16]
            characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"{start:04x}  {part.hex(' '):47}  {characters}"
    else:
        # A character that was cut in two is left out.
        yield from (printable(line) for line in shown.decode(errors="ignore").split("\n"))
    if len(record.payload) > _SHOWN_BYTES:
        yield "... (--raw writes all of it)"


def summarize(summary: Summary, interrupted: bool, dry_run: bool) -> str:
    """Describe the outcome of a redrive in one sentence."""
    if not summary.selected:
        return "No quarantined object matches."
    verb = "would be redriven" if dry_run else "redriven"
    parts = [f"{count(summary.redriven, 'object')} ({count(summary.records, 'record')}) {verb}"]
    if summary.returned:
        parts.append(f"{summary.returned:,} skipped, redriven before (--max-redrives)")
    if summary.leased:
        parts.append(f"{summary.leased:,} skipped, being redriven by another run")
    if summary.unreadable:
        parts.append(f"{summary.unreadable:,} unreadable")
    if summary.unsendable:
        parts.append(f"{summary.unsendable:,} that no stream accepts")
    if summary.filtered:
        parts.append(f"{summary.filtered:,} skipped, which the mapping's filters would drop")
    if summary.kept:
        parts.append(f"{summary.kept:,} kept")
    lead = "Interrupted. " if interrupted else ""
    end = " Run it again for the rest." if summary.kept or summary.leased else ""
    return f"{lead}Of {count(summary.selected, 'object')}: {', '.join(parts)}.{end}"
