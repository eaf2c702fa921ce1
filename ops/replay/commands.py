"""`python -m ops replay`: send a time range of the stream through the function again."""

import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypedDict

import click
from rich.progress import BarColumn, TaskProgressColumn, TextColumn

from event.record import iso
from ops.aws.mapping import mapping_filters
from ops.aws.rate_limiter import rate_option
from ops.aws.stack import Stack, stack_options
from ops.errors import OptionsError
from ops.replay.checkpoint import Checkpoint, lock
from ops.replay.duration import estimate_duration
from ops.replay.replayer import MAX_SHARDS, Clients, Replayer, Target
from ops.replay.shards import Range, list_shards
from ops.terminal.display import (
    console,
    count,
    error_console,
    json_option,
    progress_bar,
    size,
    span,
    write_json,
)
from ops.terminal.interrupt import interruptible
from ops.terminal.times import TIME, whole_milliseconds
from stack.aws.live_alias import LIVE

Replayed = TypedDict(
    "Replayed",
    {
        "from": Annotated[datetime, "begin of the range of arrival times"],
        "to": Annotated[datetime, "its end"],
        "shards": Annotated[list[str], "the shards that were to be read"],
        "expired": Annotated[list[str], "those that expired before they were read to the end"],
        "missed_seconds": Annotated[
            dict[str, int], "by shard, the arrival times whose records expired before they were read"
        ],
        "records": Annotated[int, "records sent, or to be sent"],
        "bytes": Annotated[int, "their size"],
        "handled": Annotated[int | None, "those that the function handled; null with `--dry-run`"],
        "refused": Annotated[int | None, "those put into quarantine; null with `--dry-run`"],
        "filtered": Annotated[int, "records that the mapping's filters drop, which were not sent"],
        "finished": Annotated[bool, "whether all of the range is done"],
        "dry_run": bool,
    },
)
Replayed.__doc__ = "One document."


@click.command(
    "replay",
    epilog=f"""\b
Examples:
  python -m ops replay --stack dev --from 2026-11-23T14:00 --to 2026-11-23T15:00 --dry-run
  python -m ops replay --stack dev --from 90m
  python -m ops replay --stack dev --resume replay-20261123T140000Z.json

For after a bug in the function, after a lost table, for a new table. The function is invoked with the event that
the event source mapping sends, {MAX_SHARDS} shards at the same time, of each one batch after the other, and parents
before children; the records that the mapping's filters drop are left out. A record that it reports is sent again; a
batch that fails is halved; a record that fails 5 times alone, while the function stores another one, goes to
quarantine, where `quarantine list --reason refused` shows it. If the function fails for every record, the replay
ends with the cause. The mapping keeps working meanwhile.

Writes replace by key. A replay brings back the version of an event that is in the range, over a newer one that is
outside of it, and rows that were deleted since: it asks first.

After every batch a checkpoint is written, from which --resume continues an interrupted replay; a batch that
was interrupted is sent again, which the table's key makes harmless. One process at a time uses a checkpoint. A
shard that expires is named, the others are replayed, and the exit code is 1. So it is if records expire before they
are read: the sum says of how much time.

Needs, on the stream: kinesis:DescribeStreamSummary, kinesis:ListShards, kinesis:GetShardIterator and
kinesis:GetRecords. On the function's alias `live`: lambda:GetFunctionConfiguration and lambda:InvokeFunction. On
all: lambda:ListEventSourceMappings, for the mapping's filters. On the bucket's records/refused/*: s3:PutObject. With a
key of your own: kms:Decrypt for the stream, kms:GenerateDataKey for the bucket.
""",
)
@click.option(
    "--from", "start", type=TIME, metavar="TIME", help="First arrival: 90m, 12h or 3d ago, or a time in UTC."
)
@click.option("--to", "end", type=TIME, metavar="TIME", help="Before this arrival.", show_default="now")
@click.option("--shard", "shards", multiple=True, metavar="ID", help="Only this shard; may be repeated.")
@rate_option(500, " of each shard")
@click.option(
    "--batch-size",
    type=click.IntRange(1, 10_000),
    default=500,
    show_default=True,
    metavar="N",
    help="Maximum number of records in one invocation.",
)
@click.option(
    "--checkpoint",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the checkpoint, deleted at the end.",
    show_default="replay-<from>.json",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Continue the replay of this checkpoint.",
)
@click.option("--dry-run", is_flag=True, help="Count the records; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option(Replayed)
@stack_options("region", "stream_name", "function_name", "quarantine_bucket", "event_type")
def command(
    stack: Stack,
    start: datetime | None,
    end: datetime | None,
    shards: tuple[str, ...],
    rate: int,
    batch_size: int,
    path: Path | None,
    resume: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send the stream's records of a time range through the function again."""
    if resume and (start or end or shards or path or dry_run):
        raise click.UsageError(
            "--resume takes the range and the shards from the checkpoint: leave out --from, --to, --shard, "
            "--checkpoint and --dry-run."
        )
    if not resume and not start:
        raise click.UsageError("Give --from TIME, or --resume FILE.")
    summary = stack.kinesis.describe_stream_summary(**stack.stream)
    stream = summary["StreamDescriptionSummary"]
    function = stack.lambda_.get_function_configuration(
        FunctionName=stack.output("function_name"), Qualifier=LIVE
    )
    function_arn = function["FunctionArn"].removesuffix(f":{LIVE}").removesuffix(f":{function['Version']}")
    target = Target(
        stack.event,
        function["FunctionName"],
        function["Role"],
        stack.output("quarantine_bucket"),
        mapping_filters(stack),
    )
    retention = timedelta(hours=stream["RetentionPeriodHours"])
    file = resume or path or Path(f"replay-{start:%Y%m%dT%H%M%SZ}.json")
    if not dry_run:
        _lock(file)
    if start:
        start = _first_kept(start, retention)
        checkpoint = _begin(stack, stream["StreamARN"], function_arn, file, start, end, shards)
        if not dry_run and file.exists():
            raise OptionsError(f"{file} exists: continue with --resume, or give another --checkpoint.")
    else:
        checkpoint = _load(file, stream["StreamARN"], function_arn)
    description = (
        f"{iso(checkpoint.start)} to {iso(checkpoint.end)} of {stream['StreamName']} "
        f"({count(len(checkpoint.shards), 'shard')}) through {target.function_name}"
    )
    _warn_if_slow(stack, checkpoint, retention, rate)
    if not dry_run and not yes:
        _confirm(description, stack.event.plural)
    try:
        _run(stack, target, checkpoint, retention, rate, batch_size, dry_run)
    finally:
        _report(stack, checkpoint, description, dry_run, as_json)
    if not checkpoint.is_finished or checkpoint.expired or checkpoint.missed or checkpoint.refused:
        sys.exit(1)


def _lock(file: Path) -> None:
    """Lock a checkpoint until the command ends.

    Raises:
        OptionsError: its folder does not exist, or another process uses it.
    """
    if not file.absolute().parent.is_dir():
        raise OptionsError(f"The folder of {file} does not exist: give another --checkpoint.")
    click.get_current_context().with_resource(lock(file))


def _begin(
    stack: Stack,
    stream_arn: str,
    function_arn: str,
    file: Path,
    start: datetime,
    end: datetime | None,
    shards: tuple[str, ...],
) -> Checkpoint:
    """Return the checkpoint of a new replay, of some shards or of all; the range ends now at the latest.

    Raises:
        click.UsageError: the range is empty.
        OptionsError: the stream lacks one of the shards.
    """
    now = whole_milliseconds(datetime.now(UTC))
    end = min(end or now, now)
    if start >= end:
        raise click.UsageError(f"--from {iso(start)} is not before --to {iso(end)}.")
    available = list_shards(stack.kinesis, stream_arn)
    if unknown := set(shards).difference(available):
        raise OptionsError(f"{stack.output('stream_name')} has no shard {', '.join(sorted(unknown))}.")
    positions: dict[str, str | None] = {shard: None for shard in available if not shards or shard in shards}
    return Checkpoint(file, stream_arn, function_arn, start, end, positions)


def _load(file: Path, stream_arn: str, function_arn: str) -> Checkpoint:
    """Load the checkpoint of an interrupted replay.

    Raises:
        OptionsError: the file is not a checkpoint, or that of another stream or function.
    """
    checkpoint = Checkpoint.load(file)
    for recorded, deployed in (
        (checkpoint.stream_arn, stream_arn),
        (checkpoint.function_arn, function_arn),
    ):
        if recorded != deployed:
            raise OptionsError(f"{file} is of {recorded}, but this stack has {deployed}.")
    return checkpoint


def _first_kept(start: datetime, retention: timedelta) -> datetime:
    """Return the start of the range, or the time from which the stream still has its records, and say so."""
    kept_since = whole_milliseconds(datetime.now(UTC) - retention)
    if start >= kept_since:
        return start
    error_console().print(
        f"The stream keeps {_hours(retention)}: records that arrived before {iso(kept_since)} have expired.",
        soft_wrap=True,
    )
    return kept_since


def _warn_if_slow(stack: Stack, checkpoint: Checkpoint, retention: timedelta, rate: int) -> None:
    """Warn if records will expire before the replay comes to them."""
    done = {*checkpoint.finished, *checkpoint.expired}
    shards = [shard_id for shard_id in checkpoint.shards if shard_id not in done]
    start = min((checkpoint.reached.get(shard_id, 0.0) for shard_id in shards), default=0.0)
    part = Range(
        checkpoint.stream_arn,
        max(start, checkpoint.start.timestamp()),
        checkpoint.end.timestamp(),
        retention,
    )
    duration = estimate_duration(stack.kinesis, part, shards, rate)
    if duration > part.seconds_left:
        error_console().print(
            f"At --rate {rate} this would take {span(timedelta(seconds=duration))} a shard; the stream keeps "
            f"{_hours(retention)}: records will expire before they are sent. Raise --rate, or shorten the range; "
            "docs/replay.md has more.",
            soft_wrap=True,
        )


def _hours(retention: timedelta) -> str:
    return f"{retention / timedelta(hours=1):,.0f} h"


def _confirm(description: str, plural: str) -> None:
    """Ask whether to replay; end the command if the answer is no."""
    error_console().print(
        f"Writes replace by key: older versions of {plural} come back over newer ones that arrived outside the "
        "range, and rows that were deleted since come back.",
        soft_wrap=True,
    )
    click.confirm(f"Replay {description}?", abort=True, err=True)


def _run(
    stack: Stack,
    target: Target,
    checkpoint: Checkpoint,
    retention: timedelta,
    rate: int,
    batch_size: int,
    dry_run: bool,
) -> None:
    """Replay with a progress bar."""
    length = max(1e-3, checkpoint.end.timestamp() - checkpoint.start.timestamp())
    columns = (
        TextColumn("Counting" if dry_run else "Replaying"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records", style="dim"),
    )
    with interruptible() as stop, progress_bar(*columns) as progress:
        task = progress.add_task("", total=len(checkpoint.shards), records=checkpoint.records)
        parts = dict.fromkeys([*checkpoint.finished, *checkpoint.expired], 1.0)

        def advance(shard: str, arrival: float) -> None:
            parts[shard] = min(1.0, (arrival - checkpoint.start.timestamp()) / length)
            progress.update(task, completed=sum(parts.values()), records=checkpoint.records)

        replayer = Replayer(
            Clients(stack.kinesis, stack.invoker, stack.s3),
            target,
            checkpoint,
            retention=retention,
            batch_size=batch_size,
            rate=rate,
            stop=stop,
            on_progress=advance,
        )
        if not dry_run:
            checkpoint.save()
        replayer.run(dry_run=dry_run)


def _report(stack: Stack, checkpoint: Checkpoint, description: str, dry_run: bool, as_json: bool) -> None:
    """Print the totals; delete the checkpoint of a replay that is finished."""
    finished = checkpoint.is_finished
    handled = checkpoint.records - checkpoint.refused
    if not dry_run and finished:
        checkpoint.path.unlink()
    if as_json:
        write_json(
            Replayed(
                {
                    "from": checkpoint.start,
                    "to": checkpoint.end,
                    "shards": list(checkpoint.shards),
                    "expired": checkpoint.expired,
                    "missed_seconds": {shard: round(seconds) for shard, seconds in checkpoint.missed.items()},
                    "records": checkpoint.records,
                    "bytes": checkpoint.bytes,
                    "handled": None if dry_run else handled,
                    "refused": None if dry_run else checkpoint.refused,
                    "filtered": checkpoint.filtered,
                    "finished": finished,
                    "dry_run": dry_run,
                }
            )
        )
        return
    if checkpoint.expired:
        error_console().print(
            f"{count(len(checkpoint.expired), 'shard')} expired before the end; the records that were not "
            f"read yet are lost: {', '.join(checkpoint.expired)}.",
            soft_wrap=True,
        )
    others = f"; the mapping's filters drop {checkpoint.filtered:,} others" if checkpoint.filtered else ""
    if checkpoint.missed:
        missed = timedelta(seconds=sum(checkpoint.missed.values()))
        error_console().print(
            f"Records may have expired before they were read, and are not in the sum: those that arrived in "
            f"{span(missed)} on {count(len(checkpoint.missed), 'shard')}. Kinesis does not tell how many.",
            soft_wrap=True,
        )
    if dry_run:
        records = f"{count(checkpoint.records, 'record')}, {size(checkpoint.bytes)}"
        console().print(f"Would replay {description}: {records}{others}.", soft_wrap=True)
    else:
        reason = " (reason refused)" if checkpoint.refused else ""
        verb = "Replayed" if finished else "Interrupted. Replayed"
        console().print(
            f"{verb} {description}: {count(checkpoint.records, 'record')} = "
            f"{handled:,} handled by the function + {checkpoint.refused:,} quarantined{reason}{others}.",
            soft_wrap=True,
        )
        if not finished:
            resume = shlex.join(["--resume", str(checkpoint.path), *stack.arguments])
            console().print(f"To resume: python -m ops replay {resume}", soft_wrap=True)
