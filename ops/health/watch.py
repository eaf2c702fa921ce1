"""`python -m ops watch`: show the stack at work, as `top` shows a machine."""

import shlex
import sys
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from event.item import Key
from ops.aws.error_codes import is_denied
from ops.aws.mapping import find_mapping, patterns
from ops.aws.stack import Stack, stack_options
from ops.explore.row import Row
from ops.explore.stream import StreamReader, StreamRecord, stored_rows
from ops.health.check import Check
from ops.health.checks import CHECKED_OUTPUTS, run_checks
from ops.health.frame import FIGURES, FILTERED, MAX_PERIODS, MEAN_SECONDS, EventStatus, Frame, FrameDocument
from ops.health.metrics import Series, read_series
from ops.planning import prices
from ops.terminal.display import autowrap_off, console, json_option, write_json, write_json_line
from stack import metrics

_TICK_SECONDS = 1.0
_MAX_EVENTS = 40
"""Events kept in memory: more than a screen has lines."""
MAX_SHARDS = 16
"""Shards that are read for events at once; the figures are of all."""
_METRIC_PRICE = prices.load()["metric-request"]


@click.command(
    epilog=f"""\b
Examples:
  python -m ops watch --stack dev
  python -m ops watch --once
  python -m ops watch --json | jq '.figures.lag.newest'
  python -m ops watch > watch.log

AWS keeps these metrics by the minute and publishes them up to two minutes late; each figure says how old it
is. GetMetricData is charged by the metric: the last line says what an hour of watching costs. On local AWS the
metrics are seconds apart, and free; a rate is the mean of the last {MEAN_SECONDS} seconds. The events are a sample:
a few that each shard got last, read with one of the five reads a second that it allows all its readers; ✔ marks one
whose row is in the table. Stored counts writes, each of which may replace a row. Of more than {MAX_SHARDS} open
shards, {MAX_SHARDS} are read, and the frame says which.

On a pipe each frame is one line; --json writes JSON lines, and one document with --once.
""",
)
@click.option("--once", is_flag=True, help="Show one frame and end.")
@click.option(
    "--interval",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    show_default="60; on local AWS 1",
    help="How often to read the metrics and run the checks.",
)
@json_option(FrameDocument)
@stack_options(*CHECKED_OUTPUTS, reads_only=True)
def command(stack: Stack, once: bool, interval: int | None, as_json: bool) -> None:
    """Show rates, lag, checks and the newest events, until Ctrl-C."""
    watch = Watch(stack, interval=interval)
    if once:
        frame = watch.look()
        if as_json:
            write_json(frame.as_data())
        else:
            with autowrap_off():
                console().print(frame)
        return
    with suppress(KeyboardInterrupt):
        if console().is_terminal and not as_json:
            _show(watch)
        for frame in _frames(watch, watch.interval):
            if as_json:
                write_json_line(frame.as_data())
            else:
                click.echo(frame.line())
            sys.stdout.flush()


class WholeScreen:
    """Draws a frame as high as the screen is: rich gives a part of a live display its width alone."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        return self._frame.__rich_console__(console, options.update(height=options.max_height))


def _show(watch: "Watch") -> None:
    """Redraw the whole screen each second; leave the last frame behind at the end."""
    frames = _frames(watch, _TICK_SECONDS)
    frame = next(frames)
    try:
        with (
            autowrap_off(),
            Live(console=console(), screen=True, auto_refresh=False, vertical_overflow="crop") as live,
        ):
            while True:
                live.update(WholeScreen(frame), refresh=True)
                frame = next(frames)
    finally:
        with autowrap_off():
            console().print(frame)


def _frames(watch: "Watch", seconds: float) -> Iterator[Frame]:
    """Yield a frame every so many seconds, the time of the look included."""
    while True:
        began = time.monotonic()
        yield watch.look()
        time.sleep(max(0.0, began + seconds - time.monotonic()))


class Watch:
    """Repeated look at a stack: at the stream each time, at metrics and checks once an interval."""

    def __init__(self, stack: Stack, *, interval: float | None = None) -> None:
        """Prepare to look; `interval` is in seconds, between two readings of the metrics and the checks."""
        self._stack = stack
        self._period = 1 if stack.is_local else 60
        self.interval = interval or self._period
        self._series: dict[str, Series] = {}
        self._checks: list[Check] = []
        self._measured = float("-inf")
        self._events: OrderedDict[Key, tuple[Row, bool]] = OrderedDict()
        self._stream: StreamReader | None = None
        self._shards: list[str] = []
        self._open_shards = 0
        self._error = ""
        self._readings = 0

    def look(self) -> Frame:
        """Return the state of the stack now.

        Only the first look must succeed: a later one shows the older state until AWS answers again.

        Raises:
            OptionsError: the stack's outputs cannot be loaded.
            botocore.exceptions.BotoCoreError: the first look cannot reach AWS.
            botocore.exceptions.ClientError: reading metrics, stream or table is not allowed.
        """
        try:
            self._read()
            self._error = ""
        except (BotoCoreError, ClientError) as error:
            if not self._series:
                raise
            self._error = f"AWS cannot be read, this is older: {error}"
            self._stream = None  # after a long time its shards may have expired
        names = (self._stack.output(name) for name in ("stream_name", "function_name", "table_name"))
        return Frame(
            taken=time.time(),
            where=f"{' → '.join(names)}  {self._stack.output('region')}",
            period=self._period,
            series=self._series,
            checks=self._checks,
            checked=self._measured,
            event=self._stack.event,
            newest=[EventStatus(row, stored) for row, stored in reversed(self._events.values())],
            shards=self._shards,
            open_shards=self._open_shards,
            note=self._error or self._note(),
            status=shlex.join(["python", "-m", "ops", "status", *self._stack.arguments]),
        )

    def _read(self) -> None:
        now = time.time()
        if now - self._measured >= self.interval:
            since = timedelta(seconds=MAX_PERIODS * self._period)
            series = read_series(self._stack, list(FIGURES.values()), period=self._period, since=since)
            self._checks = run_checks(self._stack)
            self._readings += 1
            self._series, self._measured = (
                dict(zip(FIGURES, series, strict=True)) | self._filtered(since),
                now,
            )
        self._read_events()

    def _filtered(self, since: timedelta) -> dict[str, Series]:
        """Read how many records the mapping's filters drop, if it has any and the operator may see them."""
        try:
            mapping = find_mapping(self._stack)
        except ClientError as error:
            if not is_denied(error):
                raise
            return {}
        if mapping is None or not patterns(mapping):
            return {}
        (series,) = read_series(
            self._stack, [metrics.FILTERED], period=self._period, since=since, mapping=mapping["UUID"]
        )
        return {FILTERED: series}

    def _read_events(self) -> None:
        if self._stream is None:
            minute_ago = datetime.now(UTC) - timedelta(minutes=1)
            self._stream = StreamReader(self._stack, minute_ago, MAX_SHARDS)
            self._add_events(self._stream.sample())  # which may be a minute old, the next ones are not
        self._add_events(self._stream.sample())
        self._shards, self._open_shards = self._stream.shards, self._stream.open_shards
        waiting = [key for key, (_, stored) in self._events.items() if not stored]
        for row in stored_rows(self._stack, waiting):
            self._events[row.key] = (row, True)

    def _add_events(self, records: Iterable[StreamRecord]) -> None:
        for record in records:
            for row in record.rows:
                self._events[row.key] = (row, False)
                self._events.move_to_end(row.key)
            for key in record.deleted:
                self._events.pop(key, None)
        while len(self._events) > _MAX_EVENTS:
            self._events.popitem(last=False)

    def _note(self) -> str:
        if self._stack.is_local:
            return "Local AWS: metrics by the second. Ctrl-C ends."
        dollars = _METRIC_PRICE.of(self._stack.metrics_requested / self._readings * 3600 / self.interval)
        return (
            f"Metrics by the minute, up to two minutes late; reading them every {self.interval:.0f} s costs "
            f"about ${dollars:.3f} an hour (GetMetricData, {_METRIC_PRICE} metrics). Ctrl-C ends."
        )
