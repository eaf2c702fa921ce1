"""Prints the demo's steps, displays and commands' output, indented and as wide as the terminal."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding

INDENT = 2


def announce(console: Console, title: str, on_aws: str) -> None:
    """Print the title of a step, and the command that does it on AWS."""
    console.print(f"\n[bold cyan]{title}[/]")
    console.print(f"  [dim]on AWS:[/] {on_aws}", soft_wrap=True)


def indent(content: RenderableType) -> Padding:
    """Indent what is below a step's title."""
    return Padding(content, (0, 0, 0, INDENT))


@contextmanager
def live_display(console: Console, *content: RenderableType, **options: Any) -> Iterator[Live]:
    """Show a display until the block ends."""
    try:
        with Live(*content, console=console, **options) as live:
            yield live
    finally:
        if not console.is_terminal:
            console.print()  # there the display ends without a new line


def print_lines(console: Console, text: str) -> None:
    """Print the output of a command."""
    for line in text.splitlines():
        for part in _wrap(console, line):
            console.print(f"{'':{INDENT}}{part}".rstrip(), markup=False, soft_wrap=True)


def _wrap(console: Console, line: str) -> list[str]:
    """Break a line that is wider than the terminal between words; a payload or a key stays whole."""
    width = console.width - INDENT
    if not console.is_terminal or cell_len(line) <= width or line.lstrip().startswith(("{", "records/")):
        return [line]
    margin = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
