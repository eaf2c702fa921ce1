"""Elements of the pictures that are not terminals: text, arrows, boxes."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

WIDTH: Final = 830
"""Pixels of a page of GitHub: a picture as wide is shown in its own size."""
SANS: Final = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
MONO: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GREY: Final = "#475569"


def draw(title: str, height: int, content: Sequence[str]) -> str:
    """Return a picture as wide as a page."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="{SANS}">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#64748b"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#f8fafc"/>',
            *content,
            "</svg>",
            "",
        )
    )


def text(
    x: int,
    y: int,
    words: str,
    *,
    size: int = 14,
    color: str = GREY,
    anchor: str = "start",
    bold: bool = False,
    mono: bool = False,
) -> str:
    """Return a line of text; one of cells keeps their width."""
    weight = ' font-weight="bold"' if bold else ""
    family = f' font-family="{MONO}" xml:space="preserve"' if mono else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}{family}>'
        f"{escape(words, quote=False)}</text>"
    )


def arrow(path: str, *, dashed: bool = False) -> str:
    """Return an arrow along a path."""
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<path d="{path}" fill="none" stroke="#64748b" stroke-width="1.8"{dashes} marker-end="url(#tip)"/>'
    )


def box(x: int, y: int, width: int, height: int, color: str) -> str:
    """Return a frame."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="#ffffff" stroke="{color}" '
        'stroke-width="2"/>'
    )


def paragraph(x: int, y: int, lines: Sequence[str], *, size: int = 13, color: str = GREY) -> Iterator[str]:
    """Yield lines below each other."""
    for number, line in enumerate(lines):
        yield text(x, y + round(number * size * 1.4), line, size=size, color=color)
