"""Shows a run on a terminal, as long as the terminal exists."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from producer.display.progress import Progress, Rate, lag_seconds, median
from stack.prices import show
from stack.printing import printable, shorten, without_userinfo

_REFRESH_SECONDS = 0.25


class TerminalDisplay:
    """A panel of four lines below the messages."""

    def __init__(self, title: str, *, live: bool) -> None:
        self._title = title
        self._live_source = live
        self._rate = Rate()
        self._shown = -_REFRESH_SECONDS
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def note(self, message: str) -> None:
        """Print a message above the numbers."""
        with _ignoring_a_closed_terminal():
            self._console.print(_text(message))

    def progress(self, progress: Progress) -> None:
        """Redraw the numbers four times a second."""
        rate = self._rate.update(progress)
        if progress.elapsed - self._shown >= _REFRESH_SECONDS:
            self._shown = progress.elapsed
            with _ignoring_a_closed_terminal():
                self._live.start()
                self._live.update(self._render(progress, rate), refresh=True)

    def end(
        self,
        summary: str,
        numbers: Mapping[str, object],  # noqa: ARG002  -- the summary contains them
        messages: Sequence[str],
    ) -> None:
        """Replace the numbers by the summary."""
        with _ignoring_a_closed_terminal():
            self._live.stop()
            self._console.print(Text(f"Done: {summary}.", style="bold"), soft_wrap=True)
            for message in messages:
                self._console.print(_text(message, "yellow"), soft_wrap=True)

    def _render(self, now: Progress, rate: float) -> Group:
        elapsed = timedelta(seconds=int(now.elapsed))
        lag = lag_seconds(now.newest) if self._live_source else None
        lines = [
            _text(f"{self._title}  {elapsed}", "bold"),
            Text.assemble(
                *_field("received", f"{now.received:,}"),
                *_field("sent", f"{now.sent:,}", "green"),
                *_field("waiting", f"{now.waiting:,}", "yellow" if now.trouble else ""),
                *_field("retried", f"{now.retried:,}"),
                *_field("rejected", f"{now.rejected:,}", "red" if now.rejected else ""),
            ),
            Text.assemble(
                *_field("rate", f"{rate:,.0f}/s"),
                *(() if lag is None else _field("lag", _span(lag))),
                *(() if now.spent is None else _field("spent up to", show(now.spent))),
                *_field("answers", _answers(now.answers)),
            ),
            _text(f"Waiting: {now.trouble}" if now.trouble else "", "yellow"),
        ]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)


@contextmanager
def _ignoring_a_closed_terminal() -> Iterator[None]:
    """Discard output from now on if the terminal has closed, so that the run still ends in order."""
    try:
        yield
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)


def _text(message: str, style: str = "") -> Text:
    return Text(printable(without_userinfo(shorten(message))), style=style)


def _field(name: str, value: str, style: str = "") -> tuple[tuple[str, str], ...]:
    return (f"{name} ", "dim"), (value, style), ("   ", "")


def _answers(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"{median(seconds) * 1000:,.0f} ms, slowest {max(seconds) * 1000:,.0f} ms"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=int(seconds)))
