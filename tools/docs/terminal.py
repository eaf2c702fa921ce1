"""Pictures of terminals: the recorded demo and `ops watch`."""

from collections.abc import Iterator
from io import StringIO

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tools.docs.record import DEMO, WIDTH, load_traffic

_FRAME_LINES = 30
_STEPS = ("Deploy", "Stream", "Account", "Check that")

# Rich's own format without the font that it fetches: a picture on a page must not load anything.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" xml:space="preserve">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def render_demo() -> str:
    """Render the parts of the demo that a reader should see first."""
    console = _console()
    for line in _excerpt(DEMO.read_text()):
        console.print(line, no_wrap=True, overflow="ellipsis", soft_wrap=False)
    return _export(console, "make demo")


def render_watch() -> str:
    """Render a frame of `ops watch`."""
    console = _console()
    console.print(load_traffic().frame, height=_FRAME_LINES)
    return _export(console, "stream-ops watch")


def _excerpt(recorded: str) -> Iterator[Text]:
    """Yield the steps that show the path of a tweet, the final account, and the calls that the key is denied."""
    shown = False
    for line in map(Text.from_ansi, recorded.splitlines()):
        if line.plain[:1].strip():  # the heading of a step
            shown = line.plain.startswith(_STEPS)
        if shown:
            yield line


def _console() -> Console:
    return Console(
        record=True, width=WIDTH, height=_FRAME_LINES, file=StringIO(), force_terminal=True, highlight=False
    )


def _export(console: Console, title: str) -> str:
    return console.export_svg(title=title, theme=MONOKAI, code_format=_FORMAT, unique_id=title.split()[-1])
