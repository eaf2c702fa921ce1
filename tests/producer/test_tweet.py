"""The parsers, on made-up posts in every shape that X has sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from producer.source import Record
from producer.tweet import Json, NotATweet, iso_utc, load, parse

SAMPLES = Path(__file__).parents[2] / "local" / "tweets.jsonl"

ID = "1890000000000000000"
ADA = {"id": "7", "name": "Ada", "username": "ada"}
BEN = {"id": "8", "name": "Ben", "username": "ben"}


def v2(data: Json | None = None, **members: Any) -> Json:
    """A post in the shape of the v2 stream."""
    post = {
        "id": ID,
        "text": "hello",
        "author_id": "7",
        "created_at": "2026-10-24T17:01:13.000Z",
        "lang": "en",
    }
    return {"data": post | (data or {}), "includes": {"users": [BEN, ADA]}} | members


def v1(**members: Any) -> Json:
    """A status in the shape of v1.1."""
    status = {
        "id_str": ID,
        "id": 1890000000000000100,  # as a reader of JSON with 53-bit numbers hands it on
        "created_at": "Sat Oct 24 17:01:13 +0000 2026",
        "text": "hello",
        "lang": "en",
        "user": {"screen_name": "ada", "id_str": "7"},
    }
    return status | members


def without(obj: Json, *names: str) -> Json:
    return {name: value for name, value in obj.items() if name not in names}


@pytest.mark.parametrize("tweet", [v2(), v1()], ids=["v2", "v1.1"])
def test_both_shapes_give_the_same_record(tweet: Json) -> None:
    assert parse(tweet, "file") == Record("ada", ID, "2026-10-24T17:01:13.000Z", "hello", "en", "file")


@pytest.mark.parametrize(
    ("tweet", "username"),
    [
        (v2(includes={"users": [BEN]}), "7"),
        (v2(includes={"users": [{"id": "7", "username": ""}]}), "7"),
        (v2(includes={}), "7"),
        (v2(includes=None), "7"),
        (v2(includes={"users": None}), "7"),
        (v2(includes={"users": ["7"]}), "7"),
        (without(v2(), "includes"), "7"),
        (v2({"author_id": None}), "unknown"),
        (v2({"author_id": ""}), "unknown"),
        (v1(user={"id_str": "7"}), "7"),
        (v1(user={"id": 7}), "7"),
        (v1(user={}), "unknown"),
        (v1(user=None), "unknown"),
    ],
)
def test_an_author_without_a_name_is_called_by_the_id(tweet: Json, username: str) -> None:
    assert parse(tweet, "x").username == username


def test_the_text_of_a_long_post_is_the_whole_note() -> None:
    assert parse(v2({"text": "the beg…", "note_tweet": {"text": "the beginning and the end"}}), "x").text == (
        "the beginning and the end"
    )


@pytest.mark.parametrize("note", [None, {}, {"text": None}, "note"])
def test_an_odd_note_leaves_the_text(note: object) -> None:
    assert parse(v2({"note_tweet": note}), "x").text == "hello"


def retweet(text: str, *originals: Json) -> Json:
    references = [{"type": "quoted", "id": "1"}, {"type": "retweeted", "id": "2"}]
    tweet = v2({"text": text, "referenced_tweets": references})
    tweet["includes"]["tweets"] = list(originals)
    return tweet


def test_the_text_of_a_retweet_is_the_whole_original() -> None:
    tweet = retweet(
        "RT @ben: one, two, thr…", {"id": "1", "text": "no"}, {"id": "2", "text": "one, two, three"}
    )
    assert parse(tweet, "x").text == "RT @ben: one, two, three"


def test_a_retweet_of_a_long_post_has_the_whole_note() -> None:
    original = {"id": "2", "text": "one, two…", "note_tweet": {"text": "one, two, three"}}
    assert parse(retweet("RT @ben: one, tw…", original), "x").text == "RT @ben: one, two, three"


def test_a_retweet_whose_original_is_missing_keeps_the_cut_text() -> None:
    assert parse(retweet("RT @ben: one, tw…", {"id": "1", "text": "no"}), "x").text == "RT @ben: one, tw…"


def test_the_notice_on_a_withheld_retweet_stands() -> None:
    tweet = retweet("@ada's account is withheld.", {"id": "2", "text": "what nobody shall read"})
    assert parse(tweet, "x").text == "@ada's account is withheld."


def test_a_post_among_its_own_includes_is_still_itself() -> None:
    tweet = v2()
    tweet["includes"]["tweets"] = [tweet["data"]]
    assert parse(tweet, "x").text == "hello"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (v1(truncated=True, extended_tweet={"full_text": "hello, all of you"}), "hello, all of you"),
        (without(v1(full_text="hello, all of you"), "text"), "hello, all of you"),
        (
            v1(text="RT @ben: goo…", retweeted_status=v1(text="good evening", user={"screen_name": "ben"})),
            "RT @ben: good evening",
        ),
        (
            v1(
                text="RT @ben: goo…",
                retweeted_status=v1(
                    extended_tweet={"full_text": "good evening"}, user={"screen_name": "ben"}
                ),
            ),
            "RT @ben: good evening",
        ),
        (v1(text="RT @ben: goo…", retweeted_status=None), "RT @ben: goo…"),
    ],
    ids=["extended", "full_text", "retweet", "retweet of an extended one", "no original"],
)
def test_the_text_of_an_older_status_is_the_whole_text(status: Json, text: str) -> None:
    assert parse(status, "file").text == text


@pytest.mark.parametrize("shape", [v1, lambda text: v2({"text": text})], ids=["v1.1", "v2"])
def test_html_entities_are_unescaped_once(shape: Any) -> None:
    assert parse(shape(text="a &lt; b &amp;&amp; c &gt; d &amp;lt; e"), "x").text == "a < b && c > d &lt; e"


@pytest.mark.parametrize("tweet", [v2({"lang": None}), v2({"lang": 5}), v1(lang=None)])
def test_a_post_may_have_no_language(tweet: Json) -> None:
    assert parse(tweet, "x").lang is None


def test_an_id_that_is_a_number_becomes_text_with_all_digits() -> None:
    assert parse(v2({"id": 1890000000000000001}), "x").id == "1890000000000000001"


@pytest.mark.parametrize(
    "created_at", [None, "", "yesterday", 1_700_000_000, "Sat Oct 24 17:01:13 +0200 2026"]
)
def test_a_missing_time_is_taken_from_the_id(created_at: object) -> None:
    assert parse(v2({"id": "1453474504928280580", "created_at": created_at}), "x").created_at == (
        "2021-10-27T21:31:40.882Z"
    )


@pytest.mark.parametrize("tweet_id", ["1", "29700859246", "9223372036854775808", "abc", "९९९९९९९९९९९९९"])
def test_a_time_cannot_be_taken_from_an_id_that_holds_none(tweet_id: str) -> None:
    with pytest.raises(NotATweet, match="no time: created_at is None"):
        parse(v2({"id": tweet_id, "created_at": None}), "x")


@pytest.mark.parametrize(
    ("time", "normalised"),
    [
        ("2026-10-24T17:01:13.000Z", "2026-10-24T17:01:13.000Z"),
        ("2026-10-24T17:01:13Z", "2026-10-24T17:01:13.000Z"),
        ("2026-10-24T19:01:13.123456+02:00", "2026-10-24T17:01:13.123Z"),
        ("2026-10-24T17:01:13", "2026-10-24T17:01:13.000Z"),
        ("2026-10-24 17:01:13.000Z", "2026-10-24T17:01:13.000Z"),
        ("2026-W43-6T17:01:13.000Z", "2026-10-24T17:01:13.000Z"),
        ("2026-02-30T17:01:13.000Z", None),
        ("2026-10-24T25:01:13.000Z", None),
        ("2026-02-30T17:01:13Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_normalised(time: object, normalised: str | None) -> None:
    assert iso_utc(time) == normalised


@pytest.mark.parametrize(
    "month",
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
)
def test_every_month_of_an_older_status_is_known(month: str) -> None:
    number = parse(v1(created_at=f"Sat {month} 07 01:02:03 +0000 2015"), "x").created_at
    assert (
        number == f"2015-{'JanFebMarAprMayJunJulAugSepOctNovDec'.index(month) // 3 + 1:02}-07T01:02:03.000Z"
    )


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        ({"delete": {"status": {"id": 1, "user_id": 2}}}, "no text in an object of delete"),
        ({"limit": {"track": 3}}, "no text in an object of limit"),
        ({"scrub_geo": {}}, "scrub_geo"),
        ({"disconnect": {"code": 4}}, "disconnect"),
        ({"warning": {"code": "FALLING_BEHIND"}}, "warning"),
        ({"errors": [{"title": "operational-disconnect"}]}, "errors"),
        ({}, "no members"),
        ([], "not a JSON object"),
        (None, "not a JSON object"),
        ({"data": [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]}, "one post per line"),
        ({"data": {}}, "no text"),
        (v2({"text": None}), "no text"),
        (v2({"text": ["hello"]}), "no text"),
        (v2({"id": None}), "no id"),
        (v2({"id": ""}), "no id"),
        (v2({"id": -1}), "not an id"),
        (v2({"id": 1.89e18}), r"1\.89e\+18 is not an id"),
        (v2({"id": True}), "True is not an id"),
        (v2({"id": ["1"]}), "is not an id"),
        (v2({"author_id": [1]}), r"\[1\] is not an id or a username"),
        (v2({"author_id": False}), "False is not an id or a username"),
        (v1(id_str={"a": 1}), "is not an id"),
        (v1(user={"screen_name": {"a": 1}}), "is not an id or a username"),
        (v1(user={"id_str": True}), "is not an id or a username"),
        (v1(user={"id": 7.0}), "is not an id or a username"),
    ],
)
def test_what_is_no_tweet_is_refused_with_the_reason(obj: object, reason: str) -> None:
    with pytest.raises(NotATweet, match=reason):
        parse(obj, "file")


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    tweet = load(rb'{"id_str":"1453474504928280580","text":"cut \ud83d off \ud83d\ude00","user":{}}')
    assert parse(tweet, "file").text == "cut \N{REPLACEMENT CHARACTER} off 😀"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b'{"a":1}{"b":2}',
        b'{"text":"\xff"}',
        b"tweet",
        rb'{"a":"\ud83d"',
        rb'["\ud83d"]' * 2,
        b"NaN",
    ],
)
def test_a_line_that_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(NotATweet, match="not JSON: "):
        load(line)


def test_a_line_nested_too_deeply_is_refused() -> None:
    with pytest.raises(NotATweet, match="not JSON: "):
        load(b"[" * 100_000 + rb'"\ud83d"' + b"]" * 100_000)


def test_every_sample_becomes_a_record_with_its_whole_text() -> None:
    for line in SAMPLES.read_bytes().splitlines():
        sample = json.loads(line)
        record = parse(load(line), "x")
        assert record.id == sample["data"]["id"]
        assert record.text
        assert not record.text.endswith("…")
