"""`ops explore --export` of a large table, and the help of the commands."""

import functools
import itertools
import json
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.operators.runner import Case
from local.stubs.http import Answer, Request, Response

OUTPUTS = {"region": "us-east-1", "table_name": "dev-EventData", "event_type": "tweet"}
_PAGE_BYTES = 1024 * 1024
_NIGHT = datetime(2026, 11, 28, tzinfo=UTC)


def _items() -> Iterator[dict[str, dict[str, str]]]:
    """Yield tweets of a day in no order, as a scan finds them."""
    chance = random.Random(30)
    while True:
        moment = _NIGHT + timedelta(milliseconds=chance.randrange(86_400_000))
        yield {
            "Username": {"S": f"user_{chance.randrange(100_000)}"},
            "Id": {"S": str(chance.randrange(10**18, 2 * 10**18))},
            "Timestamp": {"S": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"},
            "Message": {"S": 'A café says "open", rain or shine \N{UMBRELLA}\n' * chance.randrange(1, 9)},
        }


def table(rows: int) -> Answer:
    """Return a table of so many rows. Its pages have the same items, about as many as 1 MB holds."""
    texts: list[str] = []
    size = 0
    for item in itertools.islice(_items(), rows):
        texts.append(json.dumps(item, ensure_ascii=False, separators=(",", ":")))
        size += len(texts[-1].encode())
        if size >= _PAGE_BYTES:
            break
    pages, rest = divmod(rows, len(texts))
    page, last_page = (",".join(texts[:count]).encode() for count in (len(texts), rest))

    async def answer(request: Request) -> Response:
        if request.headers["x-amz-target"].endswith(".DescribeTable"):
            return Response(body=b'{"Table":{"TableSizeBytes":%d}}' % (rows * size // len(texts)))
        asked = json.loads(request.body)
        step, first = asked.get("TotalSegments", 1), asked.get("Segment", 0)
        number = int(asked["ExclusiveStartKey"]["Id"]["S"]) if "ExclusiveStartKey" in asked else first
        items = page if number < pages else last_page if number == pages else b""
        following = b',"LastEvaluatedKey":{"Username":{"S":"user"},"Id":{"S":"%d"}}' % (number + step)
        return Response(
            body=b'{"Items":[%b],"ConsumedCapacity":{"TableName":"dev-EventData","CapacityUnits":128.5}%b}'
            % (items, following if number + step <= pages else b"")
        )

    return answer


million = functools.partial(table, 1_000_000)


def _check(output: str) -> None:
    assert "1,000,000 tweets written to" in output, output


_HERE = "benchmarks.operators.explore"
_EXPORT = ["explore", "--pages", "0", "--export", str(Path(tempfile.gettempdir(), "benchmark-export.jsonl"))]
CASES = [
    Case(
        "`explore --export`, 1,000,000 rows",
        _EXPORT,
        f"{_HERE}:million",
        OUTPUTS,
        work=1_000_000,
        check=_check,
    ),
    Case(
        "the same with `--segments 4`, beside 1 before",
        _EXPORT,
        f"{_HERE}:million",
        OUTPUTS,
        work=1_000_000,
        check=_check,
        added=["--segments", "4"],
    ),
    Case("`explore --help`", ["explore", "--help"], f"{_HERE}:million"),
    Case("`ops --help`", ["--help"], f"{_HERE}:million"),
]
