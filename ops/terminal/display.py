"""Formats output for terminals and scripts: cells, durations, sizes, JSON."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TextIO, TypeVar, cast

import click
from rich.console import Console
from rich.progress import Progress, ProgressColumn

from ops.terminal.exact_json import encode
from stack.printing import printable

F = TypeVar("F", bound=Callable[..., Any])

_PIPE_WIDTH, _PIPE_HEIGHT = 10_000, 50
_PADDING = re.compile(r" +$", re.MULTILINE)
_BLANKS = re.compile(r"[\t\n\v\f\r\u0085\u2028\u2029]+")
_EMOJI_MODIFIERS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


class JsonOption(click.Option):
    """`--json`, with the types of the documents that the command writes then."""

    def __init__(self, *arguments: Any, documents: Sequence[type], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.documents = documents


def json_option(*documents: type) -> Callable[[F], F]:
    """Add `--json`, which writes one of these documents.

    Each is a TypedDict or a dataclass whose docstring says when it is written: `docs/commands.md` lists their members.
    """
    return click.option(
        "--json",
        "as_json",
        cls=JsonOption,
        documents=documents,
        is_flag=True,
        help="Write JSON to standard output, for scripts.",
    )


class _Unpadded:
    """Standard output without the blanks that pad a table's lines, for scripts."""

    def write(self, text: str) -> int:
        return sys.stdout.write(_PADDING.sub("", text))

    def flush(self) -> None:
        sys.stdout.flush()


def console() -> Console:
    """Return a console on standard output; a new one for each use, because tests replace the stream.

    On a pipe, lines are as long as their content, unless COLUMNS says how wide they may be.
    """
    out = Console(highlight=False, markup=False, emoji=False)
    if out.is_terminal:
        return out
    unpadded = cast(TextIO, _Unpadded())
    if not is_pipe():
        return Console(highlight=False, markup=False, emoji=False, file=unpadded)
    # With both sizes given, rich does not take a terminal without a name for one of 80 columns.
    return Console(
        highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH, height=_PIPE_HEIGHT, file=unpadded
    )


@contextmanager
def autowrap_off() -> Iterator[None]:
    """Let a terminal cut lines that are too wide instead of wrapping them (DECAWM).

    Rich takes the spacing marks of Tamil, Bengali or Hindi for no columns at all, and many terminals for one each: a
    line of such text may be wider than it was measured.
    """
    if not sys.stdout.isatty():
        yield
        return
    sys.stdout.write("\x1b[?7l")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?7h")
        sys.stdout.flush()


def is_pipe() -> bool:
    """Whether standard output is a pipe or a file, on which lines may have any length."""
    return not sys.stdout.isatty() and "COLUMNS" not in os.environ


def error_console() -> Console:
    """Return a console on standard error, for progress and messages beside the result."""
    return Console(highlight=False, markup=False, emoji=False, stderr=True)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar on standard error, shown only on a terminal."""
    out = error_console()
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def write_json(value: object) -> None:
    """Write one JSON document to standard output; ASCII, so that no content can control a terminal."""
    click.echo(encode(value, indent=True))


def write_json_line(value: object) -> None:
    """Write one line of JSON lines to standard output."""
    click.echo(encode(value))


def cell_text(text: str) -> str:
    """Make untrusted text safe for a cell of a table: one line, as wide on every terminal.

    Line breaks and tabs become blanks. Terminals disagree on sequences of emoji; without joiners and modifiers
    each emoji is drawn by itself.
    """
    return printable(_EMOJI_MODIFIERS.sub("", _BLANKS.sub(" ", text)))


def span(duration: timedelta) -> str:
    """Format a duration in its largest unit, such as `3 h`."""
    seconds = max(0, int(duration.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def size(count: int) -> str:
    """Format a number of bytes in its largest unit, such as `1.5 MB`."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def count(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun: `1 record`, `2,000 records`; `plural` if that is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def capitalized(text: str) -> str:
    """Return a text with a capital letter at its beginning; the others stay as they are."""
    return text[:1].upper() + text[1:]


def ranges(numbers: Iterable[int]) -> str:
    """Format increasing numbers, such as `0-7, 12`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def wrap_command(command: str, width: int) -> str:
    """Break a shell command before its options, so that it can be copied as it is shown."""
    first, *options = command.split(" --")
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) + 5 <= width:
            lines[-1] += f" --{option}"
        else:
            lines.append(f"    --{option}")
    return " \\\n".join(lines)
