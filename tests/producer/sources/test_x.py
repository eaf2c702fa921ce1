"""The X source, through the real TwitterAPI library, against an X on loopback."""

import logging
import socket
import threading
import time
from typing import Any

import pytest

from event.payload import Json
from local.x.samples import TWEETS
from local.x.server import RULES, STREAM, TOKEN, Connection, ScriptedAnswer, XServer
from producer.formats.tweets import DeletionNotice, Record, load, to_record
from producer.sources import x as x_source
from producer.sources.reconnect import Backoff
from producer.sources.source import Rejected
from producer.spooling.rejected import Input
from tests.producer.sources.reading import Reading
from tests.producer.sources.watched_x import GET_STREAM, TERM, WatchedX, line, post, problem


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
        source = WatchedX(x)
        with Reading(WatchedX(x)) as first:
            first.until_items(1)
            with Reading(source) as second:
                second.until(lambda: source.notes)
                assert "another connection of this app reads the stream" in source.notes[0]
                first.__exit__()
                second.until_items(1)


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
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = WatchedX(f"http://127.0.0.1:{port}")
    with Reading(source) as reading:
        reading.until(lambda: len(source.notes) > 2)
        with XServer(port=port, count=1):
            reading.until_items(1)
    assert "cannot be reached (Connection refused)" in source.notes[0]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


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
