"""A final error of X ends the run with its reason; an answer that is not X's does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event.payload import Json
from local.x.server import (
    BEARER_TOKEN,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    RULES,
    TOKEN,
    Connection,
    ScriptedAnswer,
    XServer,
)
from producer.config import XCredentials
from producer.errors import SourceError
from producer.formats.tweets import Record
from producer.sources.reconnect import Interrupted
from producer.sources.source import Rejected
from producer.sources.x import api as x_api
from producer.sources.x.rules import parse_list
from tests.producer.sources.reading import Reading
from tests.producer.sources.x.watched_x import GET_STREAM, WatchedX, line, problem

MEMBERS = (
    *(
        "data",
        "includes",
        "matching_rules",
        "errors",
        "title",
        "detail",
        "details",
        "status",
        "type",
        "value",
    ),
    *("connection_issue", "message", "id", "text", "author_id", "users", "tweets", "referenced_tweets"),
)


@pytest.mark.parametrize(
    ("scripted", "message"),
    [
        (ScriptedAnswer(401, problem("Unauthorized")), "does not accept the credentials"),
        (
            ScriptedAnswer(403, problem("client-forbidden", reason="client-not-enrolled")),
            "denies this app access (client-for",
        ),
        (
            ScriptedAnswer(402, problem("CreditsDepleted")),
            "delivers no more posts to this app (CreditsDepleted",
        ),
        (
            ScriptedAnswer(429, problem("UsageCapExceeded", period="Monthly")),
            "delivers no more posts to this app (Usage",
        ),
        (
            ScriptedAnswer(400, problem("Invalid Request")),
            "rejects the request with status 400 (Invalid Request",
        ),
    ],
    ids=["401", "403", "402", "cap", "400"],
)
def test_a_final_error_ends_the_run_with_its_reason(scripted: ScriptedAnswer, message: str) -> None:
    with XServer(script=[scripted]) as x:
        with Reading(WatchedX(x)) as reading:
            assert message in reading.failure()
        assert x.requests.count(GET_STREAM) == 1
        assert x.rules == []


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (problem("UsageCapExceeded"), "delivers no more posts"),
        ({"errors": [problem("client-forbidden")]}, "denies this app access"),
        ({"errors": [problem("Unauthorized", status=401)]}, "does not accept the credentials"),
    ],
)
def test_a_final_error_in_the_stream_ends_the_run(frame: Json, message: str) -> None:
    with XServer(script=[Connection(1, raw=line(frame))]) as x, Reading(WatchedX(x)) as reading:
        assert message in reading.failure()
        assert (len(reading.items), x.requests.count(GET_STREAM)) == (1, 1)


def test_a_final_error_in_the_last_line_of_a_connection_ends_the_run() -> None:
    last = line(problem("UsageCapExceeded"))[:-2]
    with XServer(script=[Connection(1, raw=last, ending="end")]) as x, Reading(WatchedX(x)) as reading:
        assert "delivers no more posts" in reading.failure()
        assert x.requests.count(GET_STREAM) == 1


@pytest.mark.parametrize(
    ("scripted", "message"),
    [
        (
            ScriptedAnswer(200, "<html>Log in to the hotel's network</html>", path=RULES),
            "200 with something that is not JSON",
        ),
        (
            ScriptedAnswer(200, "<html>Log in to the hotel's network</html>", path=TOKEN),
            "200 without a token",
        ),
        (ScriptedAnswer(200, {"access_token": None}, path=TOKEN), "200 without a token"),
        (ScriptedAnswer(200, "[" * 100_000, path=RULES), "200 with something that is not JSON"),
        (ScriptedAnswer(200, {"data": {"id": "1"}}, path=RULES), "something other than rules"),
        (ScriptedAnswer(200, {"data": [{"id": "1"}]}, path=RULES), "something other than a rule"),
        (ScriptedAnswer(200, {"data": [None]}, path=RULES), "something other than a rule"),
    ],
)
def test_an_answer_that_is_not_of_x_leads_to_a_retry(scripted: ScriptedAnswer, message: str) -> None:
    with XServer(count=1, script=[scripted]) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert [message in note for note in source.notes] == [True]


@pytest.mark.parametrize(
    "answer", [{"meta": {}}, {"data": None, "errors": 5}, {"data": [], "errors": [None]}], ids=str
)
def test_rules_that_x_does_not_confirm_are_added_again(answer: Json) -> None:
    present = ScriptedAnswer(200, {"meta": {"result_count": 0}}, path=RULES)
    checked = ScriptedAnswer(200, {"meta": {"summary": {"valid": 1, "invalid": 0}}}, path=RULES)
    with XServer(count=1, script=[present, checked, ScriptedAnswer(201, answer, path=RULES)]) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert ["did not confirm the rules" in note for note in source.notes] == [True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
DEEP = "[" * 1_000 + "]" * 1_000
FRAMES = (
    st.binary()
    | st.dictionaries(st.sampled_from(MEMBERS), JSON, min_size=1).map(line)
    | st.sampled_from([b"[" * 100_000, *(f'{{"{name}":{DEEP}}}'.encode() for name in MEMBERS)])
)


@settings(max_examples=60)
@given(FRAMES)
def test_any_frame_is_a_post_or_counted_or_ends_the_connection_for_a_reason(frame: bytes) -> None:
    try:
        item = WatchedX("http://127.0.0.1:1")._item(frame)
    except (Interrupted, SourceError) as reason:
        assert str(reason)  # noqa: PT017 - not every frame raises
    else:
        assert isinstance(item, Record | Rejected) or not frame.strip()


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_any_answer_is_rules_or_a_reason_to_retry_or_to_end(answer: Json) -> None:
    assert isinstance(
        x_api.to_error(400, answer, {"x-rate-limit-reset": "9" * 5_000}), Interrupted | SourceError
    )
    try:
        assert all(isinstance(rule.value, str) for rule in parse_list(answer))
    except Interrupted as reason:
        assert str(reason)  # noqa: PT017 - not every answer raises


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8080", "api.x.com", "ftp://api.x.com"])
def test_an_invalid_endpoint_ends_the_run(endpoint: str) -> None:
    with Reading(WatchedX(endpoint)) as reading:
        assert f"x_endpoint is `{endpoint}`: give scheme and host" in reading.failure()


@pytest.mark.parametrize("pair", [("wrong", CONSUMER_SECRET), (CONSUMER_KEY, "wrong"), ("a:b", "c/d")])
def test_wrong_keys_end_the_run(pair: tuple[str, str]) -> None:
    with XServer() as x, Reading(WatchedX(x, XCredentials(*pair, "", ""))) as reading:
        assert "Unable to verify your credentials" in reading.failure()
        assert x.requests == [f"POST {TOKEN}"]


def test_a_configured_bearer_token_needs_no_keys() -> None:
    with XServer(count=1) as x:
        with Reading(WatchedX(x, XCredentials("", "", "", "", BEARER_TOKEN))) as reading:
            reading.until_items(1)
        assert f"POST {TOKEN}" not in x.requests


def test_a_wrong_bearer_token_ends_the_run() -> None:
    with XServer() as x, Reading(WatchedX(x, XCredentials("", "", "", "", "wrong"))) as reading:
        assert "does not accept the credentials (Unauthorized)" in reading.failure()
