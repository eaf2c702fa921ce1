"""X's own archive."""

import json
from pathlib import Path
from typing import Any

import pytest

from event.types.tweet import EVENT
from producer.errors import FormError
from producer.formats import load_format
from producer.formats.tweets import Record, TweetFormat
from producer.sources.file import FileSource
from producer.sources.source import Rejected
from producer.spooling.cursor import Position

TIME = "2026-11-23T14:41:28.000Z"


def status(number: int, **members: Any) -> dict[str, Any]:
    return {
        "tweet": {
            "id_str": str(number),
            "id": str(number),
            "created_at": "Mon Nov 23 14:41:28 +0000 2026",
            "full_text": f"moths &lt;3 &amp; {number}",
            "lang": "en",
            "entities": {"urls": []},
            **members,
        }
    }


def script(name: str, part: int, elements: list[Any]) -> str:
    return f"window.YTD.{name}.part{part} = {json.dumps(elements, indent=2)}"


def write_archive(folder: Path, *parts: list[Any], account: str | None = "nils_nut") -> Path:
    for number, elements in enumerate(parts):
        name = f"tweets-part{number}.js" if number else "tweets.js"
        (folder / name).write_text(script("tweets", number, elements))
    if account:
        (folder / "account.js").write_text(
            script("account", 0, [{"account": {"username": account, "accountId": "5"}}])
        )
    return folder / "tweets.js"


def read(
    path: Path | str, messages: list[str], resume: Position | None = None, username: str | None = None
) -> list[Record | Rejected]:
    source = FileSource(str(path), TweetFormat(), None, resume, messages.append, username=username)
    return [item for item in source.read() if isinstance(item, Record | Rejected)]


def test_all_parts_are_read_with_the_author_of_the_account(tmp_path: Path) -> None:
    messages: list[str] = []
    path = write_archive(tmp_path, [status(1), status(2)], [status(3)])

    assert read(path, messages) == [
        Record("nils_nut", str(number), TIME, f"moths <3 & {number}", "en", "file") for number in (1, 2, 3)
    ]
    assert messages == ["tweets.js: X's archive, 2 parts, by nils_nut."]


def test_the_given_name_is_the_author(tmp_path: Path) -> None:
    messages: list[str] = []
    path = write_archive(tmp_path, [status(1)], account=None)

    assert [item.username for item in read(path, messages, username="@mia") if isinstance(item, Record)] == [
        "mia"
    ]
    assert messages == ["tweets.js: X's archive, 1 part, by mia."]


@pytest.mark.parametrize(
    "account", ["nonsense", "window.YTD.account.part0 = [", 'window.YTD.account.part0 = [{"account":{}}]']
)
def test_an_archive_without_its_author_is_rejected_with_what_to_do(tmp_path: Path, account: str) -> None:
    path = write_archive(tmp_path, [status(1)], account=None)
    (tmp_path / "account.js").write_text(account)

    with pytest.raises(FormError, match=r"add --username NAME, or put the archive's account\.js beside it"):
        read(path, [])


def test_a_part_is_read_alone_if_it_is_named(tmp_path: Path) -> None:
    write_archive(tmp_path, [status(1)], [status(2)])

    assert [item.id for item in read(tmp_path / "tweets-part1.js", []) if isinstance(item, Record)] == ["2"]


@pytest.mark.parametrize(
    "content", [script("like", 0, [{"like": {"tweetId": "1"}}]), "window.location = [1]"]
)
def test_another_script_is_no_archive_of_tweets(tmp_path: Path, content: str) -> None:
    path = tmp_path / "like.js"
    path.write_text(content)

    with pytest.raises(FormError, match=r"give its data/tweets\.js"):
        read(path, [], username="mia")


def test_an_archive_is_not_read_as_another_event_type(tmp_path: Path) -> None:
    path = write_archive(tmp_path, [status(1)])

    with pytest.raises(FormError, match="not orders: --event-type tweet reads it"):
        list(FileSource(str(path), load_format("order"), None, notify=lambda _: None).read())


def test_the_name_is_for_archives_only(tmp_path: Path) -> None:
    path = tmp_path / "tweets.jsonl"
    path.write_text("{}\n")

    with pytest.raises(FormError, match="--username is for X's archive"):
        read(path, [], username="mia")


def test_a_rejected_tweet_of_an_archive_is_kept_with_its_author(tmp_path: Path) -> None:
    path = write_archive(tmp_path, [status(1, full_text=None)])
    source = FileSource(str(path), TweetFormat(), None, notify=lambda _: None)
    (item,) = source.read()

    assert isinstance(item, Rejected)
    assert json.loads(source.input.data or b"")["user"] == {"screen_name": "nils_nut"}


def test_an_interrupted_run_over_parts_resumes(tmp_path: Path) -> None:
    path = write_archive(tmp_path, [status(1), status(2)], [status(3), status(4)])
    source = FileSource(str(path), TweetFormat(), None, notify=lambda _: None)
    positions = [source.position for _ in source.read()]
    messages: list[str] = []

    assert [item.id for item in read(path, messages, positions[2]) if isinstance(item, Record)] == ["4"]
    assert messages[-1].startswith(f"Resuming {path} after value 3")


def test_the_schema_of_tweets_is_the_formats() -> None:
    assert load_format("tweet").schema is EVENT
