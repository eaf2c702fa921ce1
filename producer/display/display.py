"""Shows a run on standard error: a live panel on a terminal, JSON lines elsewhere."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

from producer.display.progress import Progress, Rate, lag_seconds, median
from stack.printing import printable, shorten, without_userinfo

_LOG_SECONDS = 10.0


class Display(Protocol):
    """The display of a run; `note` may be called from any thread."""

    def note(self, message: str) -> None:
        """Show a message."""

    def progress(self, progress: Progress) -> None:
        """Show the numbers, if it is time for an update."""

    def end(self, summary: str, numbers: Mapping[str, object], messages: Sequence[str]) -> None:
        """Show the summary, as text or as numbers, and messages for the user."""


def display(title: str, *, live: bool) -> Display:
    """Return a terminal display if standard error is a terminal, otherwise JSON lines.

    Only a live source has a lag: the age of events in a file has no bearing on the run.
    """
    if not sys.stderr.isatty():
        return JsonDisplay(title, live=live)
    from producer.display.terminal import (
        TerminalDisplay,  # importing rich takes time, and only terminals need it
    )

    return TerminalDisplay(title, live=live)


def say(message: str) -> None:
    """Print a message outside a run: plain on a terminal, elsewhere a JSON line like those of a run."""
    if sys.stderr.isatty():
        with suppress(OSError):
            sys.stderr.write(printable(without_userinfo(shorten(message))) + "\n")
    else:
        _write(message)


class JsonDisplay:
    """JSON lines with `time`, `message` and, in `progress` and `summary`, the numbers."""

    def __init__(self, title: str, *, live: bool) -> None:
        self._live = live
        self._rate = Rate()
        self._shown = 0.0
        _write(title)

    def note(self, message: str) -> None:
        """Log a message."""
        _write(message)

    def progress(self, progress: Progress) -> None:
        """Log the numbers every ten seconds."""
        rate = self._rate.update(progress)
        if progress.elapsed - self._shown < _LOG_SECONDS:
            return
        self._shown = progress.elapsed
        members = asdict(progress) | {"rate": round(rate, 1)}
        if self._live:
            members["lag"] = lag_seconds(progress.newest)
        if members["spent"] is None:
            del members["spent"]
        answers = members.pop("answers")
        members["answer"] = round(median(answers), 4) if answers else None
        _write("progress", **members)

    def end(self, summary: str, numbers: Mapping[str, object], messages: Sequence[str]) -> None:
        """Log the messages, and the summary as the last line."""
        for message in messages:
            _write(message)
        _write("summary", text=summary, **numbers)


def _write(message: str, **members: object) -> None:
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "message": shorten(message),
    } | members
    # A single write, so that threads do not interleave. A log on a full disk must not end the run.
    with suppress(OSError):
        sys.stderr.write(printable(without_userinfo(json.dumps(line, ensure_ascii=False))) + "\n")
        sys.stderr.flush()
