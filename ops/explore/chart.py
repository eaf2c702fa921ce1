"""Bar charts of characters."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from ops.terminal.display import capitalized

MIN_WIDTH, MAX_WIDTH = 40, 200
_HEIGHT = 5
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BUCKETS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
"""Seconds of one bar that a person reads easily."""


def draw_bars(values: Sequence[float], height: int, width: int) -> list[str]:
    """Draw a bar for each value, top line first, which together fill the width.

    The largest value has the full height, and any value above 0 at least the lowest mark.
    """
    highest = max(values, default=0) or 1
    edges = [round(index * width / len(values)) for index in range(len(values) + 1)]
    cells = [end - start for start, end in pairwise(edges)]
    return [
        "".join(
            _mark(value / highest, height, level) * cell for value, cell in zip(values, cells, strict=True)
        )
        for level in reversed(range(height))
    ]


def _mark(share: float, height: int, level: int) -> str:
    """Return one line's part of a bar."""
    eighths = round(share * height * 8)
    if share > 0 and level == 0:
        eighths = max(eighths, 1)
    return _EIGHTHS[min(max(eighths - level * 8, 0), 8)]


def draw_history(counts: Mapping[int, int], width: int, plural: str) -> list[str]:
    """Draw events over time up to the newest, within a width: bars, a line of times, and a caption.

    A bar is as long as it must be for the whole span to fit, and at least a second. Times far from the
    others, as of an event of last year among today's, are left out: the chart spans nine tenths of the events.

    Args:
        counts: events by second of the epoch; not empty.
        plural: what the events are called.
    """
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    first, last = _span(counts)
    label_width = len(f"{sum(counts.values()):,}") + 1
    columns = width - label_width
    bucket = next((size for size in _BUCKETS if last // size - first // size < columns), _BUCKETS[-1])
    bars = min(last // bucket - first // bucket + 1, columns)
    end = last // bucket
    values = [0] * bars
    for second, events in counts.items():
        column = bars - 1 - (end - second // bucket)
        if 0 <= column < bars:
            values[column] += events
    label = f"{max(values):,}"
    drawn = draw_bars(values, _HEIGHT, columns)
    lines = [
        f"{label if index == 0 else '':>{label_width - 1}} {line}".rstrip()
        for index, line in enumerate(drawn)
    ]
    start, stop = _clock((end - bars + 1) * bucket, bucket), _clock(end * bucket, bucket)
    lines.append(f"{'':{label_width}}{start}{stop:>{columns - len(start)}}")
    shown, total = sum(values), sum(counts.values())
    others = f"; {total - shown:,} before or after are not shown" if shown < total else ""
    day = datetime.fromtimestamp(last, UTC).date()
    lines.append(f"{capitalized(plural)} per {_name(bucket)}, up to {day} {_clock(last, 1)} UTC{others}")
    return lines


def _span(counts: Mapping[int, int]) -> tuple[int, int]:
    """Return the first and the last second to draw; the oldest events may be left out, and those from the future."""
    seconds = sorted(counts)
    first = _nearest(seconds, counts)
    return first, _nearest([second for second in reversed(seconds) if second >= first], counts)


def _nearest(seconds: Sequence[int], counts: Mapping[int, int]) -> int:
    """Return the first of the seconds that is not left out: up to a tenth of the events are.

    They are left out only where that makes the chart much more detailed.
    """
    end, spare = seconds[-1], sum(counts.values()) // 10
    for second in seconds:
        if abs(end - seconds[0]) > 4 * abs(end - second):
            return second
        spare -= counts[second]
        if spare < 0:
            break
    return seconds[0]


def _name(bucket: int) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if bucket >= size:
            number = bucket // size
            return unit if number == 1 else f"{number} {unit}s"
    raise AssertionError(bucket)


def _clock(second: int, bucket: int) -> str:
    """Format a time as exactly as the buckets need it."""
    form = (
        "%Y-%m-%d"
        if bucket >= 86_400
        else "%d %H:%M"
        if bucket >= 3600
        else "%H:%M:%S"
        if bucket < 60
        else "%H:%M"
    )
    return f"{datetime.fromtimestamp(second, UTC):{form}}"
