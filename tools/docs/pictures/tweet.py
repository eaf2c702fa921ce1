"""The picture of one tweet's life: what it is at each station, by the code that makes it, and what may become of it."""

import base64
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from event.poison import Reason
from event.quarantine_object import object_key
from event.record import KinesisRecord
from event.types.tweet import EVENT
from producer.formats.tweets import to_record
from producer.spooling.entry import StreamRecord
from tools.docs.pictures.drawing import arrow, box, draw, paragraph, text

_POST = {
    "data": {
        "id": "1860000000000000001",
        "text": "the river is full of lights",
        "author_id": "7",
        "created_at": "2026-11-23T14:41:28.000Z",
        "lang": "en",
    },
    "includes": {"users": [{"id": "7", "username": "mira"}]},
}
_SEQUENCE_NUMBER = "49590338271490256608559692538361571095921575989136588898"
_LETTERS = 66
_TOP, _LEFT, _BOX_WIDTH, _GAP = 16, 16, 510, 34
_SIDE = _LEFT + _BOX_WIDTH + 24


@dataclass(frozen=True, slots=True)
class _Station:
    """Where the tweet is, what it looks like there, how it continues, and what else may become of it."""

    title: str
    color: str
    content: str
    way_on: str
    otherwise: Sequence[str]

    @property
    def lines(self) -> Sequence[str]:
        """The content in lines."""
        return textwrap.wrap(self.content, _LETTERS, break_on_hyphens=False)

    @property
    def height(self) -> int:
        """Pixels of the box."""
        return max(40 + 18 * len(self.lines), 18 * len(self.otherwise) + 12)


def render() -> str:
    """Draw the stations below each other."""
    content: list[str] = []
    y = _TOP
    stations = _stations()
    for number, station in enumerate(stations):
        content += _draw(station, y)
        if number < len(stations) - 1:
            bottom = y + station.height
            content.append(arrow(f"M{_LEFT + 40} {bottom} V{bottom + _GAP}"))
            content.append(text(_LEFT + 56, bottom + 22, station.way_on, size=13))
        y += station.height + _GAP
    return draw("One tweet on its way from X to the table", y - _GAP + _TOP, content)


def _draw(station: _Station, y: int) -> Iterator[str]:
    yield box(_LEFT, y, _BOX_WIDTH, station.height, station.color)
    yield text(_LEFT + 14, y + 23, station.title, size=15, color=station.color, bold=True)
    for number, line in enumerate(station.lines):
        yield text(_LEFT + 14, y + 44 + 18 * number, line, size=12, color="#1f2328", mono=True)
    middle = y + station.height // 2
    if station.otherwise:
        yield arrow(f"M{_LEFT + _BOX_WIDTH} {middle} H{_SIDE - 4}", dashed=True)
    first = middle - 9 * (len(station.otherwise) - 1) + 5
    yield from paragraph(_SIDE + 2, first, station.otherwise)


def _stations() -> Sequence[_Station]:
    """Make the tweet's forms, each from the one before, as producer and function do."""
    record = to_record(_POST, "x").encode()
    if not isinstance(record, StreamRecord):
        raise TypeError("the producer rejects the post of the picture")
    kinesis: KinesisRecord = {
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream",
        "eventID": f"shardId-000000000000:{_SEQUENCE_NUMBER}",
        "kinesis": {
            "data": base64.b64encode(record.data).decode(),
            "partitionKey": record.partition_key,
            "sequenceNumber": _SEQUENCE_NUMBER,
            "approximateArrivalTimestamp": 1795444888.5,
        },
    }
    _, item = EVENT.build_item(EVENT.parse(kinesis))
    quarantined = object_key(kinesis, Reason.TOO_LARGE)
    return (
        _Station(
            "X, a file, or Bluesky",
            "#334155",
            json.dumps(_POST),
            "the producer reads it",
            ("not a tweet, or too large:", "rejected.jsonl, counted;", "--source rejected sends it again"),
        ),
        _Station(
            "Producer's spool, on disk",
            "#0e7490",
            json.dumps(json.loads(record.data)),
            "PutRecords, under its username: one user's tweets keep their order",
            ("the stream throttles or fails:", "it waits here, and is sent again;", "a crash loses nothing"),
        ),
        _Station(
            "Kinesis stream",
            "#7c3aed",
            json.dumps(
                {"partitionKey": record.partition_key, "data": f"{kinesis['kinesis']['data'][:28]}..."}
            ),
            "Lambda reads a batch, and repeats it until every record is reported done",
            ("nobody reads it in time:", "an alarm before it expires;", "replay reads it again"),
        ),
        _Station(
            "Lambda function",
            "#c2410c",
            "parse, check, build the row; BatchWriteItem",
            "stored once or more: the key makes repeats one row",
            (
                "can never be stored: quarantine,",
                "/".join(quarantined.split("/")[:2]) + "/...; redrive",
                "retries used up: aws/lambda/...",
                "older version of one batch: duplicate",
            ),
        ),
        _Station(
            "DynamoDB table",
            "#1d4ed8",
            json.dumps(json.loads(item)["PutRequest"]["Item"]),
            "",
            ("deleted by its tombstone,", "or by itemLifetimeDays"),
        ),
    )
