"""The tweets' record on the stream: how a line becomes one, its bytes, its partition key, and what is rejected."""

import json

import pytest

from event.limits import MAX_RECORD_BYTES
from event.poison import PoisonError
from producer.formats import load_format
from producer.formats.tweets import Record, Tombstone, TweetFormat, load, to_record
from producer.sources.source import Rejected
from producer.spooling.entry import StreamRecord


def record(username: str = "ada", text: str = "hello", lang: str | None = "en") -> Record:
    return Record(username, "1", "2026-11-23T14:41:28.000Z", text, lang, "file")


def encoded(record: Record) -> StreamRecord:
    result = record.encode()
    assert isinstance(result, StreamRecord)
    return result


def reason(record: Record) -> str | None:
    """Return why a record is rejected; None if it is not."""
    result = record.encode()
    return result.reason if isinstance(result, Rejected) else None


def test_a_record_is_compact_json_in_the_order_of_the_format() -> None:
    assert (
        encoded(record(text="naïve 🦜\n", lang=None)).data
        == (
            '{"username":"ada","id":"1","created_at":"2026-11-23T14:41:28.000Z",'
            '"text":"naïve 🦜\\n","lang":null,"source":"file","version":1}'
        ).encode()
    )


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    result = encoded(record(username="a\udc00", text="cut \ud83d", lang=None))

    assert json.loads(result.data)["text"] == "cut \ufffd"
    assert result.partition_key == "a\ufffd"


@pytest.mark.parametrize("username", ["ada", 'say "hi"', "名前", "\\", "a\udc00"])
def test_a_partition_key_is_the_same_decided_and_read_from_the_record(username: str) -> None:
    result = encoded(record(username))

    assert (
        result.partition_key == TweetFormat().read_key(result.data)[0] == username.replace("\udc00", "\ufffd")
    )


@pytest.mark.parametrize("username", ["ada", 'say "hi"', "名前", "\\"])
def test_a_tombstone_has_the_key_of_its_tweet_and_can_be_read_again(username: str) -> None:
    result = Tombstone(username, "1").encode()
    assert isinstance(result, StreamRecord)
    tweet = encoded(record(username))

    assert (result.partition_key, result.deletes) == (tweet.partition_key, True)
    assert TweetFormat().read_key(result.data) == TweetFormat().read_key(tweet.data)
    assert TweetFormat().read_time(result.data) is None
    assert TweetFormat().decode(result.data) == Tombstone(username, "1")


def test_a_tombstone_of_another_table_is_rejected_with_the_reason_of_the_function() -> None:
    line = load_format("order").schema.encode_tombstone(("c-17", "o-1"))
    with pytest.raises(PoisonError, match="an object of exactly Username and Id"):
        TweetFormat().decode(line)


def test_half_of_a_surrogate_pair_in_a_line_is_replaced() -> None:
    tweet = load(rb'{"id_str":"1453474504928280580","text":"cut \ud83d off \ud83d\ude00","user":{"id":7}}')

    assert to_record(tweet, "file").text == "cut \N{REPLACEMENT CHARACTER} off 😀"


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{", b'{"a":1}{"b":2}', b'{"text":"\xff"}', b"tweet", b"NaN"),
        *(rb'{"a":"\ud83d"', rb'["\ud83d"]' * 2, b"[" * 100_000 + rb'"\ud83d"' + b"]" * 100_000),
    ],
    ids=lambda line: repr(line[:16]),
)
def test_a_line_that_is_not_json_is_poison(line: bytes) -> None:
    with pytest.raises(PoisonError, match="not JSON: "):
        load(line)


def test_a_username_has_1_to_256_characters() -> None:
    assert reason(record("名" * 256)) is None
    assert "257 characters" in (reason(record("名" * 257)) or "")
    assert "0 characters" in (reason(record("")) or "")


def test_an_id_has_1_to_1024_bytes() -> None:
    def of_id(identifier: str) -> str | None:
        return reason(Record("ada", identifier, "2026-11-23T14:41:28.000Z", "hello", "en", "bluesky"))

    assert of_id("é" * 512) is None
    assert of_id("é" * 512 + "x") == "an id of 1,025 bytes; the table takes 1 to 1,024"
    assert of_id("") == "an id of 0 bytes; the table takes 1 to 1,024"


def test_data_and_partition_key_have_one_mebibyte_together() -> None:
    room = MAX_RECORD_BYTES - len(encoded(record("é", "")).data) - len("é".encode())

    assert reason(record("é", "x" * room)) is None
    assert reason(record("é", "x" * (room + 1))) == "1,048,577 bytes; the limit is 1,048,576"
