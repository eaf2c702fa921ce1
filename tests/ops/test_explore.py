"""`explore`: what an operator sees in the table."""

import csv
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.chart import tweets_per_minute
from ops.display import printable
from tests.handler.events import aggregate
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually


class Tables:
    """Tables like the stack's, which options select for explore."""

    def __init__(self, stack: DeployedStack) -> None:
        self._stack = stack
        self._names: list[str] = []

    def create(self, *rows: dict[str, str]) -> "list[str]":
        """A table with these rows; the options that select it."""
        name = f"explore-{uuid.uuid4().hex[:8]}"
        self._stack.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("Username", "Id")],
            KeySchema=[
                {"AttributeName": "Username", "KeyType": "HASH"},
                {"AttributeName": "Id", "KeyType": "RANGE"},
            ],
        )
        self._names.append(name)
        for row in rows:
            item = {key: {"S": value} for key, value in row.items()}
            self._stack.dynamodb.put_item(TableName=name, Item=item)
        return ["--table-name", name]

    def remove(self) -> None:
        for name in self._names:
            self._stack.dynamodb.delete_table(TableName=name)


@pytest.fixture
def tables(deployed: DeployedStack) -> Iterator[Tables]:
    tables = Tables(deployed)
    yield tables
    tables.remove()


def row(user: str, number: int, minute: int = 0, **members: str) -> dict[str, str]:
    timestamp = f"2026-11-23T14:{minute:02}:00.000Z"
    return {
        "Username": user,
        "Id": str(number),
        "Timestamp": timestamp,
        "Message": f"tweet {number}",
    } | members


def shown(stack: DeployedStack, *arguments: str) -> list[str]:
    """The ids that explore shows, in its order."""
    return [tweet["id"] for tweet in stack.json("explore", *arguments)["tweets"]]


def test_the_newest_tweets_come_first_and_ids_count_as_numbers(
    deployed: DeployedStack, tables: Tables
) -> None:
    table = tables.create(row("a", 9), row("b", 10), row("c", 1, minute=2), row("a", 2, minute=1))
    assert shown(deployed, *table) == ["1", "2", "10", "9"]
    assert shown(deployed, *table, "--limit", "1") == ["1"]


def test_one_users_tweets(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create(row("a", 9), row("a", 10), row("b", 11))
    assert shown(deployed, *table, "--user", "a") == ["10", "9"]
    assert "2 tweets: all of user a" in deployed.ops("explore", *table, "--user", "a").stdout


def test_a_large_table_is_read_by_pages_and_the_answer_says_so(
    deployed: DeployedStack, tables: Tables
) -> None:
    table = tables.create(*(row("a", number, Message="x" * 390_000) for number in range(4)))
    bounded = deployed.ops("explore", *table, "--pages", "1").stdout
    assert "read, a part of the table" in bounded
    assert "1 page read, " in bounded
    assert "read units, less than $0.0001" in " ".join(bounded.split())
    whole = deployed.json("explore", *table, "--pages", "0")
    assert (whole["rows"], whole["complete"]) == (4, True)
    assert whole["pages"] > 1
    assert whole["read_units"] > 0


def test_an_empty_table_says_what_to_do(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create()
    empty = deployed.ops("explore", *table)
    assert empty.exit_code == 0
    assert "No tweet of the table" in empty.stdout
    assert "python -m ops status" in empty.stdout
    assert "names are exact" in deployed.ops("explore", *table, "--user", "a").stdout


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_export_writes_everything_that_was_read(
    deployed: DeployedStack, tables: Tables, tmp_path: Path, ending: str
) -> None:
    table = tables.create(*(row("a", number, Message=f'"{number}",\n🐈') for number in range(30)))
    file = tmp_path / f"tweets.{ending}"
    assert "30 tweets written" in deployed.ops("explore", *table, "--export", str(file)).stdout
    with file.open(encoding="utf-8", newline="") as lines:
        written: list[Any] = (
            list(csv.DictReader(lines)) if ending == "csv" else [json.loads(line) for line in lines]
        )
    message = "Message" if ending == "csv" else "message"
    assert {each[message] for each in written} == {f'"{number}",\n🐈' for number in range(30)}


def test_rows_of_other_programs_do_not_break_it(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create({"Username": "a", "Id": "x"}, row("b", 1, Timestamp="yesterday"))
    assert deployed.ops("explore", *table).exit_code == 0


def test_a_tweet_cannot_steer_the_terminal(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create(row("a", 1, Message="\x1b]0;title\x07\x9b2J\u202eright\nto left"))
    out = deployed.ops("explore", *table).stdout
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
    assert printable("two\r\nlines, 👩‍👩‍👧 whole") == "two lines, 👩‍👩‍👧 whole"


def test_follow_shows_rows_once_they_are_stored(stack: DeployedStack, user: str) -> None:
    process = stack.ops_process("explore", "--follow", "--user", user, "--limit", "2", "--json")
    number = 0

    def ended() -> bool:
        nonlocal number
        number += 1
        # Among others: poison, which never becomes a row, and another user's tweet in the same aggregated record.
        stack.put(b"not json", aggregate(tweet("somebody else"), tweet(user, number)))
        return process.poll() is not None

    assert eventually(ended)
    out, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    rows = [json.loads(line) for line in out.splitlines()]
    assert [each["username"] for each in rows] == [user, user]
    assert {each["id"] for each in rows} <= stack.rows(user)
    numbers = [int(each["id"]) for each in rows]
    assert numbers[1] == numbers[0] + 1
    assert eventually(lambda: len(stack.objects()) == number)


def test_the_chart_has_a_column_a_minute() -> None:
    newest = 29_000_000
    *bars, clock, caption = tweets_per_minute({newest: 10, newest - 59: 5, newest - 60: 99})
    assert bars[0] == f"10 {'█':>60}"
    assert [line[3:4].strip() for line in bars] == ["", "", "▄", "█", "█"]
    assert len(clock) == len(bars[0])
    assert "15 in the hour" in caption


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--follow", "--export", "x.csv"], "--follow --json"),
        (["--export", "x.xlsx"], ".csv or .jsonl"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_says_what_is_right(deployed: DeployedStack, arguments: list[str], message: str) -> None:
    result = deployed.ops("explore", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
