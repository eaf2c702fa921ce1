"""Tweets from a file or a pipe."""

import gzip
import os
import threading
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.errors import SourceError
from producer.formats.tweets import Record, TweetFormat
from producer.sources import file, units
from producer.sources.file import FileSource
from producer.sources.source import Event, Rejected
from producer.spooling.cursor import MAX_POSITION
from tests.producer.conftest import tweet, tweets

TWEETS = TweetFormat()


def read(path: Path, content: str | bytes, rate: float | None = None) -> list[Record | Rejected]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    items = FileSource(str(path), TWEETS, rate).read()
    return [item for item in items if isinstance(item, Record | Rejected)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tweets.jsonl"


def test_both_shapes_are_read_in_order(path: Path) -> None:
    old = (
        '{"id_str":"3","full_text":"old","created_at":"Mon Nov 23 14:41:28 +0000 2026",'
        '"lang":"en","user":{"screen_name":"ada"}}'
    )

    assert read(path, tweets(range(1, 3)) + old) == [
        Record("author1", "1", "2026-11-23T14:41:28.000Z", "tweet 1", "en", "file"),
        Record("author2", "2", "2026-11-23T14:41:28.000Z", "tweet 2", "en", "file"),
        Record("ada", "3", "2026-11-23T14:41:28.000Z", "old", "en", "file"),
    ]


def test_a_bad_line_is_rejected_by_its_number_and_the_rest_is_read(path: Path) -> None:
    items = read(path, tweet(1) + "\r\n{cut\n" + '{"delete":{}}\n' + "\xff\n" + tweet(2))

    assert [item.where if isinstance(item, Rejected) else item.id for item in items] == [
        "1",
        "line 3",
        "line 4",
        "line 5",
        "2",
    ]
    assert all(item.reason for item in items if isinstance(item, Rejected))


NUMBERS = st.integers(0, MAX_POSITION - 1) | st.integers(0, 200)


@settings(max_examples=100)
@given(
    length=st.none() | NUMBERS | st.sampled_from(["", "²", "-1", "1e3", "9" * 5_000]),
    lines=NUMBERS,
    offset=NUMBERS,
    compressed=st.booleans(),
)
def test_a_position_of_any_content_is_accepted(
    tmp_path_factory: pytest.TempPathFactory,
    length: object,
    lines: int,
    offset: int,
    compressed: bool,
) -> None:
    path = tmp_path_factory.mktemp("files") / "tweets.jsonl"
    content = tweets(range(3)).encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    identity = FileSource(str(path), TWEETS, None)
    list(identity.read())
    own, beginning = identity.position[0], str(length)
    if beginning == own.partition(":")[0]:  # by chance it is the right one
        length = None
    if length is not None:
        own = own.replace(own.partition(":")[0], beginning, 1)

    items = list(FileSource(str(path), TWEETS, None, (own, lines, offset), lambda _: None).read())

    assert sum(isinstance(item, Record) for item in items) <= 3  # the rest of a line may be several values
    if length is not None:
        assert len(items) == 3


def test_half_of_a_surrogate_pair_in_a_line_does_not_make_it_bad(path: Path) -> None:
    (item,) = read(path, tweet(1, text="cut").replace("cut", "cut \\ud83d"))

    assert isinstance(item, Record)
    assert item.text == "cut \ufffd"


def test_a_line_without_end_is_rejected_and_not_held_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "MAX_LINE_BYTES", 4096)
    monkeypatch.setattr(units, "CHUNK_BYTES", 1024)

    items = read(path, tweet(1) + "x" * 10_000 + "\n" + tweet(2))

    assert [type(item) for item in items] == [Record, Rejected, Record]
    assert items[1] == Rejected("line 2", "longer than 4,096 bytes")


def test_lines_that_arrive_in_pieces_are_put_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", 7)

    assert [item.id for item in read(path, tweets(range(5))) if isinstance(item, Record)] == list("01234")


def test_a_byte_order_mark_costs_no_tweet(path: Path) -> None:
    (item,) = read(path, "\ufeff" + tweet(1).rstrip())

    assert isinstance(item, Record)


def ids(items: Iterable[object]) -> list[str]:
    return [item.id for item in items if isinstance(item, Record)]


@pytest.mark.parametrize("chunk_bytes", [1, 100, 1024])
def test_gzip_is_read_member_by_member(path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", chunk_bytes)
    members = [tweets(range(3)) + tweet(3).rstrip(), "\n" + tweets(range(4, 6))]

    items = read(path, b"".join(gzip.compress(member.encode()) for member in members))

    assert ids(items) == list("012345")
    assert len(items) == 6


def test_truncated_gzip_yields_its_lines_and_is_reported(path: Path) -> None:
    path.write_bytes(gzip.compress(tweets(range(100)).encode())[:-20])
    source = FileSource(str(path), TWEETS, None)
    items: list[Event | Rejected] = []

    with pytest.raises(SourceError, match="is gzip, and is damaged or truncated"):
        items.extend(source.read())

    assert len(ids(items)) > 50


def test_gzip_of_a_line_without_end_is_not_held_in_memory(path: Path) -> None:
    path.write_bytes(gzip.compress(b"x" * 200 * 1024 * 1024, compresslevel=1))
    tracemalloc.start()
    try:
        (item,) = FileSource(str(path), TWEETS, None).read()
        assert tracemalloc.get_traced_memory()[1] < 3 * file.MAX_LINE_BYTES
    finally:
        tracemalloc.stop()
    assert isinstance(item, Rejected)


def test_a_file_that_cannot_be_read_ends_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read: Is a directory"):
        list(FileSource(str(tmp_path), TWEETS, None).read())


@pytest.fixture
def pipe(path: Path) -> Iterator[int]:
    """The writing end of a named pipe at `path`."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    yield end
    os.close(end)


def test_one_line_in_a_quiet_pipe_is_delivered_at_once(path: Path, pipe: int) -> None:
    os.write(pipe, tweet(1).encode())

    item = next(iter(FileSource(str(path), TWEETS, None).read()))

    assert isinstance(item, Record)


def test_closing_ends_the_wait_for_a_line(path: Path, pipe: int) -> None:
    source = FileSource(str(path), TWEETS, None)
    reading = threading.Thread(target=lambda: list(source.read()), daemon=True)
    reading.start()

    source.close()
    source.close()
    reading.join()


def test_closing_ends_the_wait_for_the_writer_of_a_pipe(path: Path) -> None:
    os.mkfifo(path)
    source = FileSource(str(path), TWEETS, None)
    reading = threading.Thread(target=lambda: list(source.read()), daemon=True)
    reading.start()

    source.close()
    reading.join()


def test_a_pipe_may_find_its_writer_later(path: Path) -> None:
    os.mkfifo(path)
    items: list[Event | Rejected] = []
    source = FileSource(str(path), TWEETS, None)
    reading = threading.Thread(target=lambda: items.extend(source.read()), daemon=True)
    reading.start()

    path.write_text(tweets(range(3)))
    reading.join()

    assert ids(items) == list("012")


def test_closing_ends_the_wait_for_the_next_tweet(path: Path) -> None:
    path.write_text(tweets(range(100)))
    source = FileSource(str(path), TWEETS, rate=0.001)
    items: list[Event | Rejected] = []
    reading = threading.Thread(target=lambda: items.extend(source.read()), daemon=True)
    reading.start()

    source.close()
    reading.join()

    assert len(items) <= 1


def test_a_rate_spreads_the_tweets(path: Path) -> None:
    started = time.monotonic()

    assert len(read(path, tweets(range(20)), rate=100)) == 20
    assert time.monotonic() - started >= 0.18
