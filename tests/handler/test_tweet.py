"""Payloads that are tweets, in three formats, and payloads that can never be, each with its reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.tweet import PoisonError, Reason, Tweet, parse_tweet
from tests.handler.events import record, tweet, v1_status, v2_post

GOOD_MORNING = Tweet("ada", "1001", "2026-11-23T14:41:28.000Z", "good morning")


def read(payload: object) -> Tweet:
    return parse_tweet(record(payload))


def reason_of(payload: object) -> Reason:
    with pytest.raises(PoisonError) as poison:
        read(payload)
    assert str(poison.value)
    return poison.value.reason


class TestTheStreamsOwnRecord:
    def test_its_members_are_the_items(self) -> None:
        assert read(tweet()) == GOOD_MORNING

    def test_its_text_is_taken_as_it_is(self) -> None:
        assert read(tweet(text="&lt;3 &amp;amp;")).message == "&lt;3 &amp;amp;"

    def test_members_that_are_not_stored_may_be_absent(self) -> None:
        assert (
            read({name: value for name, value in tweet().items() if name not in ("lang", "source")})
            == GOOD_MORNING
        )


class TestX2:
    def test_the_author_is_found_among_the_users_by_id(self) -> None:
        assert read(v2_post()) == GOOD_MORNING

    @pytest.mark.parametrize(
        "includes", [None, {}, {"users": []}, {"users": [{"id": "8", "username": "bob"}]}, []]
    )
    def test_an_author_who_is_not_included_is_named_by_id(self, includes: object) -> None:
        assert read(v2_post() | {"includes": includes}).username == "7"

    def test_a_post_without_an_author_belongs_to_unknown(self) -> None:
        post = v2_post()
        del post["data"]["author_id"]
        assert read(post).username == "unknown"

    def test_a_post_with_partial_errors_is_a_post(self) -> None:
        assert read(v2_post() | {"errors": [{"title": "Not Found Error"}]}) == GOOD_MORNING

    def test_a_long_post_is_stored_whole(self) -> None:
        assert (
            read(v2_post(text="good\u2026", note_tweet={"text": "good &amp; long"})).message == "good & long"
        )

    def test_a_retweet_is_stored_with_the_whole_original(self) -> None:
        post = v2_post(
            text="RT @bob: it beg\u2026",
            referenced_tweets=[{"type": "quoted", "id": "5"}, {"type": "retweeted", "id": "6"}],
        )
        post["includes"]["tweets"] = [{"id": "5", "text": "no"}, {"id": "6", "text": "it begins &gt; here"}]
        assert read(post).message == "RT @bob: it begins > here"

    def test_a_retweet_whose_original_is_not_included_stays_as_it_came(self) -> None:
        post = v2_post(text="RT @bob: it beg\u2026", referenced_tweets=[{"type": "retweeted", "id": "6"}])
        assert read(post).message == "RT @bob: it beg\u2026"

    def test_a_quotation_keeps_its_own_text(self) -> None:
        post = v2_post(text="RT @bob: this", referenced_tweets=[{"type": "quoted", "id": "6"}])
        post["includes"]["tweets"] = [{"id": "6", "text": "that"}]
        assert read(post).message == "RT @bob: this"

    def test_xs_three_escapes_are_undone_once(self) -> None:
        assert (
            read(v2_post(text="1 &lt; 2 &gt; 1 &amp;amp; &amp;lt; &copy;")).message
            == "1 < 2 > 1 &amp; &lt; &copy;"
        )


class TestX1:
    def test_the_id_is_read_from_the_string(self) -> None:
        assert read(v1_status()) == GOOD_MORNING._replace(id="1800000000000000123")

    def test_without_the_string_the_number_is_taken_whole(self) -> None:
        status = v1_status(id=1800000000000000123)
        del status["id_str"]
        assert read(status).id == "1800000000000000123"

    def test_the_extended_text_is_preferred(self) -> None:
        status = v1_status(text="good\u2026", truncated=True, extended_tweet={"full_text": "good &amp; long"})
        assert read(status).message == "good & long"

    def test_full_text_stands_where_text_is_absent(self) -> None:
        status = v1_status(full_text="all of it")
        del status["text"]
        assert read(status).message == "all of it"

    def test_a_retweet_is_stored_with_the_whole_original(self) -> None:
        status = v1_status(text="RT @bob: it beg\u2026", retweeted_status=v1_status(text="it begins"))
        assert read(status).message == "RT @bob: it begins"

    @pytest.mark.parametrize(("user", "name"), [({"id_str": "7"}, "7"), ({}, "unknown")])
    def test_a_user_without_a_name_is_named_by_id(self, user: dict[str, str], name: str) -> None:
        assert read(v1_status(user=user)).username == name


class TestTimes:
    @pytest.mark.parametrize(
        ("created", "stored"),
        [
            ("2026-11-23T14:41:28.000Z", "2026-11-23T14:41:28.000Z"),
            ("2026-11-23T14:41:28Z", "2026-11-23T14:41:28.000Z"),
            ("2026-11-23T16:41:28.123456+02:00", "2026-11-23T14:41:28.123Z"),
            ("2026-11-23T14:41:28", "2026-11-23T14:41:28.000Z"),
            ("20261123T144128.12345678Z", "2026-11-23T14:41:28.123Z"),
        ],
    )
    def test_times_are_stored_in_utc_with_milliseconds(self, created: str, stored: str) -> None:
        assert read(tweet(created_at=created)).timestamp == stored

    @pytest.mark.parametrize("month", range(1, 13))
    def test_those_of_v1_are_read_in_every_month(self, month: int) -> None:
        name = "JanFebMarAprMayJunJulAugSepOctNovDec"[3 * month - 3 : 3 * month]
        status = v1_status(created_at=f"Mon {name} 05 01:02:03 +0000 2026")
        assert read(status).timestamp == f"2026-{month:02}-05T01:02:03.000Z"

    @pytest.mark.parametrize(
        "payload", [tweet(created_at=None), v2_post(created_at=None), v1_status(created_at=None)]
    )
    def test_a_tweet_without_one_has_the_time_of_its_arrival(self, payload: dict[str, Any]) -> None:
        assert read(payload).timestamp == "2026-11-23T14:41:30.250Z"

    @pytest.mark.parametrize(
        "created",
        ["yesterday", "", 1_795_444_888, True, {}, "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-01:00"],
    )
    def test_what_is_no_time_makes_no_tweet(self, created: object) -> None:
        assert reason_of(tweet(created_at=created)) is Reason.NOT_A_TWEET
        assert reason_of(v1_status(created_at=created)) is Reason.NOT_A_TWEET

    @pytest.mark.parametrize(
        "created", ["Mon Foo 05 01:02:03 +0000 2026", "Mon Nov 23", "Mon Nov 99 1:2:3 +0000 2026"]
    )
    def test_what_is_no_time_of_v1_makes_no_tweet(self, created: str) -> None:
        assert reason_of(v1_status(created_at=created)) is Reason.NOT_A_TWEET


class TestKeys:
    @pytest.mark.parametrize("number", [0, 7, 2**53 + 1, 10**30])
    def test_an_id_may_be_an_integer_of_any_size(self, number: int) -> None:
        assert read(tweet(id=number)).id == str(number)
        assert read(v2_post(id=number)).id == str(number)

    @pytest.mark.parametrize("identifier", [None, "", 1.0, 1.8e18, True, False, [], {}])
    def test_an_id_of_another_kind_is_poison(self, identifier: object) -> None:
        assert reason_of(tweet(id=identifier)) is Reason.INVALID_KEY
        assert reason_of(v2_post(id=identifier)) is Reason.INVALID_KEY
        assert reason_of(v1_status(id_str=None, id=identifier)) is Reason.INVALID_KEY

    @pytest.mark.parametrize("payload", [{"username": "ada", "text": ""}, {"data": {"text": ""}}])
    def test_an_absent_id_is_poison(self, payload: dict[str, object]) -> None:
        assert reason_of(payload) is Reason.INVALID_KEY

    @pytest.mark.parametrize("username", [None, "", 7, True, ["ada"]])
    def test_a_username_that_is_no_text_is_poison(self, username: object) -> None:
        assert reason_of(tweet(username=username)) is Reason.INVALID_KEY


class TestPoison:
    @pytest.mark.parametrize("data", ["a", "YWJj!", "=", "\N{UMBRELLA}"])
    def test_not_base64(self, data: str) -> None:
        broken = record(b"")
        broken["kinesis"]["data"] = data
        with pytest.raises(PoisonError) as poison:
            parse_tweet(broken)
        assert poison.value.reason is Reason.NOT_BASE64

    @pytest.mark.parametrize(
        "payload", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", "{}".encode("utf-16"), b'"\xe9"']
    )
    def test_not_utf8(self, payload: bytes) -> None:
        assert reason_of(payload) is Reason.NOT_UTF8

    @pytest.mark.parametrize(
        "payload",
        [
            *(
                b"{",
                b"nope",
                b"{}{}",
                b"{'a':1}",
                b'{"a":NaN}',
                b'{"a":-Infinity}',
                b'"\x00"',
                b"\xef\xbb\xbf{}",
            ),
            *(b"9" * 5000, b'"' + b"x" * 1024 * 1024),
        ],
        ids=lambda payload: repr(payload[:12]),
    )
    def test_not_json(self, payload: bytes) -> None:
        assert reason_of(payload) is Reason.NOT_JSON

    @pytest.mark.parametrize("opening", [b"[", b'{"data":'])
    def test_nested_too_deeply(self, opening: bytes) -> None:
        assert reason_of(opening * 100_000) is Reason.NOT_JSON

    def test_aggregated_by_the_kinesis_producer_library(self) -> None:
        assert reason_of(b"\xf3\x89\x9a\xc2\n\x03ada" + json.dumps(tweet()).encode()) is Reason.AGGREGATED

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\r\n",
            {"delete": {"status": {"id_str": "1", "user_id_str": "7"}}},
            {"limit": {"track": 7}},
            {"scrub_geo": {"user_id_str": "7"}},
            {"disconnect": {"code": 4}},
            {"warning": {"code": "FALLING_BEHIND"}},
            {"errors": [{"title": "operational-disconnect"}]},
            {"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"},
            {"meta": {"summary": {"created": 1}}},
        ],
        ids=str,
    )
    def test_control_messages_have_a_reason_of_their_own(self, payload: object) -> None:
        assert reason_of(payload) is Reason.CONTROL_MESSAGE

    @pytest.mark.parametrize(
        "payload",
        [
            *(None, True, 1, 1.5, "a tweet", [], [tweet()], {}, {"text": "whose?"}),
            *({"data": []}, {"data": None}, {"user": "ada"}),
            *(tweet(text=None), tweet(text=7), v2_post(text=None), v1_status(text=["a"])),
            *(v1_status(extended_tweet={"full_text": None}), v2_post(note_tweet={"text": 1})),
        ],
        ids=str,
    )
    def test_not_a_tweet(self, payload: object) -> None:
        assert reason_of(payload) is Reason.NOT_A_TWEET


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_tweet_or_poison(payload: bytes) -> None:
    try:
        read(payload)
    except PoisonError as poison:
        assert str(poison)  # noqa: PT017 - not every payload raises


@given(st.sampled_from([tweet(), v2_post(), v1_status()]), st.data())
def test_any_value_in_any_member_is_a_tweet_or_poison(whole: dict[str, Any], data: st.DataObject) -> None:
    """Replace one member, at the top or one level below, by any JSON at all."""
    payload = json.loads(json.dumps(whole))
    inner = data.draw(
        st.sampled_from([payload, *(value for value in payload.values() if isinstance(value, dict))])
    )
    inner[data.draw(st.sampled_from(list(inner)))] = data.draw(JSON)
    try:
        found = read(payload)
    except PoisonError:
        return
    assert all(isinstance(value, str) for value in found)
    assert found.username
    assert found.id
