"""Terminal text as SVG, in which each run of letters is as wide as its cells, whatever fonts the reader has."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from rich.cells import cell_len, get_character_cell_size
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

CELL: Final = 9
LINE: Final = 19
"""Pixels of a cell and of a line: 88 cells are as wide as a page of GitHub, so that letters have 15 pixels there."""
MARGIN: Final = 18
TITLE_BAR: Final = 34
_BASELINE = 14
_BLOCKS = " ▁▂▃▄▅▆▇█"
"""Drawn as rectangles, because fonts leave gaps between them; the index is the height in eighths of a line."""
_WORDS = re.compile(r"\S+(?: \S+)*")
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_STYLE = (
    f"svg {{ font: 15px {_FONT}; fill: {MONOKAI.foreground_color.hex}; }}\n"
    "text { white-space: pre; } rect { shape-rendering: crispEdges; }"
)
"""On the root, so that the attributes of an element win."""
_CONSOLE = Console()


def draw_terminal(title: str, columns: int, rows: int, content: Sequence[str], style: str = "") -> str:
    """Return a picture of a terminal.

    Args:
        title: what runs in it.
        columns, rows: its size.
        content: the elements inside, as `draw_lines` yields them.
        style: rules of CSS that they need besides.
    """
    width, height = columns * CELL, rows * LINE
    whole = width + 2 * MARGIN, height + TITLE_BAR + MARGIN
    lights = (
        f'<circle cx="{MARGIN + 4 + 20 * number}" cy="17" r="6" fill="{color}"/>'
        for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]} {whole[1]}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n{style}</style>",
            f'<clipPath id="screen"><rect width="{width}" height="{height}"/></clipPath>',
            f'<rect width="{whole[0]}" height="{whole[1]}" rx="8" fill="{MONOKAI.background_color.hex}"/>',
            *lights,
            f'<text x="{whole[0] // 2}" y="22" text-anchor="middle" opacity=".7">{escape(title)}</text>',
            f'<g transform="translate({MARGIN} {TITLE_BAR})" clip-path="url(#screen)">',
            *content,
            "</g>",
            "</svg>",
            "",
        )
    )


def draw_lines(lines: Sequence[Text], top: int = 0) -> Iterator[str]:
    """Yield the elements of lines, the first of which is in the row `top`."""
    for row, line in enumerate(lines, top):
        column = 0
        for segment in line.render(_CONSOLE):
            for kind, characters in groupby(segment.text, _kind):
                run = "".join(characters)
                yield from _DRAW[kind](run, segment.style or Style(), column, row * LINE)
                column += cell_len(run)


def _kind(character: str) -> str:
    if character in _BLOCKS[1:]:
        return "blocks"
    return "wide" if get_character_cell_size(character) == 2 else "narrow"


def _draw_narrow(run: str, style: Style, column: int, y: int) -> Iterator[str]:
    """Yield each group of words with the width of its cells."""
    for words in _WORDS.finditer(run):
        x = (column + cell_len(run[: words.start()])) * CELL
        cells = cell_len(words[0])
        length = f' textLength="{cells * CELL}" lengthAdjust="spacingAndGlyphs"' if cells > 1 else ""
        yield f'<text x="{x}" y="{y + _BASELINE}"{length}{_attributes(style)}>{escape(words[0], quote=False)}</text>'


def _draw_wide(run: str, style: Style, column: int, y: int) -> Iterator[str]:
    """Yield letters of two cells, each at its own place."""
    places = " ".join(str((column + 2 * number) * CELL) for number in range(len(run)))
    yield f'<text x="{places}" y="{y + _BASELINE}"{_attributes(style)}>{escape(run, quote=False)}</text>'


def _draw_blocks(run: str, style: Style, column: int, y: int) -> Iterator[str]:
    """Yield a rectangle for each group of equal blocks."""
    for block, equal in groupby(run):
        cells = len(list(equal))
        height = round(LINE * _BLOCKS.index(block) / 8, 1)
        yield (
            f'<rect x="{column * CELL}" y="{round(y + LINE - height, 1)}" width="{cells * CELL}" '
            f'height="{height}" fill="{_hex(style.color)}"{_opacity(style)}/>'
        )
        column += cells


_DRAW = {"narrow": _draw_narrow, "wide": _draw_wide, "blocks": _draw_blocks}


def _attributes(style: Style) -> str:
    color = f' fill="{_hex(style.color)}"' if style.color and not style.color.is_default else ""
    weight = ' font-weight="bold"' if style.bold else ""
    return f"{color}{weight}{_opacity(style)}"


def _opacity(style: Style) -> str:
    return ' opacity=".6"' if style.dim else ""


def _hex(color: Color | None) -> str:
    return (color.get_truecolor(MONOKAI) if color else MONOKAI.foreground_color).hex
