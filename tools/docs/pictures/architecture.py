"""The picture of the architecture: hand-placed boxes and arrows."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.docs.pictures.drawing import GREY, WIDTH, arrow, box, draw, text

_HEIGHT = 392


@dataclass(frozen=True, slots=True)
class _Box:
    x: int
    y: int
    width: int
    title: str
    lines: tuple[str, ...]
    color: str
    height: int = 84

    @property
    def middle(self) -> int:
        return self.y + self.height // 2

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def draw(self) -> Iterator[str]:
        center = self.x + self.width // 2
        yield box(self.x, self.y, self.width, self.height, self.color)
        yield text(center, self.y + 27, self.title, size=15, color=self.color, anchor="middle", bold=True)
        for number, line in enumerate(self.lines):
            yield text(center, self.y + 49 + 18 * number, line, size=12, anchor="middle")


_SOURCE = _Box(16, 142, 138, "X API v2", ("or a file,", "or Bluesky"), "#334155")
_PRODUCER = _Box(188, 142, 132, "producer", ("twitter2kinesis", "spool on disk"), "#0e7490")
_STREAM = _Box(412, 142, 152, "Kinesis stream", ("<stack>-EventStream",), "#7c3aed")
_FUNCTION = _Box(622, 142, 188, "Lambda function", ("<stack>-DDBEventProcessor",), "#c2410c")
_TABLE = _Box(638, 290, 172, "DynamoDB table", ("<stack>-EventData",), "#1d4ed8")
_QUARANTINE = _Box(
    388, 290, 196, "S3 quarantine", ("payload and reason of", "what cannot be stored"), "#b91c1c"
)
_ALARMS = _Box(
    606, 14, 204, "CloudWatch", ("metrics, alarms, dashboard", "→ SNS topic"), "#15803d", height=86
)
_BOXES = (_SOURCE, _PRODUCER, _STREAM, _FUNCTION, _TABLE, _QUARANTINE, _ALARMS)


def render() -> str:
    """Draw the path of a tweet, the way back from quarantine, and the monitoring of both."""
    return draw(
        "Tweets flow from a producer through Kinesis and Lambda into DynamoDB",
        _HEIGHT,
        (
            f'<rect x="374" y="6" width="{WIDTH - 380}" height="{_HEIGHT - 12}" rx="10" fill="none" '
            'stroke="#94a3b8" stroke-dasharray="6 5"/>',
            text(388, 30, "one Pulumi program"),
            *_flow(),
            *(line for each in _BOXES for line in each.draw()),
        ),
    )


def _flow() -> Iterator[str]:
    y = _STREAM.middle
    for start, end in ((_SOURCE, _PRODUCER), (_PRODUCER, _STREAM), (_STREAM, _FUNCTION)):
        yield arrow(f"M{start.right} {y} H{end.x}")
    yield _label(_PRODUCER.right + 4, y - 8, "PutRecords")
    yield _label(_STREAM.right + 5, y - 8, "batches")
    yield _label(_PRODUCER.x, _PRODUCER.bottom + 20, "its key may write")
    yield _label(_PRODUCER.x, _PRODUCER.bottom + 37, "to this stream only")
    x = _TABLE.x + _TABLE.width // 2
    yield arrow(f"M{x} {_FUNCTION.bottom} V{_TABLE.y}")
    yield _label(x - 6, 274, "BatchWriteItem", anchor="end")
    yield arrow(f"M{x} {_FUNCTION.y} V{_ALARMS.bottom}")
    yield arrow(f"M650 {_FUNCTION.bottom} V252 H545 V{_QUARANTINE.y}")
    yield _label(646, 246, "cannot be stored", anchor="end")
    yield arrow(f"M450 {_QUARANTINE.y} V{_STREAM.bottom}")
    yield _label(444, 262, "redrive", anchor="end")


def _label(x: int, y: int, words: str, *, anchor: str = "start") -> str:
    return text(x, y, words, size=12, color=GREY, anchor=anchor)
