"""One frame of `python -m ops watch`, drawn on a screen, as a line, and as JSON."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NotRequired, TypedDict

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from event.schema import Schema
from ops.explore.chart import draw_bars
from ops.explore.row import Row, Tweet, members, snake_case, time_attribute, unique
from ops.health.check import STYLES, Check, State, wrap_remedy
from ops.health.metrics import Series
from ops.terminal.display import capitalized, ranges, span
from stack import metrics
from stack.metrics import Metric
from stack.printing import printable

FIGURES: Mapping[str, Metric] = {
    "put": metrics.PUT,
    "received": metrics.RECEIVED,
    "stored": metrics.STORED,
    "quarantined": metrics.QUARANTINED,
    "lag": metrics.LAG,
}
"""Figures by name: counts per second, except for the lag. `stored` counts writes, which may replace a row."""

FILTERED = "filtered"
"""One more figure, of a mapping with filters: put = filtered + received."""
_ORDER = ("put", FILTERED, "received", "stored", "quarantined", "lag")

MEAN_SECONDS = 10
"""A rate is the mean of so many seconds: what is put in one second is received in another, in batches of any size."""
MAX_PERIODS = 120
_MIN_PERIODS = 15
_CHART_HEIGHT, _CHART_HEIGHT_LOW = 2, 1
_MIN_CHART_WIDTH = 20
"""Columns of a chart for which the column of the maxima is left out."""
_MAX_WIDTH = 200
"""Columns of a frame, however long the lines of a pipe may be."""
_LOW_SCREEN = 28
"""Lines of a terminal up to which it is low."""
_MAX_PROBLEMS, _MAX_PROBLEMS_LOW = 4, 2
_MIN_EVENT_LINES = 4
_FRESH_SECONDS = 5
"""Age from which the checks say how old they are."""
_GAP = 2
"""Columns between two columns of the figures."""
_MIN_TEXT_WIDTHS = (11, 8, 12, 9)
"""Columns of a figure's name, newest value, maximum and age, which a larger value widens."""
_COLORS = {
    "put": "cyan",
    FILTERED: "cyan",
    "received": "blue",
    "stored": "green",
    "quarantined": "yellow",
    "lag": "magenta",
}
_MARKS = {State.OK: "✔", State.NO_DATA: "·", State.OLD: "·", State.WARNING: "!", State.BAD: "✘"} | {
    State.UNKNOWN: "?"
}
_SEVERITY = (State.BAD, State.UNKNOWN, State.WARNING, State.OLD)


class Figure(TypedDict):
    """A figure of the frame: per second, or seconds of lag."""

    newest: Annotated[float | None, "null without data"]
    max: Annotated[float | None, "of up to two hours"]
    age_seconds: Annotated[float | None, "since the end of the newest value's period"]


class Figures(TypedDict):
    """The figures of the frame."""

    put: Figure
    received: Figure
    stored: Figure
    quarantined: Figure
    lag: Figure
    filtered: NotRequired[Annotated[Figure, "if the mapping has filters"]]


class Shards(TypedDict):
    """The shards that are read for events."""

    read: Annotated[list[str], "their ids"]
    open: Annotated[int, "how many the stream has"]


class NewestTweet(Tweet):
    """An event on the stream."""

    stored: Annotated[bool, "whether its row is in the table"]


class FrameDocument(TypedDict):
    """One document with `--once`, otherwise a line for each frame."""

    time: datetime
    period_seconds: Annotated[int, "of one value of a metric"]
    figures: Figures
    checks: list[Check]
    shards: Shards
    tweets: Annotated[list[NewestTweet], "the newest on the stream, newest first"]


@dataclass(frozen=True, slots=True)
class EventStatus:
    """An event on the stream, and whether its row is in the table."""

    row: Row
    stored: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """State of the stack at one moment, in seconds of the epoch.

    Attributes:
        period: seconds of one value of a series.
        checked: when the checks ran.
        event: the definition of the stack's events.
        newest: the newest events on the stream, newest first.
        shards: those that are read for events.
        open_shards: number of shards that the stream has open.
        note: the age of the figures, and their cost.
        status: the command that shows all checks.
    """

    taken: float
    where: str
    period: int
    series: Mapping[str, Series]
    checks: Sequence[Check]
    checked: float
    event: Schema
    newest: Sequence[EventStatus]
    shards: Sequence[str]
    open_shards: int
    note: str
    status: str = "python -m ops status"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the frame as large as the terminal."""
        width = min(options.max_width, _MAX_WIDTH)
        options = options.update(width=width)
        clock = f"{_utc(self.taken):%H:%M:%S}Z"
        title = Table.grid(expand=True, padding=(0, 1, 0, 0))
        title.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        title.add_column(no_wrap=True)
        title.add_row(Text(self.where, style="bold"), Text(clock, style="dim"))
        low = console.height <= _LOW_SCREEN
        blank = [] if low else [Text()]

        def draw(part: RenderableType) -> list[list[Segment]]:
            return console.render_lines(part, options.update(height=None), pad=False)

        lines = draw(Group(title, *blank, self._charts(width, low=low), *blank))
        note = draw(Text(self.note, style="dim"))
        # Without a height the frame is on a screen with other output.
        height = options.height or sys.maxsize
        lines += draw(Group(*self._verdict(width, height - len(lines) - len(note), low=low)))
        free = height - len(lines) - len(note) if options.height else 0
        lines += draw(Group(*self._draw_newest(max(_MIN_EVENT_LINES, free), low=low)))
        # The note says how old all this is.
        yield SegmentLines(lines[: height - len(note)] + note, new_lines=True)

    def _charts(self, width: int, *, low: bool) -> Table:
        """Draw each figure, its maximum if there is room, its bars and its age on one line, or on two high ones."""
        texts = {name: self._texts(name) for name in sorted(self.series, key=_ORDER.index)}
        widths = [
            max(least, *(len(each[column]) for each in texts.values()))
            for column, least in enumerate(_MIN_TEXT_WIDTHS)
        ]
        chart_width = width - sum(widths) - _GAP * len(widths)
        with_maxima = chart_width >= _MIN_CHART_WIDTH
        if not with_maxima:
            chart_width += widths[2] + _GAP
        chart_width = max(10, chart_width)
        began = min((series.points[0][0] for series in self.series.values() if series), default=self.taken)
        periods = int((self.taken - began) // self.period) + 1
        cell = max(1, chart_width // max(periods, _MIN_PERIODS))
        columns = min(chart_width // cell, MAX_PERIODS)
        height = _CHART_HEIGHT_LOW if low else _CHART_HEIGHT
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True, width=widths[0])
        table.add_column(no_wrap=True, width=widths[1], justify="right")
        if with_maxima:
            table.add_column(no_wrap=True, width=widths[2], justify="right", style="dim")
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="dim")
        for name, (_, figure, maximum, age) in texts.items():
            bars = "\n".join(draw_bars(self._columns(self.series[name], columns), height, cell * columns))
            table.add_row(
                Text(name, style=_COLORS[name]),
                Text(figure, style="bold" if age else "dim"),
                *([maximum] if with_maxima else []),
                Text(bars, style=_COLORS[name]),
                age,
            )
        return table

    def _texts(self, name: str) -> tuple[str, str, str, str]:
        """Return a figure's name, newest value, maximum and age."""
        values = self._values(name)
        if not values:
            return name, "no data", "", ""
        age = f"{_age(self.age(self.series[name]))} ago"
        return name, _number(name, values[-1]), f"max {_number(name, max(values))}", age

    def _columns(self, series: Series, columns: int) -> list[float]:
        """Return a value for each of the last periods, 0 where there is none."""
        values = [0.0] * columns
        last = self.taken // self.period
        for start, value in series.points:
            column = columns - 1 - int(last - start // self.period)
            if 0 <= column < columns:
                values[column] = value
        return values

    def _verdict(self, width: int, height: int, *, low: bool) -> Iterator[Text]:
        """Draw a mark for each check, and each that is not ok with its whole remedy, as far as the lines go."""
        worst: dict[str, State] = {}
        for check in self.checks:
            known = worst.get(check.name)
            if known is None or _rank(check.state) < _rank(known):
                worst[check.name] = check.state
        age = self.taken - self.checked
        lines = [Text.assemble(("checks" if age < _FRESH_SECONDS else f"checks, {_age(age)} ago", "dim"))]
        for name, state in worst.items():
            mark = Text(f"  {_MARKS[state]} {name}", style=STYLES[state])
            if lines[-1].cell_len + mark.cell_len > width:
                lines.append(Text("      "))
            lines[-1].append_text(mark)
        problems = [check for check in self.checks if check.state in _SEVERITY]
        problems.sort(key=lambda check: _rank(check.state))
        shown, remedies = 0, set[str]()
        rest = len(self._more(len(problems), width))
        for check in problems[: _MAX_PROBLEMS_LOW if low else _MAX_PROBLEMS]:
            drawn = self._problem(check, width, with_remedy=check.next not in remedies)
            if len(lines) + len(drawn) + rest > height:
                break
            lines += drawn
            remedies.add(check.next)
            shown += 1
        yield from lines
        if len(problems) > shown:
            yield from (Text(line, style="dim") for line in self._more(len(problems) - shown, width))

    def _more(self, problems: int, width: int) -> list[str]:
        """Return the lines that say where the other problems are."""
        line = f"  and {problems} more: {self.status}"
        if len(line) <= width:
            return [line]
        return [f"  and {problems} more:", *wrap_remedy(f"`{self.status}`", width)]

    def _problem(self, check: Check, width: int, *, with_remedy: bool) -> list[Text]:
        line = Text(f"  {_MARKS[check.state]} {check.name}: ", style=STYLES[check.state])
        line.append(printable(check.text), style="default")
        line.truncate(width, overflow="ellipsis")
        return [line, *(map(Text, wrap_remedy(check.next, width)) if with_remedy else ())]

    def _draw_newest(self, lines: int, *, low: bool) -> Iterator[RenderableType]:
        """Draw the newest events on so many lines."""
        partial = self.open_shards > len(self.shards)
        if partial or not low:
            lines -= 1
            yield Text(
                self._shards_shown() if partial else "", style="dim", no_wrap=True, overflow="ellipsis"
            )
        if not self.newest:
            where = "these shards" if partial else "the stream"
            yield Text(f"No {self.event.noun} on {where} in the last minute.", style="dim")
            return
        time = time_attribute(self.event)
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for width in (1, 8, 15) if time else (1, 15):
            table.add_column(no_wrap=True, overflow="ellipsis", width=width)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for status in self.newest[:lines]:
            clock = [Text(status.row.cell(time)[11:], style="dim")] if time else []
            table.add_row(
                Text("✔", style="green") if status.stored else Text("…", style="yellow"),
                *clock,
                Text(status.row.cell(self.event.keys[0]), style="bold"),
                Text(status.row.summary),
            )
        yield table

    def _shards_shown(self) -> str:
        """Return which shards the events are of, by the numbers at the end of their ids."""
        numbers = sorted(int(shard.rpartition("-")[2]) for shard in self.shards)
        events = capitalized(self.event.plural)
        return f"{events} of {len(self.shards)} of {self.open_shards:,} open shards: {ranges(numbers)}"

    def total(self, name: str) -> float:
        """Return the sum of a series."""
        return self.series[name].total

    def figure(self, name: str) -> float | None:
        """Return the newest value of a figure: its mean rate per second, or seconds of lag; None without data."""
        values = self._values(name)
        return values[-1] if values else None

    def _values(self, name: str) -> list[float]:
        """Return the values of a figure at the end of each period that is over."""
        points = self._finished(self.series[name])
        if name == "lag":
            return [value / 1000 for _, value in points]
        window = max(MEAN_SECONDS, self.period)
        values, total, oldest = list[float](), 0.0, 0
        for start, value in points:
            total += value
            while points[oldest][0] <= start - window:
                total -= points[oldest][1]
                oldest += 1
            values.append(total / min(window, start + self.period - points[0][0]))
        return values

    def age(self, series: Series) -> float:
        """Return the seconds since the end of the period of that value."""
        return max(0.0, self.taken - self._finished(series)[-1][0] - self.period)

    def _finished(self, series: Series) -> Sequence[tuple[float, float]]:
        """Return the points of periods that are over, or all if there is none."""
        over = [point for point in series.points if point[0] + self.period <= self.taken]
        return over or series.points

    def line(self) -> str:
        """Return the frame as one line, for a pipe."""
        figures = []
        for name, series in self.series.items():
            if (newest := self.figure(name)) is not None:
                figures.append(f"{name} {_number(name, newest)} ({_age(self.age(series))} ago)")
            else:
                figures.append(f"{name} no data")
        wrong = [f"{check.name} {check.state}" for check in self.checks if check.unhealthy]
        checks = ", ".join(dict.fromkeys(wrong)) or "healthy"
        return f"{_utc(self.taken):%Y-%m-%dT%H:%M:%SZ}  {', '.join(figures)}; {checks}"

    def as_data(self) -> dict[str, Any]:
        """Return the frame as JSON: each figure's newest value as `figure` returns it, its maximum and its age."""
        data = {
            "time": _utc(self.taken),
            "period_seconds": self.period,
            "figures": {
                name: {
                    "newest": self.figure(name),
                    "max": max(self._values(name), default=None),
                    "age_seconds": round(self.age(series), 1) if series else None,
                }
                for name, series in self.series.items()
            },
            "checks": self.checks,
            "shards": {"read": list(self.shards), "open": self.open_shards},
        }
        stored = unique("stored", members(self.event))
        newest = [status.row.as_data() | {stored: status.stored} for status in self.newest]
        return data | {unique(snake_case(self.event.plural), data): newest}


def _rank(state: State) -> int:
    return _SEVERITY.index(state) if state in _SEVERITY else len(_SEVERITY)


def _number(name: str, value: float) -> str:
    """Format a figure: seconds of lag, or a rate."""
    if name == "lag":
        return f"{value:,.1f} s"
    return f"{value:,.0f}/s" if value >= 10 or value == int(value) else f"{value:.1f}/s"


def _age(seconds: float) -> str:
    return span(timedelta(seconds=seconds))


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
