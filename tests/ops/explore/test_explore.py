"""`explore`: what an operator sees in the table."""

import csv
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.explore.chart import draw_history
from ops.explore.documents import Followed
from ops.terminal.display import cell_text
from tests.handler.events import aggregate
from tests.ops.schemas import check_document
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


def test_the_tweets_of_one_user_can_be_selected(deployed: DeployedStack, tables: Tables) -> None:
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
    assert "No tweets in " in empty.stdout
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


def test_rows_of_other_programs_are_shown_too(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create({"Username": "a", "Id": "x"}, row("b", 1, Timestamp="yesterday"))
    assert deployed.ops("explore", *table).exit_code == 0


def test_a_tweet_cannot_steer_the_terminal(deployed: DeployedStack, tables: Tables) -> None:
    table = tables.create(row("a", 1, Message="\x1b]0;title\x07\x9b2J\u202eright\nto left"))
    out = deployed.ops("explore", *table).stdout
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
    assert r"\u001b]0;title\u0007" in out


def test_a_cell_has_no_sequence_of_emoji_on_whose_width_terminals_disagree() -> None:
    flag_of_scotland = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    text = f"👩\u200d👩\u200d👧, ☠\ufe0f, 👍🏽, 🇩🇰, {flag_of_scotland}"

    assert cell_text(text) == "👩👩👧, ☠, 👍, 🇩🇰, 🏴"


def test_a_cell_is_one_line_and_a_blank_replaces_its_line_breaks_and_tabs() -> None:
    assert cell_text("two\r\nlines\tand\u2028three") == "two lines and three"


def test_follow_shows_rows_once_they_are_stored(stack: DeployedStack, user: str) -> None:
    process = stack.ops_process("explore", "--follow", "--user", user, "--limit", "2", "--json")
    number = 0

    def ended() -> bool:
        nonlocal number
        number += 1
        # Among others: poison, which never becomes a row, and another user's tweet in the same aggregated record.
        stack.put(b"not json", aggregate(tweet("somebody else"), tweet(user, number)))
        return process.poll() is not None

    eventually(ended)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    rows = [check_document(line, Followed) for line in out.splitlines()]
    assert [each["username"] for each in rows] == [user, user]
    assert {each["id"] for each in rows} <= stack.rows(user)
    numbers = [int(each["id"]) for each in rows]
    assert numbers[1] == numbers[0] + 1
    eventually(lambda: len(stack.objects()) == number)


NOON = 1_795_521_600
"""2026-11-24 12:00:00 UTC."""


@pytest.mark.parametrize(("width", "drawn"), [(20, 40), (80, 80), (100, 100), (400, 200)])
def test_the_chart_fills_the_width_there_is_within_limits(width: int, drawn: int) -> None:
    *bars, clock, _ = draw_history(
        {NOON + second: 1 + second % 3 for second in range(10_000)}, width, "tweets"
    )
    assert max(map(len, bars)) == len(clock) == drawn


@pytest.mark.parametrize(
    ("seconds", "bar"), [(3, "second"), (200, "5 seconds"), (3600, "minute"), (86_400, "30 minutes")]
)
def test_a_bar_of_the_chart_is_as_long_as_the_span_needs(seconds: int, bar: str) -> None:
    *bars, clock, caption = draw_history({NOON + second: 1 for second in range(seconds)}, 80, "tweets")
    assert caption.startswith(f"Tweets per {bar}, up to 2026-11-2")
    assert bars[-1].count("█") >= 40
    assert "12:00" in clock


@pytest.mark.parametrize("start", range(5))
def test_the_chart_shows_every_event_wherever_its_first_bar_begins(start: int) -> None:
    *_, caption = draw_history({NOON + start + second: 1 for second in range(170)}, 80, "tweets")
    assert "not shown" not in caption


def test_the_chart_shows_each_count_at_its_height() -> None:
    *bars, _, _ = draw_history({NOON: 40, NOON + 1: 20, NOON + 3: 1}, 40, "tweets")
    cells = [line[4::10].ljust(4) for line in bars]
    assert cells == ["█   ", "█   ", "█▄  ", "██  ", "██ ▁"]


def test_a_tweet_of_last_year_does_not_flatten_the_chart_of_today() -> None:
    *_, caption = draw_history(
        {NOON - 365 * 86_400: 1} | {NOON + second: 9 for second in range(60)}, 80, "tweets"
    )
    assert "Tweets per second" in caption
    assert "1 before or after are not shown" in caption


def test_csv_fields_that_are_formulas_are_guarded_unless_raw(
    deployed: DeployedStack, tables: Tables, tmp_path: Path
) -> None:
    starts = ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "a\x1b[2Jb", "plain = text"]
    table = tables.create(*(row("a", number, Message=text) for number, text in enumerate(starts)))
    file = tmp_path / "tweets.csv"

    def exported(*options: str) -> tuple[list[str], str]:
        out = deployed.ops("explore", *table, "--export", str(file), *options).stdout
        with file.open(encoding="utf-8", newline="") as lines:
            return sorted(line["Message"] for line in csv.DictReader(lines)), out

    guarded, output = exported()
    assert guarded == sorted([*(f"'{text}" for text in starts[:6]), "a[2Jb", "plain = text"])
    assert "7 fields guarded against spreadsheet formulas; --raw writes them as they are." in output
    raw, output = exported("--raw")
    assert raw == sorted(starts)
    assert "guarded" not in output


def test_a_few_tweets_from_the_future_do_not_empty_the_chart() -> None:
    tweets = {NOON + second: 1 for second in range(1_000)} | {NOON + 100_000_000: 24}
    *bars, _, caption = draw_history(tweets, 80, "tweets")
    assert "24 before or after are not shown" in caption
    assert caption.startswith("Tweets per 15 seconds, up to ")
    assert len(bars[-1].strip()) > 60


def test_top_shows_the_busiest_users_and_shards(stack: DeployedStack, user: str) -> None:
    stack.put(*(tweet(user, number) for number in range(2000, 2050)), tweet("another"), b"not json")
    busiest = stack.json("explore", "--top", "--limit", "1000")
    tweets = [each["tweets"] for each in busiest["users"]]
    assert {"username": user, "tweets": 50} in busiest["users"]
    assert tweets == sorted(tweets, reverse=True)
    assert len(stack.json("explore", "--top", "--limit", "1")["users"]) == 1
    (shard,) = busiest["shards"]
    assert shard["records"] == busiest["records"] >= 51
    assert "--limit N shows more" in stack.ops("explore", "--top", "--limit", "1").stdout
    screen = stack.ops("explore", "--top", "--limit", "1000").stdout
    assert "--limit N" not in screen
    assert user in screen
    assert "Of its capacity" in screen
    assert "in the last minute" in screen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--follow", "--export", "x.csv"], "--follow --json"),
        (["--export", "x.xlsx"], ".csv or .jsonl"),
        (["--limit", "0"], "--limit"),
        (["--export", "no/such/folder/x.csv"], "the folder no/such/folder does not exist; create it first"),
        (["--top", "--user", "a"], "--top looks at the whole stream"),
    ],
)
def test_wrong_usage_says_what_is_right(deployed: DeployedStack, arguments: list[str], message: str) -> None:
    result = deployed.ops("explore", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
