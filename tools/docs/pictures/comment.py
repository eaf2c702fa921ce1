"""The picture of a pull request's comment: a recorded preview, in the Markdown that the workflow posts."""

from itertools import takewhile

from delivery.workflows.preview import INDENT, as_markdown
from tools.docs.pictures.drawing import WIDTH, box, draw, text
from tools.docs.record import PREVIEW

_LEFT, _TOP, _HEAD = 16, 16, 42
_LINE = 18
_LETTERS = 94


def render() -> str:
    """Draw the comment as GitHub shows it: the heading, and the report as an indented block."""
    heading, block = _read(as_markdown("dev", PREVIEW.read_text()))
    height = _HEAD + 52 + _LINE * len(block) + 34
    content = [
        box(_LEFT, _TOP, WIDTH - 2 * _LEFT, height, "#d0d7de"),
        f'<rect x="{_LEFT}" y="{_TOP}" width="{WIDTH - 2 * _LEFT}" height="{_HEAD}" rx="8" fill="#f6f8fa"/>',
        text(_LEFT + 16, _TOP + 27, "github-actions", color="#1f2328", bold=True),
        text(_LEFT + 140, _TOP + 27, "commented on this pull request"),
        text(_LEFT + 16, _TOP + _HEAD + 32, heading, size=17, color="#1f2328", bold=True),
        f'<rect x="{_LEFT + 16}" y="{_TOP + _HEAD + 48}" width="{WIDTH - 2 * _LEFT - 32}" '
        f'height="{_LINE * len(block) + 20}" rx="6" fill="#f6f8fa"/>',
        *(
            text(
                _LEFT + 30,
                _TOP + _HEAD + 72 + _LINE * number,
                _cut(line),
                size=13,
                color="#1f2328",
                mono=True,
            )
            for number, line in enumerate(block)
        ),
    ]
    return draw("The comment that the preview writes on a pull request", _TOP * 2 + height, content)


def _read(markdown: str) -> tuple[str, list[str]]:
    """Return the heading's text and the lines of the block."""
    heading, _, *lines = markdown.splitlines()
    block = [line.removeprefix(INDENT) for line in takewhile(lambda line: line.startswith(INDENT), lines)]
    return heading.lstrip("# ").replace("`", ""), block


def _cut(line: str) -> str:
    """Cut a line, which GitHub scrolls instead."""
    return line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…"
