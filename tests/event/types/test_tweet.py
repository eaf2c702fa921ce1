"""The one parser: every shape of a tweet that it reads, what it rejects, and that its work is bounded."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event.payload import Json
from event.poison import PoisonError, Reason
from event.types.tweet import EVENT, Post, normalize_time, parse_post
from producer.formats.tweets import load, to_record
from tests.handler.events import record, tweet, v1_status, v2_post

SAMPLES = Path(__file__).parents[3] / "local" / "tweets.jsonl"

TIME = "2026-11-23T14:41:28.000Z"
ARRIVAL = "2026-11-23T14:41:30.250Z"
SNOWFLAKE, ITS_TIME = "1453474504928280580", "2021-10-27T21:31:40.882Z"


def post(
    username: str = "ada",
    identifier: str = "1001",
    created_at: str | None = TIME,
    text: str = "good morning",
    lang: str | None = None,
) -> Post:
    """The post that is read from a message, unless told otherwise."""
    return username, identifier, created_at, text, lang


def status(**members: Any) -> Json:
    """A v1.1 status whose id is that of the other shapes."""
    return v1_status(id_str="1001", **members)


def without(message: Json, *names: str) -> Json:
    return {name: value for name, value in message.items() if name not in names}


def including(message: Json, **included: Any) -> Json:
    """The v2 object with other objects included, or none."""
    return message | {"includes": message["includes"] | included}


def retweet(text: str, *originals: Json) -> Json:
    references = [{"type": "quoted", "id": "5"}, {"type": "retweeted", "id": "6"}]
    return including(v2_post(text=text, referenced_tweets=references), tweets=list(originals))


def flat(**members: Any) -> Json:
    """A v2 post as twarc's `flatten` writes it: the author inside, and each reference with its post."""
    author = {"id": "7", "username": "ada"}
    return {**v2_post(author=author, **members)["data"], "matching_rules": []}


def v1_retweet(cut: str, **original: Any) -> Json:
    return status(text=cut, retweeted_status=v1_status(user={"screen_name": "bob"}, **original))


ESCAPED = "1 &lt; 2 &gt; 1 &amp;amp; &amp;lt; &copy;"
UNESCAPED = "1 < 2 > 1 &amp; &lt; &copy;"

TWEETS: dict[str, tuple[Json, Post]] = {
    # The stream's own record.
    "record": (tweet(), post(lang="en")),
    "record of version 1, which named none": (without(tweet(), "version"), post(lang="en")),
    "record with what is stored only": (without(tweet(), "version", "lang", "source"), post()),
    "record's text is not unescaped again": (tweet(text=ESCAPED), post(text=ESCAPED, lang="en")),
    "record with an integer id": (tweet(id=2**53 + 1), post(identifier=str(2**53 + 1), lang="en")),
    "record of an unknown time": (tweet(created_at=None), post(created_at=None, lang="en")),
    "record of a time in its id": (
        tweet(created_at=None, id=SNOWFLAKE),
        post(identifier=SNOWFLAKE, created_at=ITS_TIME, lang="en"),
    ),
    "record of an unknown author": (tweet(username="unknown"), post("unknown", lang="en")),
    # v2 stream objects.
    "v2": (v2_post(), post()),
    "v2 with partial errors": (v2_post() | {"errors": [{"title": "Not Found Error"}]}, post()),
    "v2 among its own includes": (including(v2_post(), tweets=[v2_post(text="no")["data"]]), post()),
    "v2 with empty members": (v2_post(geo={}, attachments={}, referenced_tweets=[], entities=None), post()),
    "v2 without includes": (without(v2_post(), "includes"), post("7")),
    "v2 with null includes": (v2_post() | {"includes": None}, post("7")),
    "v2 with includes of another type": (v2_post() | {"includes": [1]}, post("7")),
    "v2 with null users": (including(v2_post(), users=None), post("7")),
    "v2 with users of another type": (including(v2_post(), users=["7", None]), post("7")),
    "v2 whose author is not among the users": (
        including(v2_post(), users=[{"id": "8", "username": "bob"}]),
        post("7"),
    ),
    "v2 whose author has an empty name": (
        including(v2_post(), users=[{"id": "7", "username": ""}]),
        post("7"),
    ),
    "v2 whose author has no name": (including(v2_post(), users=[{"id": "7", "username": 5}]), post("7")),
    "v2 with ids that are integers": (
        including(v2_post(author_id=7, id=1001), users=[{"id": 7, "username": "ada"}]),
        post(),
    ),
    "v2 without an author": (v2_post(author_id=None), post("unknown")),
    "v2 with an empty author": (v2_post(author_id=""), post("unknown")),
    "v2 with its escapes": (v2_post(text=ESCAPED), post(text=UNESCAPED)),
    "v2 with a language": (v2_post(lang="en"), post(lang="en")),
    "v2 with a language of another type": (v2_post(lang=5), post()),
    "v2 of a time in its id": (
        v2_post(id=SNOWFLAKE, created_at=None),
        post(identifier=SNOWFLAKE, created_at=ITS_TIME),
    ),
    "v2 of an unknown time": (v2_post(created_at=None), post(created_at=None)),
    "v2 with an offset": (v2_post(created_at="2026-11-23T16:41:28.000+02:00"), post()),
    "long v2": (v2_post(text="good\u2026", note_tweet={"text": "good &amp; long"}), post(text="good & long")),
    "long v2 without a text": (v2_post(text=None, note_tweet={"text": "long"}), post(text="long")),
    "v2 with an empty note": (v2_post(note_tweet={}), post()),
    "v2 with a null note": (v2_post(note_tweet=None), post()),
    "v2 with a note of another type": (v2_post(note_tweet={"text": 1}), post()),
    # v2 retweets.
    "v2 retweet": (
        retweet(
            "RT @bob: it beg\u2026", {"id": "5", "text": "no"}, {"id": "6", "text": "it begins &gt; here"}
        ),
        post(text="RT @bob: it begins > here"),
    ),
    "v2 retweet of a long post": (
        retweet("RT @bob: o\u2026", {"id": "6", "text": "one\u2026", "note_tweet": {"text": "one, two"}}),
        post(text="RT @bob: one, two"),
    ),
    "v2 retweet without its original": (retweet("RT @bob: it beg\u2026"), post(text="RT @bob: it beg\u2026")),
    "v2 retweet of a post without a text": (retweet("RT @bob: a", {"id": "6"}), post(text="RT @bob: a")),
    "withheld v2 retweet": (
        retweet("@bob's account is withheld: ask", {"id": "6", "text": "what nobody shall read"}),
        post(text="@bob's account is withheld: ask"),
    ),
    "quotation": (
        including(
            v2_post(text="RT @bob: this", referenced_tweets=[{"type": "quoted", "id": "6"}]),
            tweets=[{"id": "6", "text": "that"}],
        ),
        post(text="RT @bob: this"),
    ),
    "article": (
        v2_post(
            text="https://t.co/a", article={"title": "On tea", "plain_text": "Leaves &amp; water.\nWait."}
        ),
        post(text="On tea\n\nLeaves & water.\nWait."),
    ),
    "article without a title": (
        v2_post(text="https://t.co/a", article={"title": None, "plain_text": "Leaves."}),
        post(text="Leaves."),
    ),
    "article without its text": (
        v2_post(text="https://t.co/a", article={"title": "On tea", "plain_text": None}),
        post(text="https://t.co/a"),
    ),
    "article that is none": (v2_post(text="https://t.co/a", article=[]), post(text="https://t.co/a")),
    "retweet of an article": (
        including(
            v2_post(text="RT @bob: https://t.co/a", referenced_tweets=[{"type": "retweeted", "id": "6"}]),
            tweets=[
                {"id": "6", "text": "https://t.co/a", "article": {"title": "On tea", "plain_text": "Leaves."}}
            ],
        ),
        post(text="RT @bob: On tea\n\nLeaves."),
    ),
    # X's names since August 2026, alone and beside the old ones.
    "long v2 by its new name": (v2_post(text="a\u2026", note_post={"text": "a &amp; b"}), post(text="a & b")),
    "long v2 with a null new name": (
        v2_post(text="a\u2026", note_post=None, note_tweet={"text": "a, b"}),
        post(text="a, b"),
    ),
    "v2 repost": (
        including(
            v2_post(text="RT @bob: it beg\u2026", referenced_posts=[{"type": "reposted", "id": "6"}]),
            posts=[{"id": "6", "text": "one\u2026", "note_post": {"text": "it begins &gt; here"}}],
        ),
        post(text="RT @bob: it begins > here"),
    ),
    "v2 repost with a null new name": (
        including(
            v2_post(
                text="RT @bob: it beg\u2026",
                referenced_posts=None,
                referenced_tweets=[{"type": "retweeted", "id": "6"}],
            ),
            posts=None,
            tweets=[{"id": "6", "text": "it begins"}],
        ),
        post(text="RT @bob: it begins"),
    ),
    "v2 repost of mixed names": (
        including(
            v2_post(text="RT @bob: it beg\u2026", referenced_posts=[{"type": "retweeted", "id": 6}]),
            posts=[{"id": "5", "text": "no"}],
            tweets=[{"id": "6", "text": "it begins"}],
        ),
        post(text="RT @bob: it begins"),
    ),
    **{
        f"v2 with its fields of default and {name}": (
            {"data": {"id": "1001", "text": "good morning", "created_at": TIME, name: ["1001"]}},
            post("unknown"),
        )
        for name in ("edit_history_tweet_ids", "edit_history_post_ids")
    },
    # Bare and flattened v2 posts.
    "bare v2": (v2_post()["data"], post("7")),
    "flattened v2": (flat(text=ESCAPED), post(text=UNESCAPED)),
    "flattened v2 without the author's id": (without(flat(), "author_id"), post()),
    "flattened v2 with an author who is missing": (flat() | {"author": {}}, post("7")),
    "flattened v2 retweet": (
        flat(
            text="RT @bob: it beg\u2026",
            referenced_tweets=[{"type": "retweeted", "id": "6", "text": "it begins", "author": {}}],
        ),
        post(text="RT @bob: it begins"),
    ),
    "flattened v2 retweet of a post that is missing": (
        flat(text="RT @bob: it beg\u2026", referenced_tweets=[{"type": "retweeted", "id": "6"}]),
        post(text="RT @bob: it beg\u2026"),
    ),
    # v1.1 statuses.
    "v1.1, whose integer id is rounded": (v1_status(), post(identifier="1800000000000000123")),
    "v1.1 without the string": (
        without(v1_status(id=1800000000000000123), "id_str"),
        post(identifier="1800000000000000123"),
    ),
    "v1.1 of a time in its id": (
        v1_status(id_str=SNOWFLAKE, created_at=None),
        post(identifier=SNOWFLAKE, created_at=ITS_TIME),
    ),
    "v1.1 with an offset": (status(created_at="Mon Nov 23 23:41:28 +0900 2026"), post()),
    "v1.1 with its escapes": (status(text=ESCAPED), post(text=UNESCAPED)),
    "long v1.1": (
        status(text="good\u2026", truncated=True, extended_tweet={"full_text": "good &amp; long"}),
        post(text="good & long"),
    ),
    "v1.1 with an empty extension": (status(extended_tweet={}), post()),
    "v1.1 with an extension of another type": (status(extended_tweet={"full_text": None}), post()),
    "v1.1 in extended mode": (without(status(full_text="all of it"), "text"), post(text="all of it")),
    "v1.1 with a language": (status(lang="en"), post(lang="en")),
    "v1.1 retweet": (v1_retweet("RT @bob: it beg\u2026", text="it begins"), post(text="RT @bob: it begins")),
    "v1.1 retweet of a long status": (
        v1_retweet("RT @bob: o\u2026", text="one\u2026", extended_tweet={"full_text": "one, two"}),
        post(text="RT @bob: one, two"),
    ),
    "v1.1 retweet of a renamed author": (
        v1_retweet("RT @bobby: it beg\u2026", text="it begins"),
        post(text="RT @bobby: it begins"),
    ),
    "withheld v1.1 retweet": (v1_retweet("withheld: ask", text="no"), post(text="withheld: ask")),
    "v1.1 retweet of a status without a text": (v1_retweet("RT @bob: a", text=None), post(text="RT @bob: a")),
    "v1.1 retweet of nothing": (status(text="RT @bob: a", retweeted_status=None), post(text="RT @bob: a")),
    "v1.1 whose user has no name": (status(user={"id_str": "7"}), post("7")),
    "v1.1 whose user has an integer id only": (status(user={"id": 7}), post("7")),
    "v1.1 whose user has an empty name only": (status(user={"screen_name": ""}), post("unknown")),
}

INVALID: dict[str, tuple[object, Reason]] = {
    **{
        f"JSON of type {type(value).__name__}": (value, Reason.NOT_A_TWEET)
        for value in json.loads('[null, true, 1, 1.5, "a tweet", [{}]]')
    },
    "empty object": ({}, Reason.NOT_A_TWEET),
    "text without an author": ({"id": "1", "text": "whose?"}, Reason.NOT_A_TWEET),
    "several posts": ({"data": [v2_post()["data"]]}, Reason.NOT_A_TWEET),
    "null data": ({"data": None}, Reason.NOT_A_TWEET),
    "user of another type": ({"user": "ada", "text": "a"}, Reason.NOT_A_TWEET),
    "bare v2 of no author": (flat(author_id=None) | {"author": "ada"}, Reason.INVALID_KEY),
    # What others write: an id and a text prove nothing, nor does a user or an author of some kind.
    **{
        f"of others: {name}": (message, Reason.NOT_A_TWEET)
        for name, message in {
            "id and text in an envelope": {"data": {"id": "7", "text": "whose?"}},
            "change data capture": {
                "data": {"id": 7, "text": "a note", "author_id": 3},
                "metadata": {"record-type": "data", "operation": "delete", "table-name": "notes"},
            },
            "binlog": {
                "database": "shop",
                "table": "notes",
                "type": "insert",
                "data": {"id": 1, "text": "a row"},
            },
            "cloud event": {
                "specversion": "1.0",
                "id": "5",
                "source": "/notes",
                "type": "note.made",
                "data": {"id": "5", "text": "a note", "author_id": "3"},
            },
            "event bus": {
                "version": "0",
                "id": "1",
                "source": "com.example",
                "detail-type": "Note",
                "detail": {"a": 1},
            },
            "numbered by its writer": {"version": 1, "id": "5", "text": "a note", "source": "notes"},
            "row with an author": {"id": 5, "text": "a note", "author_id": 3},
            "note with an author": {"id": "5", "text": "a note", "author": {"id": "3", "username": "bob"}},
            "comment": {"id": 5, "text": "a note", "user": {"id": 3, "login": "bob"}, "created_at": TIME},
            "message of a chat": {
                "id": "5",
                "text": "hello",
                "user": {"id": "3", "name": "bob"},
                "ts": "1795.1",
            },
            "status of nobody": status(user={}),
        }.items()
    },
    "record without a text": (tweet(text=None), Reason.NOT_A_TWEET),
    "record with a text of another type": (tweet(text=7), Reason.NOT_A_TWEET),
    "v2 without a text": (v2_post(text=None), Reason.NOT_A_TWEET),
    "v1.1 with a text of another type": (status(text=["a"]), Reason.NOT_A_TWEET),
    **{
        f"username {value!r}": (tweet(username=value), Reason.INVALID_KEY)
        for value in json.loads('[null, "", 7, true, ["ada"]]')
    },
    **{
        f"author's id {value!r}": (v2_post(author_id=value), Reason.INVALID_KEY)
        for value in json.loads("[0, -7, 7.0, false, [1]]")
    },
    **{
        f"screen name {value!r}": (status(user={"screen_name": value}), Reason.INVALID_KEY)
        for value in json.loads('[true, 7.0, {"a": 1}]')
    },
    **{
        f"{shape} with id {value!r}": (message, Reason.INVALID_KEY)
        for value in json.loads('[null, "", 0, -1, 1.0, 18446744073709551616, true, false, [], ["1"], {}]')
        for shape, message in {
            "record": tweet(id=value),
            "v2": v2_post(id=value),
            "bare v2": flat(id=value),
            "v1.1": v1_status(id_str=None, id=value),
        }.items()
    },
    "v1.1 with an id string of another type": (v1_status(id_str={"a": 1}), Reason.INVALID_KEY),
    **{
        f"{shape} of time {value!r}": (message, Reason.NOT_A_TWEET)
        for value in json.loads('["yesterday", "", 1795444888, true, {}, "2026-13-01T00:00:00Z"]')
        for shape, message in {
            "record": tweet(created_at=value, id=SNOWFLAKE),
            "v2": v2_post(created_at=value, id=SNOWFLAKE),
            "v1.1": v1_status(created_at=value, id_str=SNOWFLAKE),
        }.items()
    },
    **{
        f"version {value!r}": (tweet(version=value), Reason.UNKNOWN_VERSION)
        for value in (2, 0, 1.0, True, None, "1")
    },
    "record of a later version, with other members": (
        {"version": 2, "author": {"name": "ada"}, "data": {"body": "a"}, "source": "x"},
        Reason.UNKNOWN_VERSION,
    ),
    **{
        f"message of {', '.join(message)}": (message, Reason.CONTROL_MESSAGE)
        for message in (
            {"delete": {"status": {"id_str": "1", "user_id_str": "7"}}},
            {"limit": {"track": 7}},
            {"scrub_geo": {"user_id_str": "7"}},
            {"disconnect": {"code": 4}},
            {"warning": {"code": "FALLING_BEHIND"}},
            {"errors": [{"title": "operational-disconnect"}]},
            {"data": None, "errors": [{"title": "Not Found Error"}]},
            {"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"},
            {"meta": {"summary": {"created": 1}}},
        )
    },
}


@pytest.mark.parametrize(("message", "expected"), TWEETS.values(), ids=TWEETS.keys())
def test_a_tweet_of_every_shape_is_read_by_the_function_as_by_the_producer(
    message: Json, expected: Post
) -> None:
    username, identifier, created_at, text, _ = expected

    assert parse_post(message) == expected
    assert EVENT.parse(record(message)) == (username, identifier, created_at or ARRIVAL, text)
    if created_at is None:
        with pytest.raises(PoisonError, match="no time"):
            to_record(message, "file")
    else:
        made = to_record(load(orjson.dumps(message)), "file")
        assert (made.username, made.id, made.created_at, made.text, made.lang) == expected
        assert parse_post(vars(made)) == expected  # what was printed by a dry run can be read again


@pytest.mark.parametrize(("message", "reason"), INVALID.values(), ids=INVALID.keys())
def test_a_message_that_is_no_tweet_is_poison_with_the_reason(message: object, reason: Reason) -> None:
    with pytest.raises(PoisonError) as poison:
        parse_post(message)
    assert poison.value.reason is reason
    assert str(poison.value)


@pytest.mark.parametrize("identifier", ["1", "29700859246", "9223372036854775808", "abc", "९९९९९९९९९९९९९"])
def test_an_id_without_a_time_leaves_it_unknown(identifier: str) -> None:
    assert parse_post(v2_post(id=identifier, created_at=None))[2] is None


@pytest.mark.parametrize(
    ("time", "normalized"),
    [
        (TIME, TIME),
        ("2026-11-23T14:41:28Z", TIME),
        ("2026-11-23T16:41:28.123456+02:00", "2026-11-23T14:41:28.123Z"),
        ("2026-11-23T14:41:28", TIME),
        ("2026-11-23 14:41:28.000Z", TIME),
        ("20261123T144128.12345678Z", "2026-11-23T14:41:28.123Z"),
        ("2026-W48-1T14:41:28.000Z", TIME),
        ("Mon Nov 23 14:41:28 +0000 2026", TIME),
        ("Mon Nov 23 23:41:28 +0900 2026", TIME),
        ("Mon Nov 23 10:11:28 -0430 2026", TIME),
        ("Mon Nov 23 14:41:28 +9900 2026", None),
        ("Mon Foo 05 01:02:03 +0000 2026", None),
        ("Mon Nov 31 01:02:03 +0000 2026", None),
        ("Mon Nov 23", None),
        ("2026-02-30T17:01:13.000Z", None),
        ("2026-10-24T25:01:13.000Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_795_444_888, None),
    ],
)
def test_times_are_normalized(time: object, normalized: str | None) -> None:
    assert normalize_time(time) == normalized


@pytest.mark.parametrize("number", range(1, 13))
def test_every_month_of_an_older_status_is_known(number: int) -> None:
    name = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * number - 3 : 3 * number]
    assert normalize_time(f"Sat {name} 07 01:02:03 +0000 2015") == f"2015-{number:02}-07T01:02:03.000Z"


def test_every_sample_becomes_a_tweet_with_its_whole_text() -> None:
    for line in SAMPLES.read_bytes().splitlines():
        _, identifier, _, text, _ = parse_post(json.loads(line))
        assert identifier == json.loads(line)["data"]["id"]
        assert text
        assert not text.endswith("…")


class TestPayloads:
    """Payloads that are no JSON."""

    def test_not_base64(self) -> None:
        for data in ("a", "YWJj!", "=", "\N{UMBRELLA}"):
            broken = record(b"")
            broken["kinesis"]["data"] = data
            with pytest.raises(PoisonError) as poison:
                EVENT.parse(broken)
            assert poison.value.reason is Reason.NOT_BASE64

    @pytest.mark.parametrize(
        "payload", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", "{}".encode("utf-16"), b'"\xe9"']
    )
    def test_not_utf8(self, payload: bytes) -> None:
        assert reason_of_payload(payload) is Reason.NOT_UTF8

    @pytest.mark.parametrize(
        "payload",
        [
            *(b"{", b"nope", b"{}{}", b"{}\xc2\xa0", b"{'a':1}", b'{"a":NaN}', b'{"a":-Infinity}'),
            *(
                b'"\x00"',
                b" \xef\xbb\xbf{}",
                b'{"a":' + b"9" * 5000 + b',"b":NaN}',
                b'"' + b"x" * 1024 * 1024,
            ),
        ],
        ids=lambda payload: repr(payload[:12]),
    )
    def test_not_json(self, payload: bytes) -> None:
        assert reason_of_payload(payload) is Reason.NOT_JSON

    def test_an_integer_of_any_length_in_a_member_that_is_not_read_does_no_harm(self) -> None:
        payload = b'{"username":"ada","id":"1","text":"t","x":' + b"9" * 5000 + b"}"
        assert EVENT.parse(record(payload))[0] == "ada"

    def test_an_error_that_quotes_a_hostile_record_is_short_and_can_be_printed(self) -> None:
        for payload in (b'{"\\ud83d":1}', b'{"username":"a","version":' + b"9" * 4000 + b"}"):
            with pytest.raises(PoisonError) as poison:
                EVENT.parse(record(payload))
            assert len(str(poison.value).encode()) < 200

    @pytest.mark.parametrize("opening", [b"[", b'{"data":'])
    def test_nested_too_deeply(self, opening: bytes) -> None:
        assert reason_of_payload(opening * 100_000) is Reason.NOT_JSON

    def test_aggregated_by_the_kinesis_producer_library(self) -> None:
        assert (
            reason_of_payload(b"\xf3\x89\x9a\xc2\n\x03ada" + json.dumps(tweet()).encode())
            is Reason.AGGREGATED
        )

    @pytest.mark.parametrize("payload", [b"", b"\r\n"])
    def test_an_empty_payload_is_not_json(self, payload: bytes) -> None:
        assert reason_of_payload(payload) is Reason.NOT_JSON

    def test_a_byte_order_mark_before_the_json_is_ignored(self) -> None:
        assert EVENT.parse(record(b"\xef\xbb\xbf\r\n" + json.dumps(tweet()).encode()))[0] == "ada"

    def test_white_space_around_the_json_is_ignored(self) -> None:
        assert EVENT.parse(record(b"\r\n " + json.dumps(tweet()).encode() + b"\t\r\n"))[0] == "ada"


def reason_of_payload(payload: bytes) -> Reason:
    with pytest.raises(PoisonError) as poison:
        EVENT.parse(record(payload))
    assert str(poison.value)
    return poison.value.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_tweet_or_poison(payload: bytes) -> None:
    try:
        EVENT.parse(record(payload))
    except PoisonError as poison:
        assert str(poison)  # noqa: PT017 - not every payload raises


@given(st.sampled_from([tweet(), v2_post(), v1_status(), flat()]), st.data())
def test_any_value_in_any_member_is_a_tweet_or_poison(whole: dict[str, Any], data: st.DataObject) -> None:
    """Replace one member, at the top or one level below, by any JSON at all."""
    payload = json.loads(json.dumps(whole))
    inner = data.draw(
        st.sampled_from([payload, *(value for value in payload.values() if isinstance(value, dict))])
    )
    inner[data.draw(st.sampled_from(list(inner)))] = data.draw(JSON)
    try:
        found = EVENT.parse(record(payload))
    except PoisonError:
        return
    assert all(isinstance(value, str) for value in found)
    username, identifier, *_ = found
    assert username
    assert identifier


class Counted(dict[str, Any]):
    """An object that counts how often a member is looked up, in all objects together."""

    lookups = 0

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, counted."""
        Counted.lookups += 1
        return super().get(name, default)


class Hostile(NamedTuple):
    """Numbers of objects in a message."""

    references: int
    originals: int
    users: int
    depth: int


SIZES = st.sampled_from([0, 1, 7, 300])


@settings(max_examples=40)
@given(st.builds(Hostile, SIZES, SIZES, SIZES, st.sampled_from([0, 1, 900])), st.booleans())
def test_the_work_grows_no_faster_than_the_message(sizes: Hostile, flattened: bool) -> None:
    def objects(count: int, **members: Any) -> list[Counted]:
        return [Counted(id=str(10**9 + number), text="a", **members) for number in range(count)]

    deep: Any = "bottom"
    for _ in range(sizes.depth):
        deep = [deep]
    post = Counted(
        v2_post(
            text="RT @bob: a",
            author_id="none",
            referenced_tweets=objects(sizes.references, type="retweeted"),
            created_at=TIME if sizes.depth == 0 else deep,
        )["data"]
    )
    included = Counted(tweets=objects(sizes.originals), users=objects(sizes.users, username="bob"))
    message = Counted(post) if flattened else Counted(data=post, includes=included)
    Counted.lookups = 0

    try:
        parse_post(message)
    except PoisonError as poison:
        assert len(str(poison)) < 200  # noqa: PT017 - not every message raises

    assert Counted.lookups <= 30 + sum(sizes[:3])
