"""The X source, through the real TwitterAPI library, against an X on loopback."""

import logging
import shlex
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from event.payload import Json
from local.x.samples import TWEETS
from local.x.server import (
    BEARER_TOKEN,
    CONNECTIONS,
    RULES,
    STREAM,
    TOKEN,
    Connection,
    ScriptedAnswer,
    XServer,
)
from producer.formats.tweets import DeletionNotice, Record, load, to_record
from producer.sources.reconnect import Backoff
from producer.sources.source import Rejected
from producer.sources.x import source as x_source
from producer.spooling.rejected import Input
from tests.producer.sources.reading import Reading
from tests.producer.sources.x.watched_x import GET_STREAM, QUICK, TERM, WatchedX, line, post, problem


def test_every_post_arrives_as_a_record_with_the_name_and_the_whole_text() -> None:
    lines = [text for text in TWEETS.read_bytes().splitlines() if TERM.encode() in text]
    expected = [to_record(load(text), "x") for text in lines]
    with XServer(count=len(lines), rate=None) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(len(lines))
    records = [item for item in reading.items if isinstance(item, Record)]
    assert [(record.username, record.text, record.lang, record.source) for record in records] == [
        (record.username, record.text, record.lang, "x") for record in expected
    ]
    assert len({record.id for record in records}) == len({record.id for record in expected})


def test_an_article_arrives_with_its_text() -> None:
    [sample] = [load(text) for text in TWEETS.read_bytes().splitlines() if b'"article"' in text]
    assert isinstance(sample, dict)
    with XServer(count=1, rate=None) as x, Reading(WatchedX(x, track=["weighs"])) as reading:
        reading.until_items(1)
    article = sample["data"]["article"]
    assert reading.texts == [f"{article['title']}\n\n{article['plain_text']}"]


def test_an_edit_is_a_record_of_its_own() -> None:
    first, second = post("tea", 1), post("green tea", 2)
    second["data"]["edit_history_tweet_ids"] = [first["data"]["id"], second["data"]["id"]]
    with (
        XServer(script=[Connection(0, raw=line(first) + line(second))]) as x,
        Reading(WatchedX(x)) as reading,
    ):
        reading.until_items(2)
    records = [item for item in reading.items if isinstance(item, Record)]
    assert [(record.id, record.text) for record in records] == [
        (first["data"]["id"], "tea"),
        (second["data"]["id"], "green tea"),
    ]


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
def test_a_post_on_a_quiet_stream_arrives_at_once(encoding: Any) -> None:
    with XServer(count=1, encoding=encoding) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
        assert len(reading.texts) == 1


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
def test_posts_arrive_whole_however_the_body_is_sent(encoding: Any) -> None:
    with XServer(count=1_000, rate=None, encoding=encoding) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1_000)
        assert not reading.rejected


def test_keep_alives_are_signs_of_life_but_no_posts() -> None:
    with XServer(rate=0.2, keep_alive=0.05) as x:
        source = WatchedX(x, backoff=Backoff(silence=4))  # less than the five seconds between two posts
        with Reading(source) as reading:
            reading.until_items(2)
            assert (len(reading.texts), source.notes) == (2, [])


# Interruptions


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_lost_connection_is_made_again(ending: Any, encoding: Any) -> None:
    script = [Connection(2, ending=ending), Connection(2, ending=ending)]
    with XServer(count=5, encoding=encoding, script=script) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(5)
        assert (len(reading.texts), x.requests.count(GET_STREAM)) == (5, 3)


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_post_that_was_cut_off_is_counted_and_does_not_spoil_the_next(ending: Any) -> None:
    script = [Connection(0, raw=b'{"data":{"id":"1","te', ending=ending)]
    with XServer(count=1, script=script) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(2)
        assert (len(reading.texts), len(reading.rejected)) == (1, 1)


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_last_line_without_its_end_is_read(ending: Any) -> None:
    script = [Connection(1, raw=line(post("the last"))[:-2], ending=ending)]
    with XServer(script=script) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(2)
    assert reading.texts[1] == "the last"


def test_lines_may_end_with_a_line_feed_alone() -> None:
    raw = b"\n".join([line(post("one"))[:-2], b"", line(post("two"))[:-2], line(post("three"))])
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(3)
    assert (reading.texts, reading.rejected) == (["one", "two", "three"], [])


def test_a_line_that_is_too_long_is_rejected_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x_source, "_MAX_LINE_BYTES", 100_000)
    raw = line(post("x" * 1_000_000)) + line(post("next"))
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(2)
        assert x.requests.count(GET_STREAM) == 1
    assert reading.items[0] == Rejected("line 1 of the stream", "longer than 100,000 bytes")
    assert reading.texts == ["next"]


def test_a_connection_whose_line_never_ends_is_closed() -> None:
    with XServer(count=1, script=[Connection(0, ending="endless line")]) as x:
        source = WatchedX(x, backoff=Backoff(network=0.01, silence=2))
        with Reading(source) as reading:
            reading.until_items(2)
    assert "no complete line for 2 s" in source.notes[0]
    assert [type(item) for item in reading.items] == [Rejected, Record]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"data":{"id":"1"\r\n', "not JSON"),
        (b'{"data":{"te{"data":{"id":"1"}}\r\n', "not JSON"),
        (b"\xff\xfe\r\n", "not JSON"),
        (b"[]\r\n", "not a JSON object"),
        (b"17\r\n", "not a JSON object"),
        (line({"data": {"id": "1"}}), "no tweet"),
        (line({"data": None}), "no tweet"),
        (line({"hello": "world"}), "no tweet and its author in an object of hello"),
    ],
)
def test_a_malformed_line_is_rejected_and_the_next_is_read(raw: bytes, reason: str) -> None:
    script = [Connection(0, raw=raw + line(post("still here")))]
    with XServer(script=script) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(2)
    assert reading.texts == ["still here"]
    assert reason in reading.rejected[0].reason
    assert reading.rejected[0].where == "line 1 of the stream"


@pytest.mark.parametrize(
    ("raw", "is_kept"),
    [
        (line(post("a post")), True),
        (line({"data": {"id": "1"}}), True),
        (b"[]\r\n", True),
        (line({"delete": {"favorite": {"id": 1}}}), False),
        (line(post("no") | {"matching_rules": [{"id": "5"}]}), False),
        (line({"errors": [problem("Not Found Error")], "matching_rules": [{"id": "1"}]}), False),
    ],
)
def test_a_post_is_kept_if_it_is_rejected_and_a_control_message_is_not(raw: bytes, is_kept: bool) -> None:
    script = [Connection(0, raw=line(post("first")) + raw)]
    with XServer(script=script) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(2)
            assert source.input == (Input("X", 2, raw.strip(b"\n")) if is_kept else None)


def test_a_notice_of_a_deleted_post_is_not_rejected() -> None:
    notice = line({"delete": {"status": {"id": 1, "id_str": "1", "user_id": 7, "user_id_str": "7"}}})
    script = [Connection(0, raw=notice + line(post("after it")))]
    with XServer(script=script) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(2)
    assert isinstance(reading.items[0], DeletionNotice)
    assert (reading.texts, reading.rejected) == (["after it"], [])


@pytest.mark.parametrize("matching", [[{"id": 5, "tag": None}], [{"id": "5"}], [None], [{}]])
def test_a_post_that_matches_other_rules_is_not_ours(matching: object) -> None:
    raw = line(post("no") | {"matching_rules": matching})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
    assert reading.items == [
        Rejected("post 1890000000000000001", "only rules that this run did not ask for match it")
    ]


@pytest.mark.parametrize("matching", [None, [], {}])
def test_a_post_without_matching_rules_is_accepted(matching: object) -> None:
    raw = line(post("yes") | {"matching_rules": matching})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
    assert reading.texts == ["yes"]


def test_a_post_with_errors_beside_it_is_a_post() -> None:
    raw = line(post("partial") | {"errors": [problem("Not Found Error")]})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
        assert (reading.texts, x.requests.count(GET_STREAM)) == (["partial"], 1)


@pytest.mark.parametrize(
    "message",
    [
        {"errors": [problem("Not Found Error")], "matching_rules": [{"id": "1"}]},
        {"errors": [problem("Authorization Error", resource_type="tweet", resource_id="1")]},
    ],
)
def test_an_error_about_one_post_leaves_the_connection(message: Json) -> None:
    with XServer(script=[Connection(0, raw=line(message) + line(post("next")))]) as x:
        with Reading(WatchedX(x)) as reading:
            reading.until_items(2)
        assert x.requests.count(GET_STREAM) == 1
    assert "X sent an error instead of the post: " in reading.rejected[0].reason
    assert reading.texts == ["next"]


DISCONNECT = problem("operational-disconnect", disconnect_type="UpstreamOperationalDisconnect")


@pytest.mark.parametrize(
    "message",
    [
        DISCONNECT,
        {"errors": [DISCONNECT]},
        {"errors": [problem("Internal Server Error", status=503)]},
        {"errors": [problem("ConnectionException", connection_issue="TooManyConnections")]},
        {"title": 7, "detail": [], "details": 5, "status": {}, "errors": "no"},
    ],
    ids=["bare", "wrapped", "status", "connections", "types"],
)
def test_an_error_in_the_stream_leads_to_one_new_connection(message: Json) -> None:
    with XServer(count=1, script=[Connection(0, raw=line(message))]) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
        # The double keeps the failed connection open: were it not closed first, a 429 would follow.
        assert (len(reading.texts), len(reading.items), x.requests.count(GET_STREAM)) == (1, 1, 2)
    assert len(source.notes) == 1
    assert "reconnecting in" in source.notes[0]


@pytest.mark.parametrize("path", [STREAM, RULES, TOKEN])
@pytest.mark.parametrize(
    ("scripted", "message"),
    [
        (ScriptedAnswer(503, "<html>Over capacity</html>"), "X answered 503 (Service Unavailable)"),
        (
            ScriptedAnswer(500, problem("Internal Error")),
            "X answered 500 (Internal Error: about Internal Error)",
        ),
        (ScriptedAnswer(429, problem("Too Many Requests")), "X limits the rate (Too Many Requests"),
        (ScriptedAnswer(429, "", {"x-rate-limit-reset": "soon"}), "X limits the rate (Too Many Requests)"),
    ],
    ids=["503", "500", "429", "429 with nonsense"],
)
def test_an_http_error_leads_to_a_retry(scripted: ScriptedAnswer, message: str, path: str) -> None:
    step = ScriptedAnswer(scripted.status, scripted.body, scripted.headers, path)
    with XServer(count=1, script=[step, step]) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert [message in note for note in source.notes] == [True, True]


def test_a_rate_limit_is_waited_out_until_its_reset() -> None:
    reset = str(int(time.time()) + 600)
    with XServer(script=[ScriptedAnswer(429, "", {"x-rate-limit-reset": reset})]) as x:
        source = WatchedX(x, backoff=Backoff())
        with Reading(source) as reading:
            reading.until(lambda: source.notes)
    seconds = float(source.notes[0].split()[-2])
    assert 300 < seconds <= 600


def test_a_connection_that_is_still_open_elsewhere_is_waited_for() -> None:
    with XServer() as x:
        source = WatchedX(x, backoff=replace(QUICK, rate=1, rate_limit=1))
        with Reading(WatchedX(x)) as first:
            first.until_items(1)
            with Reading(source) as second:
                second.until(lambda: source.notes)
                assert "another connection of this app reads the stream" in source.notes[0]
                first.__exit__()
                second.until_items(1)


def test_connections_that_x_drops_at_once_are_made_again_until_x_limits_them_and_then_after_its_window() -> (
    None
):
    with XServer(script=[Connection(1, ending="end") for _ in range(60)]) as x:
        source = WatchedX(x, backoff=replace(QUICK, rate=300, rate_limit=900))
        with Reading(source) as reading:
            reading.until(lambda: "X limits the rate" in source.notes[-1] if source.notes else False)
            assert x.requests.count(GET_STREAM) == 51
        assert len(reading.texts) == 50
    seconds = float(source.notes[-1].split()[-2])
    assert 300 < seconds <= 900  # until X's window ends, not what this side would wait


def test_a_lost_connection_that_x_holds_open_is_terminated() -> None:
    with XServer(count=2, script=[Connection(1, ending="reset", is_stale=True)]) as x:
        source = WatchedX(x, backoff=replace(QUICK, rate=3_600, rate_limit=3_600))
        with Reading(source) as reading:
            reading.until_items(2)
    assert any("X held this run's lost connection open: it is terminated" in note for note in source.notes)
    assert x.requests.count(f"DELETE {CONNECTIONS}") == 1


@pytest.mark.parametrize(
    "answer",
    [
        ScriptedAnswer(
            200, {"data": [{"id": "7", "connected_at": "2999-01-01T00:00:00.000Z"}]}, path=CONNECTIONS
        ),
        ScriptedAnswer(200, {"data": [{"id": "7", "connected_at": "soon"}]}, path=CONNECTIONS),
        ScriptedAnswer(
            200,
            {"data": [{"id": number, "connected_at": "2000-01-01T00:00:00.000Z"} for number in "78"]},
            path=CONNECTIONS,
        ),
        ScriptedAnswer(200, {"meta": {"result_count": 0}}, path=CONNECTIONS),
        ScriptedAnswer(403, problem("client-forbidden"), path=CONNECTIONS),
        ScriptedAnswer(503, path=CONNECTIONS),
    ],
    ids=["younger", "no time", "two", "none", "403", "503"],
)
def test_a_connection_that_may_be_of_another_program_is_not_terminated(answer: ScriptedAnswer) -> None:
    with XServer(count=2, script=[Connection(1, ending="reset", is_stale=True), answer]) as x:
        source = WatchedX(x, backoff=replace(QUICK, rate=3_600, rate_limit=3_600))
        with Reading(source) as reading:
            reading.until(lambda: len(source.notes) == 2)
        assert "another connection of this app reads the stream" in source.notes[1]
        assert f"GET {CONNECTIONS}" in x.requests
        assert f"DELETE {CONNECTIONS}" not in x.requests


def test_before_its_first_connection_a_run_terminates_none_and_names_the_command_that_does() -> None:
    with XServer(count=1, script=[Connection(0, is_stale=True)]) as x:
        source = WatchedX(x, backoff=replace(QUICK, rate=3_600, rate_limit=3_600))
        with Reading(WatchedX(x, keep_rules=True)) as first:
            first.until(lambda: x.is_read)
        with Reading(source) as reading:
            reading.until(lambda: source.notes)
            assert f"GET {CONNECTIONS}" not in x.requests
            assert x.is_read
            _, _, method, _, header, url = shlex.split(source.notes[0].split("`")[1])
            token = header.replace("$BEARER_TOKEN", BEARER_TOKEN).split(": ")[1]
            address = url.replace("https://api.x.com", x.url)
            done = requests.request(method, address, headers={"Authorization": token}, timeout=60)
            assert done.json()["data"]["successful_kills"] == 1
            assert not x.is_read


def test_rules_that_somebody_removed_are_added_again() -> None:
    removed = problem("RuleConfigurationIssue")
    with XServer(count=1, script=[ScriptedAnswer(409, removed)]) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
        assert x.requests.count(f"GET {RULES}") == 2


def test_a_silent_connection_is_closed() -> None:
    with XServer(count=2, script=[Connection(1, ending="silence")]) as x:
        source = WatchedX(x, backoff=Backoff(network=0.01, silence=2))
        with Reading(source) as reading:
            reading.until_items(2)
    assert any("not even a keep-alive, for 2 s" in note for note in source.notes)


def test_an_unreachable_x_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as reserved:  # bound, so that nobody else gets the port, and silent
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        source = WatchedX(f"http://127.0.0.1:{port}")
        with Reading(source) as reading:
            reading.until(lambda: len(source.notes) > 2)
            with XServer(port=port, count=1):
                reading.until_items(1)
    assert "cannot be reached (Connection refused)" in source.notes[0]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# Money


def test_the_run_ends_when_its_budget_is_spent() -> None:
    raw = b"".join(line(post(f"post {number}", number)) for number in range(10))
    with XServer(script=[Connection(0, raw=raw)]) as x:
        source = WatchedX(x, budget=0.045)  # a post and its author: $0.015
        with Reading(source) as reading:
            reading.until(lambda: source.notes)
        assert not x.is_read
        assert x.rules == []
    assert reading.texts == ["post 0", "post 1", "post 2"]
    assert source.spent == pytest.approx(0.045)
    assert source.notes == ["The budget is spent, by an estimate ($0.045): reading ends."]


def test_posts_of_other_rules_and_what_comes_with_a_post_are_charged_and_errors_are_not() -> None:
    reference = {"includes": {"tweets": [post("b")["data"]], "users": [{"id": "7"}, {"id": "8"}]}}
    raw = [
        line(post("ours") | {"matching_rules": []}),
        line(post("others'") | {"matching_rules": [{"id": "5"}]}),
        line(post("quoting") | reference),
        line({"errors": [problem("Not Found Error")], "matching_rules": [{"id": "1"}]}),
        b"\r\n",
    ]
    with XServer(script=[Connection(0, raw=b"".join(raw))]) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(4)
    assert source.spent == pytest.approx(4 * 0.005 + 4 * 0.010)


# The end


def test_closing_ends_a_read_that_waits_for_a_byte() -> None:
    with XServer(count=1, keep_alive=3_600) as x:
        source = WatchedX(x, backoff=Backoff(silence=3_600))
        with Reading(source) as reading:
            reading.until_items(1)
            source.close()
            reading.until(lambda: not x.is_read)


def test_closing_ends_a_wait() -> None:
    with XServer(script=[ScriptedAnswer(503)]) as x:
        source = WatchedX(x, backoff=Backoff(http=300))
        with Reading(source) as reading:
            reading.until(lambda: source.notes)


def test_closing_before_reading_leaves_no_rule_on_x() -> None:
    with XServer() as x:
        source = WatchedX(x)
        source.close()
        assert list(source.read()) == []
        assert x.requests == []


def test_stopping_to_read_closes_the_connection() -> None:
    with XServer() as x:
        source = WatchedX(x)
        items = source.read()
        next(items)
        assert x.is_read
        items.close()  # type: ignore[attr-defined]  # it is a generator
        assert not x.is_read
        source.close()


def test_no_thread_is_left_running() -> None:
    before = set(threading.enumerate())
    with XServer(count=1) as x, Reading(WatchedX(x)) as reading:
        reading.until_items(1)
    assert set(threading.enumerate()) <= before
