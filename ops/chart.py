"""Tweets per minute as a bar chart of characters."""

from collections.abc import Mapping
from datetime import UTC, datetime

MINUTES = 60
_HEIGHT = 5
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def parse_minute(timestamp: str) -> int | None:
    """Return the minute of an ISO 8601 time, counted from the epoch; None if it is not a time."""
    try:
        return int(datetime.fromisoformat(timestamp).timestamp()) // 60
    except (ValueError, OverflowError):
        return None


def tweets_per_minute(counts: Mapping[int, int]) -> list[str]:
    """Draw the hour that ends with the newest tweet, one column per minute: seven lines, up to 70 wide.

    Args:
        counts: tweets by minute of the epoch; not empty.
    """
    last = max(counts)
    minutes = range(last - MINUTES + 1, last + 1)
    highest = max(counts.get(minute, 0) for minute in minutes)
    label = f"{highest:,}"
    lines = []
    for level in reversed(range(_HEIGHT)):
        bars = "".join(_cell(counts.get(minute, 0), highest, level) for minute in minutes)
        lines.append(f"{label if level == _HEIGHT - 1 else '':>{len(label)}} {bars}".rstrip())
    start, end = _clock(minutes[0]), _clock(last)
    lines.append(f"{'':{len(label)}} {start}{end:>{MINUTES - len(start)}}")
    total = sum(counts.get(minute, 0) for minute in minutes)
    day = datetime.fromtimestamp(last * 60, UTC).date()
    lines.append(f"Tweets a minute, {total:,} in the hour up to the newest ({day}, UTC)")
    return lines


def _cell(count: int, highest: int, level: int) -> str:
    """Return one line's part of a bar; a minute with any tweet shows at least the lowest mark."""
    eighths = round(count / highest * _HEIGHT * 8)
    if count and level == 0:
        eighths = max(eighths, 1)
    return _EIGHTHS[min(max(eighths - level * 8, 0), 8)]


def _clock(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%H:%M}"
