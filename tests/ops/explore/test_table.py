"""`explore --export`: exactly the rows of the table, whatever other programs have stored, and however it is read."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from click.testing import CliRunner, Result

from local.stubs.http import Answer, Request, Response, serving
from ops.cli import cli

Item = dict[str, dict[str, Any]]

OPTIONS = ["--region=us-east-1", "--table-name=events", "--event-type=tweet", "--stream-name=s", "--pages=0"]


def tweet(number: int, **attributes: dict[str, Any]) -> Item:
    values = {"Username": "u", "Id": str(number), "Timestamp": "2026-11-23T14:41:28.000Z", "Message": "m"}
    return {name: {"S": value} for name, value in values.items()} | attributes


class Table:
    """A table in parts, each a list of pages; a scan of another number of segments fails."""

    def __init__(self, *segments: list[list[Item]]) -> None:
        self.segments = segments
        self.read: Counter[int] = Counter()
        """Number of pages by segment."""
        self.failures: list[Response] = []
        """The next answers to a scan."""

    async def answer(self, request: Request) -> Response:
        operation = request.headers["x-amz-target"].partition(".")[2]
        if operation == "DescribeTable":
            return Response(body=b'{"Table":{"TableSizeBytes":1000000}}')
        assert operation == "Scan"
        if self.failures:
            return self.failures.pop(0)
        asked = json.loads(request.body)
        assert asked["TotalSegments"] == len(self.segments)
        segment = asked["Segment"]
        number = int(asked["ExclusiveStartKey"]["Id"]["N"]) if "ExclusiveStartKey" in asked else 0
        self.read[segment] += 1
        pages = self.segments[segment]
        last = {} if number + 1 == len(pages) else {"LastEvaluatedKey": {"Id": {"N": str(number + 1)}}}
        answer = {"Items": pages[number], "ConsumedCapacity": {"CapacityUnits": 128.5}, **last}
        return Response(body=json.dumps(answer).encode())


def export(answer: Answer, file: Path, *options: str) -> Result:
    """Run the command against a service."""
    with serving(answer) as url:
        return CliRunner().invoke(
            cli, ["explore", *OPTIONS, "--endpoint", url, "--export", str(file), *options]
        )


def ids(file: Path) -> list[int]:
    return [int(json.loads(line)["id"]) for line in file.read_text().splitlines()]


STRANGE = [
    tweet(1, Message={"S": 'a,"b"\\\n\r\t\x00\x1b\x7f\u2028é😀%s{}'}),
    tweet(2, Message={"N": "12345678901234567890123456789012345678"}, Timestamp={"N": "-9.90E+125"}),
    tweet(3, Message={"B": "AP+A"}, Timestamp={"BS": ["AA==", "/w=="]}),
    tweet(4, Message={"L": [{"N": "1E-130"}, {"NULL": True}, {"M": {"=é": {"BOOL": False}}}]}),
    tweet(5, Message={"NS": ["1.0", "-0"]}, Timestamp={"SS": ["=1", "+"]}),
    {"Username": {"S": "=u"}, "Id": {"S": "6"}, "Unknown": {"S": "x"}},
]


def test_rows_of_any_content_are_json_with_all_digits(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"

    assert export(Table([STRANGE]).answer, file).exit_code == 0
    assert file.read_text(encoding="utf-8").split("\n") == [
        '{"username":"u","id":"1","timestamp":"2026-11-23T14:41:28.000Z",'
        '"message":"a,\\"b\\"\\\\\\n\\r\\t\\u0000\\u001b\x7f\u2028é😀%s{}"}',
        '{"username":"u","id":"2","timestamp":-9.90E+125,"message":12345678901234567890123456789012345678}',
        '{"username":"u","id":"3","timestamp":["AA==","/w=="],"message":"AP+A"}',
        '{"username":"u","id":"4","timestamp":"2026-11-23T14:41:28.000Z",'
        '"message":[1E-130,null,{"=é":false}]}',
        '{"username":"u","id":"5","timestamp":["=1","+"],"message":[1.0,-0]}',
        '{"username":"=u","id":"6","timestamp":"","message":""}',
        "",
    ]


def test_rows_of_any_content_are_csv_without_formulas(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"

    assert "2 fields guarded" in export(Table([STRANGE]).answer, file).stdout
    assert file.read_bytes().decode().split("\r\n") == [
        "Username,Id,Timestamp,Message",
        'u,1,2026-11-23T14:41:28.000Z,"a,""b""\\\n\r\t\x00\x7f\u2028é😀%s{}"',
        "u,2,-9.90E+125,12345678901234567890123456789012345678",
        'u,3,"[""AA=="", ""/w==""]",AP+A',
        'u,4,2026-11-23T14:41:28.000Z,"[1E-130, null, {""=é"": false}]"',
        'u,5,"[""=1"", ""+""]","[1.0, -0]"',
        "'=u,6,,",
        "",
    ]


def test_segments_are_read_to_the_end_each(tmp_path: Path) -> None:
    table = Table([[tweet(1)], [tweet(2), tweet(3)]], [[]], [[tweet(4)], [], [tweet(5)]])

    result = export(table.answer, tmp_path / "rows.jsonl", "--segments=3", "--json")

    assert sorted(ids(tmp_path / "rows.jsonl")) == [1, 2, 3, 4, 5]
    assert json.loads(result.stdout) == {
        "rows": 5,
        "pages": 6,
        "read_units": 771.0,
        "complete": True,
        "exported": 5,
    }


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_no_more_pages_are_read_than_were_asked_for(tmp_path: Path, pages: int) -> None:
    table = Table([[tweet(1)]], [[tweet(2)], [tweet(3)], [tweet(4)]])

    result = export(table.answer, tmp_path / "rows.jsonl", "--segments=2", f"--pages={pages}", "--json")

    assert table.read.total() == json.loads(result.stdout)["pages"] == pages
    assert not json.loads(result.stdout)["complete"]


def test_a_page_that_was_throttled_or_damaged_on_its_way_is_read_again(tmp_path: Path) -> None:
    table = Table([[tweet(1)], [tweet(2)]])
    throttled = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'
    damaged = b'{"Items":[],"ConsumedCapacity":{"CapacityUnits":0}}'
    table.failures = [
        Response(status=400, body=throttled),  # to a direct call; the next is botocore's
        Response(body=damaged, headers={"x-amz-crc32": str(crc32(damaged) ^ 1)}),
    ]

    assert export(table.answer, tmp_path / "rows.jsonl").exit_code == 0
    assert ids(tmp_path / "rows.jsonl") == [1, 2]


def test_an_error_of_one_segment_ends_the_export(tmp_path: Path) -> None:
    table = Table([[tweet(1)]], [[tweet(2)]])
    denied = b'{"__type":"com.amazon.coral.service#AccessDeniedException","message":"no dynamodb:Scan"}'
    table.failures = [Response(status=400, body=denied)] * 4  # each segment's direct call, and botocore's

    result = export(table.answer, tmp_path / "rows.jsonl", "--segments=2")

    assert result.exit_code == 1
    assert "no dynamodb:Scan" in result.stderr


@pytest.mark.parametrize("option", ["--key=u", "--user=u", "--follow", "--top"])
def test_segments_are_of_a_scan_only(option: str) -> None:
    result = CliRunner().invoke(cli, ["explore", *OPTIONS, "--segments=2", option])

    assert result.exit_code == 2
    assert "--segments divides a scan: leave out --key, --user, --follow and --top." in result.stderr
