"""The picture of the architecture: hand-placed boxes and arrows."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 1120, 420
_FONT = "font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""


@dataclass(frozen=True, slots=True)
class _Box:
    x: int
    y: int
    title: str
    lines: tuple[str, ...]
    color: str
    width: int = 168
    height: int = 92

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def right(self) -> int:
        return self.x + self.width

    def draw(self) -> Iterator[str]:
        yield (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8" '
            f'fill="#ffffff" stroke="{self.color}" stroke-width="2"/>'
        )
        center = self.x + self.width // 2
        yield _text(center, self.y + 26, self.title, size=15, color=self.color, weight="bold")
        for number, line in enumerate(self.lines):
            yield _text(center, self.y + 47 + 17 * number, line, size=12, color="#475569")


_SOURCE = _Box(20, 150, "X API v2", ("filtered stream", "or a file, or Bluesky"), "#334155", width=150)
_PRODUCER = _Box(235, 150, "producer", ("twitter2kinesis", "spool on disk"), "#0e7490", width=150)
_STREAM = _Box(450, 150, "Kinesis stream", ("<stack>-EventStream",), "#7c3aed")
_FUNCTION = _Box(665, 150, "Lambda function", ("<stack>-DDBEventProcessor",), "#c2410c", width=190)
_TABLE = _Box(930, 150, "DynamoDB table", ("<stack>-EventData",), "#1d4ed8")
_QUARANTINE = _Box(
    655, 310, "S3 quarantine", ("payload and reason", "of what cannot be stored"), "#b91c1c", width=210
)
_ALARMS = _Box(
    655, 20, "CloudWatch", ("metrics, alarms, dashboard", "→ SNS topic"), "#15803d", width=210, height=86
)
_BOXES = (_SOURCE, _PRODUCER, _STREAM, _FUNCTION, _TABLE, _QUARANTINE, _ALARMS)


def render() -> str:
    """Draw the path of a tweet, the way back from quarantine, and the monitoring of both."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {_FONT}>',
            "<title>Tweets flow from a producer through Kinesis and Lambda into DynamoDB</title>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#64748b"/></marker></defs>',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="10" fill="#f8fafc"/>',
            f'<rect x="425" y="6" width="{_WIDTH - 431}" height="{_HEIGHT - 12}" rx="10" fill="none" '
            'stroke="#94a3b8" stroke-dasharray="6 5"/>',
            _text(440, 30, "one Pulumi program: pulumi up", size=13, color="#64748b", anchor="start"),
            *_flow(),
            *(line for box in _BOXES for line in box.draw()),
            "</svg>",
            "",
        )
    )


def _flow() -> Iterator[str]:
    y = _STREAM.middle
    for start, end, label in (
        (_SOURCE, _PRODUCER, ""),
        (_PRODUCER, _STREAM, "PutRecords"),
        (_STREAM, _FUNCTION, ""),
        (_FUNCTION, _TABLE, ""),
    ):
        yield _arrow(f"M{start.right} {y} H{end.x}")
        if label:
            yield _text((start.right + end.x) // 2, y - 8, label, size=11)
    yield _text(310, 262, "its key may write", size=11)
    yield _text(310, 277, "to this stream only", size=11)
    yield _text(641, y - 8, "batches", size=11)
    yield _text(893, 138, "BatchWriteItem", size=11)
    x = _FUNCTION.x + _FUNCTION.width // 2
    bottom = _FUNCTION.y + _FUNCTION.height
    yield _arrow(f"M{x} {bottom} V{_QUARANTINE.y}")
    yield _text(x + 10, 272, "records that can never be stored,", size=11, anchor="start")
    yield _text(x + 10, 287, "batches that keep failing", size=11, anchor="start")
    yield _arrow(f"M{x} {_FUNCTION.y} V{_ALARMS.y + _ALARMS.height}")
    center = _STREAM.x + _STREAM.width // 2
    yield _arrow(f"M{_QUARANTINE.x} {_QUARANTINE.middle} H{center} V{bottom}")
    yield _text(center + 10, _QUARANTINE.middle + 18, "redrive", size=11, anchor="start")


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#64748b" stroke-width="1.8" marker-end="url(#tip)"/>'


def _text(
    x: int,
    y: int,
    text: str,
    *,
    size: int,
    color: str = "#64748b",
    anchor: str = "middle",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
