"""The command line: `python -m producer`, and `python -m producer configure`."""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from event.limits import MAX_RECORD_BYTES
from event.types import DEFAULT_EVENT_TYPE
from producer import config
from producer.configure import configure
from producer.display.display import display, say
from producer.errors import ConfigError, OutputError, SpoolError
from producer.formats import load_format
from producer.receipts import Receipts
from producer.run import FLUSH_SECONDS, print_records, publish
from producer.sources.source import Source
from producer.spooling.cursor import Position
from producer.spooling.directory import choose_directory
from producer.spooling.folder import Folder
from producer.spooling.rejected import RejectedFile
from producer.spooling.spool import DEFAULT_LIMIT, Spool
from stack.project import version

_CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=config.DEFAULT_PATH,
    show_default="config.json beside the program",
    help="The configuration file.",
)

_FILES = ("file", "rejected")

_EXAMPLES = """\b
Examples:
  python -m producer --track cat --track '"kitten season"' --limit 100 --budget 2
  python -m producer --rule 'from:nasa has:images' --keep-rules
  python -m producer --source file events.jsonl --rate 50
  python -m producer --source file events.jsonl.gz --dry-run --event-type order
  python -m producer --source bluesky --track coffee --duration 60
  python -m producer --source rejected producer/spool/STREAM/rejected.jsonl
  python -m producer configure --stack dev

Exit codes: 0 everything was sent; 1 something was not (the spool keeps it), was rejected from a file, or nothing
could be read; 2 wrong usage or configuration, or a file that must be converted first.
"""


def main(prog_name: str = "python -m producer") -> None:
    """Run the command line; ends the process."""
    try:
        if sys.argv[1:2] == ["configure"]:
            configure_command.main(sys.argv[2:], prog_name=f"{prog_name} configure", standalone_mode=False)
        else:
            run_command.main(prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        if sys.stderr.isatty():
            error.show()
        else:
            say(f"Error: {error.format_message()}")
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C during start-up: nothing was read yet
        sys.exit(130)


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    # FloatRange accepts nan and inf.
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.")
    return value


@click.command(epilog=_EXAMPLES)
@click.version_option(version(), prog_name="twitter2kinesis")
@click.argument("path", required=False)
@click.option(
    "--source",
    "source_name",
    type=click.Choice(["x", *_FILES, "bluesky"]),
    default="x",
    show_default=True,
    help="The source of events: X's filtered stream, JSON in PATH (lines or an array, gzip or not; X's archive and "
    "pages; - is standard input), what earlier runs rejected and kept in PATH, or Bluesky. X and Bluesky bring tweets "
    "only.",
)
@click.option(
    "--event-type",
    metavar="NAME",
    show_default="the configuration's",
    help="Module of event/types/ that defines the events.",
)
@click.option("--track", multiple=True, metavar="TERM", help="x, bluesky: posts with this term; repeatable.")
@click.option("--rule", multiple=True, metavar="EXPR", help="x: a rule of the filtered stream; repeatable.")
@click.option("--keep-rules", is_flag=True, help="x: leave this run's rules on X at the end.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="DOLLARS",
    help="x: stop reading when X's charges for this run reach this, by an estimate.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="N",
    help="file, rejected: events per second.",
)
@click.option(
    "--start-over",
    is_flag=True,
    help="file, rejected, bluesky: read PATH from the beginning, or new posts only, even if an earlier run was "
    "interrupted.",
)
@click.option(
    "--receipts",
    is_flag=True,
    help="file, rejected: print, several times a second, how many lines of PATH are safe in the spool or rejected.",
)
@click.option(
    "--max-rejected",
    type=click.IntRange(0),
    metavar="N",
    show_default="0",
    help="file, rejected: exit with 0 although up to N events were rejected.",
)
@click.option(
    "--no-deletions",
    is_flag=True,
    help="Leave out deletions, which delete the rows of deleted posts; they are counted.",
)
@click.option(
    "--username", metavar="NAME", help="file: the author of X's archive, if account.js is not beside it."
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Stop after N events, deletions not counted."
)
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="Stop reading after this time. Queued events are then sent for up to "
    f"{FLUSH_SECONDS:.0f} s; the spool keeps the rest.",
)
@click.option(
    "--linger",
    type=click.IntRange(0, 60_000),
    default=200,
    show_default=True,
    metavar="MS",
    help="How long to wait to fill a batch, in milliseconds.",
)
@click.option(
    "--spool",
    "spool_path",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    show_default="spool/ beside the configuration",
    help="Folder for events that the stream has not accepted yet, in a folder for each stream, and for rejected input "
    "(rejected.jsonl beside them).",
)
@click.option(
    "--spool-limit",
    type=click.IntRange(1024 * 1024),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="BYTES",
    help="Pause reading when the spool reaches this size.",
)
@_CONFIG
@click.option(
    "--dry-run", is_flag=True, help="Print the records instead of sending them; rejected input is not kept."
)
def run_command(
    path: str | None,
    source_name: str,
    event_type: str | None,
    track: tuple[str, ...],
    rule: tuple[str, ...],
    keep_rules: bool,
    budget: float | None,
    rate: float | None,
    start_over: bool,
    receipts: bool,
    max_rejected: int | None,
    no_deletions: bool,
    username: str | None,
    limit: int | None,
    duration: float | None,
    linger: int,
    spool_path: Path | None,
    spool_limit: int,
    config_path: Path,
    dry_run: bool,
) -> None:
    """Read events and put them on the stream, until the source ends or Ctrl-C."""
    _check_usage(source_name, path, track, rule, keep_rules, budget, rate)
    _check_file_options(source_name, start_over, receipts, dry_run, max_rejected, username)
    max_rejected = max_rejected or 0 if source_name in _FILES else None
    try:
        # A dry run over a file needs nothing of the configuration but the event type.
        is_needed = source_name not in _FILES or not dry_run or event_type is None
        settings = config.load(config_path, os.environ, say) if is_needed else None
        event_type = event_type or (settings.event_type if settings else DEFAULT_EVENT_TYPE)
        event_format = load_format(event_type, settings.max_record_bytes if settings else MAX_RECORD_BYTES)
        if source_name not in _FILES and event_type != DEFAULT_EVENT_TYPE:
            raise ConfigError(
                f"--source {source_name} brings tweets only, and the event type is {event_type}: "
                f"use --source file PATH, or - for standard input."
            )
        aws = settings.aws() if settings and not dry_run else None

        def source(note: Callable[[str], None], resume: Position | None = None) -> Source:
            # Imported on demand: each brings libraries that the others do not need, half of the start-up time.
            if path is not None:
                from producer.sources.file import FileSource

                of_rejected = source_name == "rejected"
                return FileSource(
                    path, event_format, rate, resume, note, of_rejected=of_rejected, username=username
                )
            if settings is not None and source_name == "x":
                from producer.sources.x.source import XSource

                return XSource(
                    settings.x(),
                    track=track,
                    rules=rule,
                    keep_rules=keep_rules,
                    budget=budget,
                    endpoint=settings.x_endpoint,
                    notify=note,
                )
            from producer.sources.bluesky import BlueskySource

            endpoint = settings.bluesky_endpoint if settings else None
            return BlueskySource(track=track, endpoint=endpoint, notify=note, resume=resume)

        target = aws.target if aws else "standard output"
        view = display(f"{source_name} → {target}", live=source_name not in _FILES)
        if settings and settings.overrides:
            names = ", ".join(map(config.variable_name, settings.overrides))
            view.note(f"Environment variables override {settings.path}: {names}.")
        if aws is None:
            sys.exit(
                print_records(
                    source(view.note),
                    view,
                    limit=limit,
                    duration=duration,
                    max_rejected=max_rejected,
                    with_deletions=not no_deletions,
                )
            )
        # boto3 takes most of the start-up time, and only sending needs it.
        from producer.publish.client import connect
        from producer.publish.publisher import Publisher

        client = connect(aws, view.note)
        spools = spool_path or config_path.parent / "spool"
        directory = choose_directory(spools, aws, event_type, view.note)
        spool = Spool(Folder(directory), event_format, spool_limit, view.note)
        rejected_file = RejectedFile(directory, view.note)
        if source_name == "rejected" and path is not None:
            path = rejected_file.set_aside(path)
        reading = source(view.note, None if start_over else spool.source)
        publisher = Publisher(spool, client, aws, linger / 1000, view.note)
        receipt = Receipts() if receipts else None
        sys.exit(
            publish(
                reading,
                spool,
                publisher,
                view,
                rejected_file,
                limit=limit,
                duration=duration,
                max_rejected=max_rejected,
                with_deletions=not no_deletions,
                receipts=receipt,
            )
        )
    except (ConfigError, OutputError, SpoolError) as error:
        _fail(error)


@click.command(epilog="Exit codes: 0 done; 1 failed; 2 wrong usage or configuration.")
@click.option("--stack", metavar="NAME", show_default="the selected one", help="Stack whose outputs to use.")
@_CONFIG
def configure_command(stack: str | None, config_path: Path) -> None:
    """Write the stream and the producer's key into the configuration file; the X half stays."""
    try:
        configure(config_path, stack, say)
    except ConfigError as error:
        _fail(error)


def _check_usage(
    source: str,
    path: str | None,
    track: tuple[str, ...],
    rule: tuple[str, ...],
    keep_rules: bool,
    budget: float | None,
    rate: float | None,
) -> None:
    if source in _FILES:
        _check_file(source, path)
    elif path is not None:
        raise click.UsageError(f"PATH {path!r} needs --source file; give each search term as --track TERM.")
    if source not in _FILES and rate is not None:
        raise click.UsageError("--rate needs --source file.")
    if source != "x" and (rule or keep_rules):
        raise click.UsageError("--rule and --keep-rules need --source x.")
    if source != "x" and budget is not None:
        raise click.UsageError("--budget needs --source x: other sources cost nothing.")
    if source in _FILES and track:
        raise click.UsageError("--track needs --source x or bluesky.")


def _check_file_options(
    source: str,
    start_over: bool,
    receipts: bool,
    dry_run: bool,
    max_rejected: int | None,
    username: str | None,
) -> None:
    if source == "x" and start_over:
        raise click.UsageError("--start-over needs --source file or bluesky: X does not repeat posts.")
    if source not in _FILES and receipts:
        raise click.UsageError("--receipts needs --source file.")
    if source not in _FILES and max_rejected is not None:
        raise click.UsageError("--max-rejected needs --source file.")
    if source != "file" and username is not None:
        raise click.UsageError("--username needs --source file.")
    if receipts and dry_run:
        raise click.UsageError("--receipts and --dry-run both print to standard output.")


def _check_file(source: str, path: str | None) -> None:
    if not path:
        raise click.UsageError(f"--source {source} needs a PATH, or - for standard input.")
    if path == "-":
        return
    try:
        is_directory = Path(path).is_dir()
        exists = is_directory or Path(path).exists()
    except (OSError, ValueError) as error:
        raise click.UsageError(f"File {path!r} cannot be read: {error}.") from error
    if not exists:
        raise click.UsageError(f"File {path!r} does not exist.")
    if is_directory:
        raise click.UsageError(f"{path!r} is a directory: give a file.")
    if not os.access(path, os.R_OK):
        raise click.UsageError(f"File {path!r} cannot be read: Permission denied.")


def _fail(error: Exception) -> None:
    say(f"Error: {error}")
    sys.exit(2)
