"""Pictures of terminals: the recorded demo, which moves, and `ops watch`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate, pairwise

from rich.console import Console
from rich.text import Text

from tools.docs.pictures.screen import LINE, draw_lines, draw_terminal
from tools.docs.record import DEMO, DISPLAYS, WIDTH, load_traffic

_WATCH_LINES = 30
_ROWS = 36
"""Rows of the demo's screen: the longest step fits."""
_READING_SECONDS = 1.2, 0.16
"""How long a step is shown: for itself, and for each of its lines."""
_FRAME_SECONDS = 0.7
_END_SECONDS = 4.0
_STILL = "Stream "
"""The step that is seen where nothing moves."""


def render_watch() -> str:
    """Render a frame of `ops watch`."""
    console = Console(width=WIDTH, height=_WATCH_LINES, file=StringIO(), force_terminal=True, highlight=False)
    with console.capture() as capture:
        console.print(load_traffic().frame, height=_WATCH_LINES)
    lines = _parse(capture.get())
    return draw_terminal("stream-ops watch", WIDTH, len(lines), list(draw_lines(lines)))


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the demo: its lines, and the earlier frames of the display among them, if it has one."""

    lines: Sequence[Text]
    display: int
    frames: Sequence[Sequence[Text]]

    @property
    def seconds(self) -> float:
        """How long it is shown, its frames included."""
        base, per_line = _READING_SECONDS
        return base + per_line * len(self.lines) + _FRAME_SECONDS * len(self.frames)


def load_steps() -> list[Step]:
    """Load the recorded demo, step by step."""
    displays = [[_parse(frame) for frame in frames] for frames in json.loads(DISPLAYS.read_text())]
    return [_with_frames(lines, displays) for lines in _divide(_parse(DEMO.read_text()))]


def render_demo() -> str:
    """Render the demo as an animation of CSS, which stands still for readers who prefer less motion."""
    steps = load_steps()
    *starts, end = accumulate((step.seconds for step in steps), initial=0.0)
    total = end + _END_SECONDS
    rows = list(accumulate((len(step.lines) for step in steps), initial=0))
    offsets = [max(0, bottom - _ROWS) * LINE for bottom in rows[1:]]
    still = next(number for number, step in enumerate(steps) if step.lines[0].plain.startswith(_STILL))
    rules = [_scrolling(starts, offsets, total, offsets[still])]
    content = ['<g class="all">']
    for number, (step, start, top) in enumerate(zip(steps, starts, rows, strict=False)):
        content.append(f'<g class="s{number}">')
        rules.append(_visible(f"s{number}", start, None, total))
        content += _draw_step(step, top, f"s{number}", start, total, rules)
        content.append("</g>")
    content.append("</g>")
    style = "\n".join(
        (*rules, "@media (prefers-reduced-motion: reduce) { g { animation: none !important; } }", "")
    )
    return draw_terminal("make demo", WIDTH, _ROWS, content, style)


def _draw_step(
    step: Step, top: int, name: str, start: float, total: float, rules: list[str]
) -> Iterator[str]:
    """Yield a step's elements: each frame hides those before it, and the last one stays."""
    shown = step.display + len(step.frames[-1]) if step.frames else 0
    yield from draw_lines(step.lines[: step.display], top)
    times = [start + _FRAME_SECONDS * number for number in range(len(step.frames) + 1)]
    for number, (frame, (begin, until)) in enumerate(zip(step.frames[:-1], pairwise(times), strict=False)):
        rules.append(f".{name}f{number} {{ visibility: hidden; }}")
        rules.append(_visible(f"{name}f{number}", begin, until, total))
        yield f'<g class="{name}f{number}">'
        yield from draw_lines(frame, top + step.display)
        yield "</g>"
    if step.frames:
        rules.append(_visible(f"{name}r", times[-2], None, total))
        yield f'<g class="{name}r">'
        yield from draw_lines(step.lines[step.display : shown], top + step.display)
        yield from draw_lines(step.lines[shown:], top + shown)
        yield "</g>"


def _visible(name: str, begin: float, until: float | None, total: float) -> str:
    """Return the rules for elements that are seen for a part of the animation, to its end if nothing is said."""
    hidden = f" {until / total:.2%} {{ visibility: hidden; }}" if until is not None else ""
    return (
        f"@keyframes {name} {{ 0% {{ visibility: hidden; }} {begin / total:.2%} {{ visibility: visible; }}{hidden} }}\n"
        f".{name} {{ animation: {name} {total:.1f}s step-end infinite; }}"
    )


def _scrolling(starts: Sequence[float], offsets: Sequence[int], total: float, still: int) -> str:
    """Return the rules that scroll the screen at the start of each step."""
    frames = " ".join(
        f"{start / total:.2%} {{ transform: translateY(-{offset}px); }}"
        for start, offset in zip(starts, offsets, strict=True)
    )
    return (
        f"@keyframes all {{ {frames} }}\n"
        f".all {{ transform: translateY(-{still}px); animation: all {total:.1f}s step-end infinite; }}"
    )


def _parse(recorded: str) -> list[Text]:
    return [part for line in recorded.splitlines() for part in _fold(Text.from_ansi(line))]


def _fold(line: Text) -> Iterator[Text]:
    """Break a line between words, as the demo does on a terminal; cut it where there it stays whole."""
    line.rstrip()
    start = line.plain.lstrip()
    indent = len(line.plain) - len(start)
    if start.startswith(("{", "records/")):
        line.truncate(WIDTH, overflow="ellipsis")
    if line.cell_len <= WIDTH:
        yield line
        return
    for part in line[indent:].wrap(Console(), WIDTH - indent):
        part.rstrip()
        part.pad_left(indent)
        yield part


def _divide(lines: Sequence[Text]) -> Iterator[list[Text]]:
    """Yield the lines of each step, which begins with its title."""
    step: list[Text] = []
    for line in lines:
        if line.plain[:1].strip() and step:
            yield step
            step = []
        if step or line.plain.strip():
            step.append(line)
    yield step


def _with_frames(lines: Sequence[Text], displays: list[list[list[Text]]]) -> Step:
    """Return a step with the frames of the display whose last frame is among its lines."""
    plain = [line.plain for line in lines]
    for frames in displays:
        last = [line.plain for line in frames[-1]]
        for start in range(len(plain) - len(last) + 1):
            if plain[start : start + len(last)] == last:
                return Step(lines, start, frames)
    return Step(lines, len(lines), ())
