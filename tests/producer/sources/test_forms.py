"""Files that are not JSON lines: arrays, values of several lines, other compressions and encodings."""

import bz2
import gzip
import io
import json
import lzma
import os
import threading
import tracemalloc
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from event.types import load
from producer.errors import FormError
from producer.formats import load_format
from producer.formats.tweets import Record, TweetFormat
from producer.sources import file, units
from producer.sources.file import FileSource
from producer.sources.source import Event, Rejected
from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from tests.producer.conftest import tweet, tweets

TWEETS = TweetFormat()
ONE, TWO, THREE = (json.loads(tweet(number)) for number in (1, 2, 3))


class Read(NamedTuple):
    """What a source has yielded, the position after each item, what it was read from, and the messages."""

    items: list[Event | Rejected]
    positions: list[Position]
    inputs: list[bytes | None]
    messages: list[str]

    @property
    def ids(self) -> list[str]:
        """The ids of the tweets, and where items were rejected."""
        return [
            item.id if isinstance(item, Record) else item.where
            for item in self.items
            if isinstance(item, Record | Rejected)
        ]


def read(path: Path, content: str | bytes | None = None, resume: Position | None = None) -> Read:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = Read([], [], [], [])
    source = FileSource(str(path), TWEETS, None, resume, found.messages.append)
    for item in source.read():
        found.items.append(item)
        found.positions.append(source.position)
        found.inputs.append(source.input.data)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tweets.json"


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_array_is_read_whatever_its_layout(
    path: Path, indent: int | str | None, end: str, mark: str
) -> None:
    found = read(path, mark + json.dumps([ONE, TWO, THREE], indent=indent).replace("\n", end) + end)

    assert found.ids == ["1", "2", "3"]
    assert found.messages == ["tweets.json: a JSON array."]


@pytest.mark.parametrize(
    "content",
    [
        f"[\n{json.dumps(ONE)},\n{json.dumps(TWO)}\n]",
        f"[{json.dumps(ONE)}]\n[{json.dumps(TWO)}]",
        json.dumps([[ONE], [TWO]], indent=1),
        f"\n[]\n[]{json.dumps(ONE)}\n\ufeff{json.dumps([TWO], indent=1)}",
    ],
)
def test_arrays_may_follow_each_other_and_contain_others(path: Path, content: str) -> None:
    assert read(path, content).ids == ["1", "2"]


def test_an_empty_array_has_no_tweets(path: Path) -> None:
    assert read(path, "[]\n").items == []
    assert read(path, "[\n\n]").items == []
    assert read(path, tweet(1) + "[]\n" + tweet(2)).ids == ["1", "2"]


def test_strings_and_nested_arrays_do_not_mislead(path: Path) -> None:
    text = 'a ] } [ { " \\ \\" ,\u2028 \n end'
    odd = {**ONE, "data": {**ONE["data"], "text": text, "tags": [[], [[1], {"a": []}]]}}

    found = read(path, json.dumps([odd, TWO], indent=2, ensure_ascii=False))

    assert found.ids == ["1", "2"]
    assert isinstance(found.items[0], Record)
    assert found.items[0].text == text


def test_an_array_that_is_cut_short_loses_only_what_is_missing(path: Path) -> None:
    whole = json.dumps([ONE, TWO, THREE], indent=2)
    cut_between = whole[: whole.index(json.dumps(THREE, indent=2)[:4], whole.index('"2"') + 3)]

    inside = read(path, whole[:-60])
    assert inside.ids == ["1", "2", "value 3"]
    assert "cut short" in str(inside.items[2])
    assert whole.endswith((inside.inputs[2] or b"").decode() + whole[-60:])
    between = read(path, "[" + json.dumps(ONE) + ",")
    assert between.ids == ["1", "value 2"]
    assert cut_between


def test_pretty_printed_values_may_follow_each_other(path: Path) -> None:
    found = read(path, "".join(json.dumps(each, indent=2) + "\n" for each in (ONE, TWO)) + json.dumps(THREE))

    assert found.ids == ["1", "2", "3"]
    assert found.messages == ["tweets.json: JSON values that are not one a line."]


def test_what_stands_between_pretty_printed_values_is_rejected(path: Path) -> None:
    found = read(path, json.dumps(ONE, indent=2) + "\nnonsense\n" + json.dumps(TWO, indent=2))

    assert found.ids == ["1", "value 2", "2"]


@pytest.mark.parametrize(
    "first", ['{"data": {"id": "0",', '{"data": {', '{"data": {"text": "cut [', "[cut", "nonsense"]
)
def test_a_damaged_first_line_costs_no_other(path: Path, first: str) -> None:
    found = read(path, first + "\n" + tweets(range(1, 4)))

    assert [number for number in found.ids if number.isdigit()] == ["1", "2", "3"]


def test_several_values_on_a_line_are_counted_for_themselves(path: Path) -> None:
    lines = [
        tweet(1).rstrip() + tweet(2).rstrip() + "\ufeff" + tweet(3),
        tweet(4),
        tweet(5).rstrip() + ' {"a":1}',
    ]
    found = read(path, "".join(lines))

    assert found.ids == ["1", "2", "3", "4", "5", "line 3, value 2"]
    assert found.inputs[5] == b'{"a":1}'


def test_a_line_without_its_beginning_is_one_rejection_even_if_a_tweet_is_in_it(path: Path) -> None:
    found = read(path, tweet(1) + '23","retweeted_status":' + tweet(2).rstrip() + "}\n" + tweet(3))

    assert found.ids == ["1", "line 2", "3"]


def test_a_byte_order_mark_is_stripped_wherever_a_document_begins(path: Path) -> None:
    assert read(path, "\ufeff" + tweet(1) + "\ufeff" + tweet(2) + "\ufeff" + tweet(3)).ids == ["1", "2", "3"]


def test_a_line_of_nothing_but_a_byte_order_mark_is_blank(path: Path) -> None:
    assert read(path, "\ufeff\n" + tweet(1) + "\ufeff \r\n" + tweet(2)).ids == ["1", "2"]


def test_one_line_of_values_without_end_is_read_value_by_value(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", 1024)
    monkeypatch.setattr(file, "MAX_LINE_BYTES", 4096)

    assert len(read(path, "".join(tweet(number).rstrip() for number in range(100))).ids) == 100


def test_a_value_beyond_the_limit_is_rejected_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", 1024)
    monkeypatch.setattr(file, "MAX_LINE_BYTES", 4096)
    long = {"data": {"id": "2", "text": "x" * 10_000}}

    found = read(path, json.dumps([ONE, long, THREE], indent=1))

    assert found.ids == ["1", "value 2", "3"]
    assert found.items[1] == Rejected("value 2", "longer than 4,096 bytes")
    assert found.inputs[1] is None


def test_the_memory_for_a_large_array_is_flat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", 65_536)
    path.write_bytes(b"[" + b",\n".join([json.dumps(ONE).encode()] * 100_000) + b"]")
    count = 0
    source = FileSource(str(path), TWEETS, None, notify=lambda _: None)
    for count, _ in enumerate(source.read(), start=1):
        if count == 1_000:
            tracemalloc.start()
        if count == 3_000:
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
            tracemalloc.stop()

    assert count == 100_000


@pytest.mark.parametrize("layout", ["array", "values", "lines"])
def test_a_position_is_never_past_an_event_that_was_not_yielded(path: Path, layout: str) -> None:
    numbers = range(1, 7)
    messages = [json.loads(tweet(number)) for number in numbers]
    page = {"data": [each["data"] for each in messages[3:5]], "includes": {}}
    documents = [*messages[:3], page, messages[5]]
    content = {
        "array": json.dumps(documents, indent=1),
        "values": "\n".join(json.dumps(each, indent=1) for each in documents),
        "lines": tweet(1).rstrip() + tweet(2).rstrip() + tweet(3) + json.dumps(page) + "\n" + tweet(6),
    }[layout]
    whole = read(path, content)
    assert whole.ids == ["1", "2", "3", "4", "5", "6"]

    for done, position in enumerate(whole.positions, start=1):
        rest = read(path, resume=position)

        assert set(rest.ids) >= set(whole.ids[done:])
        assert rest.ids == whole.ids[6 - len(rest.ids) :]
        assert not rest.positions or rest.positions[-1] == whole.positions[-1]
    assert [len(read(path, resume=position).ids) for position in whole.positions] == (
        [6, 6, 3, 3, 1, 0] if layout == "lines" else [5, 4, 3, 3, 1, 0]
    )


def test_an_array_that_has_changed_is_read_from_its_beginning(path: Path) -> None:
    found = read(path, json.dumps([ONE] * 2_000, indent=1))
    identity, number, offset = found.positions[1_500]
    again = read(path, resume=(identity, number, offset - 1))

    assert len(again.items) == 2_000
    assert "has changed since an earlier run was interrupted" in again.messages[-1]


def test_an_array_in_gzip_is_read_and_resumed(path: Path) -> None:
    found = read(path, gzip.compress(json.dumps([ONE, TWO, THREE]).encode()))

    assert found.ids == ["1", "2", "3"]
    assert read(path, resume=found.positions[1]).ids == ["3"]


@pytest.mark.parametrize("chunk_bytes", [100, 1024 * 1024])
@pytest.mark.parametrize("between", [b"", b"\0" * 600])
def test_zeros_after_gzip_are_padding(
    path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, between: bytes
) -> None:
    monkeypatch.setattr(units, "CHUNK_BYTES", chunk_bytes)
    members = [gzip.compress(tweets(numbers).encode()) for numbers in (range(1, 3), range(3, 4))]

    assert read(path, between.join(members) + b"\0" * 1_000).ids == ["1", "2", "3"]


def zip_of(content: bytes) -> bytes:
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("tweets.jsonl", content)
    return packed.getvalue()


TEXT = tweets(range(3)).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zip_of(TEXT), "is a zip file: unpack it"),
        (lzma.compress(TEXT), "is compressed by xz: unpack it, as in `xz -dc "),
        (bz2.compress(TEXT), "is compressed by bzip2: unpack it, as in `bzip2 -dc "),
        (b"\x28\xb5\x2f\xfd" + TEXT, "is compressed by zstd: unpack it, as in `zstd -dc "),
        (TEXT.decode().encode("utf-16"), "is UTF-16: convert it to UTF-8, as in `iconv -f UTF-16 -t UTF-8 "),
        (TEXT.decode().encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8 "),
        (b"\xfe\xff" + TEXT.decode().encode("utf-16-be"), "iconv -f UTF-16 -t UTF-8 "),
        (f"[{TEXT.decode()}]".encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8 "),
    ],
)
def test_what_must_be_converted_gets_one_sentence_for_the_file(
    path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(FormError, match=r"tweets\.json") as error:
        read(path, content)
    assert sentence in str(error.value)


def test_an_array_from_a_pipe_is_delivered_element_by_element(path: Path) -> None:
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    source = FileSource(str(path), TWEETS, None, notify=lambda _: None)
    items = source.read()
    os.write(end, b"[\n  " + json.dumps(ONE, indent=2).encode())
    assert isinstance(next(items), Record)
    os.write(end, b",\n" + json.dumps(TWO, indent=2).encode())
    assert isinstance(next(items), Record)

    reading = threading.Thread(target=lambda: list(items))
    reading.start()
    source.close()
    reading.join()
    os.close(end)


def test_own_events_are_read_from_an_array_byte_for_byte(path: Path) -> None:
    samples = load("order").samples
    path.write_text("[\n" + ",\n".join(samples) + "\n]")
    items = list(FileSource(str(path), load_format("order"), None, notify=lambda _: None).read())

    assert [item.data for item in items if isinstance(item, StreamRecord)] == [
        each.encode() for each in samples
    ]
    assert len(items) == len(samples)


def test_a_line_end_in_a_string_is_no_json_for_own_events_either(path: Path) -> None:
    broken = load("order").samples[0].replace('":"', '":"a\nb', 1)
    path.write_text(f"[{broken}]")
    (item,) = FileSource(str(path), load_format("order"), None, notify=lambda _: None).read()

    assert isinstance(item, Rejected)


def test_an_own_event_is_sent_without_the_byte_order_mark_before_it(path: Path) -> None:
    sample = load("order").samples[0]
    path.write_text(f"\ufeff{sample}\n\ufeff{sample}\n")
    items = list(FileSource(str(path), load_format("order"), None).read())

    assert [item.data for item in items if isinstance(item, StreamRecord)] == [sample.encode()] * 2
