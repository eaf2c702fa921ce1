"""The X source, through the real TwitterAPI library, against an X on loopback."""

import json
import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from local.samples import TWEETS
from local.x import (
    BEARER_TOKEN,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    RULES,
    STREAM,
    TOKEN,
    Connection,
    Refusal,
    XServer,
)
from producer.config import XCredentials
from producer.source import Record, Rejected
from producer.sources.reconnect import Backoff
from producer.sources.rules import TAG
from producer.sources.x import XSource
from producer.tweet import Json, load, parse
from tests.producer.sources.reading import Reading

CREDENTIALS = XCredentials(CONSUMER_KEY, CONSUMER_SECRET, "", "")
QUICK = Backoff(
    network=0.01, network_limit=0.02, http=0.01, http_limit=0.02, rate=0.01, rate_limit=0.02, silence=5
)
TERM = "#LanternNight"
GET_STREAM = f"GET {STREAM}"


class Watched(XSource):
    """An X source whose words to the person at the terminal are kept."""

    def __init__(
        self,
        x: XServer | str,
        credentials: XCredentials = CREDENTIALS,
        track: Sequence[str] = (TERM,),
        rules: Sequence[str] = (),
        keep_rules: bool = False,
        backoff: Backoff = QUICK,
    ) -> None:
        self.notes: list[str] = []
        super().__init__(
            credentials,
            track=track,
            rules=rules,
            keep_rules=keep_rules,
            endpoint=x if isinstance(x, str) else x.url,
            notify=self.notes.append,
            backoff=backoff,
        )


def problem(title: str, **members: Any) -> Json:
    return {
        "title": title,
        "detail": f"about {title}",
        "type": "https://api.twitter.com/2/problems/x",
        **members,
    }


def line(obj: object) -> bytes:
    return json.dumps(obj).encode() + b"\r\n"


def post(text: str, number: int = 1) -> Json:
    data = {"id": str(1_890_000_000_000_000_000 + number), "text": text, "author_id": "7"}
    return {"data": data, "includes": {"users": [{"id": "7", "username": "ada"}]}}


def test_every_post_arrives_as_a_record_with_the_name_and_the_whole_text() -> None:
    lines = [text for text in TWEETS.read_bytes().splitlines() if TERM.encode() in text]
    expected = [parse(load(text), "x") for text in lines]
    with XServer(count=len(lines), rate=None) as x, Reading(Watched(x)) as reading:
        reading.until_items(len(lines))
    records = [item for item in reading.items if isinstance(item, Record)]
    assert [(record.username, record.text, record.lang, record.source) for record in records] == [
        (record.username, record.text, record.lang, "x") for record in expected
    ]
    assert len({record.id for record in records}) == len({record.id for record in expected})


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
def test_a_post_on_a_quiet_stream_arrives_at_once(encoding: Any) -> None:
    with XServer(count=1, encoding=encoding) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
        assert len(reading.texts) == 1


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
def test_posts_arrive_whole_however_the_body_is_sent(encoding: Any) -> None:
    with XServer(count=1_000, rate=None, encoding=encoding) as x, Reading(Watched(x)) as reading:
        reading.until_items(1_000)
        assert not reading.rejected


def test_keep_alives_are_signs_of_life_but_no_posts() -> None:
    with XServer(rate=1, keep_alive=0.01) as x:
        source = Watched(x, backoff=Backoff(silence=0.7))  # less than the second between two posts
        with Reading(source) as reading:
            reading.until_items(2)
            assert (len(reading.texts), source.notes) == (2, [])


# Rules


def test_our_rules_are_on_x_while_we_read_and_gone_afterwards() -> None:
    with XServer(count=1) as x:
        others = x.add_rule("bun", "another program")
        with Reading(Watched(x, track=[TERM, "paper boat"], rules=["kite OR soup"])) as reading:
            reading.until_items(1)
            assert {(rule.value, rule.tag) for rule in x.rules} == {
                ("bun", "another program"),
                (TERM, TAG),
                ('"paper boat"', TAG),
                ("kite OR soup", TAG),
            }
        assert x.rules == [others]


def test_closing_twice_is_harmless() -> None:
    with XServer(count=1) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
            source.close()
        assert x.requests.count(f"POST {RULES}") == 2


def test_our_rules_are_gone_after_a_reconnection_too() -> None:
    with XServer(count=2, script=[Connection(1, ending="end")]) as x:
        with Reading(Watched(x)) as reading:
            reading.until_items(2)
        assert x.rules == []


def test_kept_rules_stay_and_are_not_added_again() -> None:
    with XServer(count=2, script=[Connection(1), Connection(1)]) as x:
        for _ in range(2):
            with Reading(Watched(x, keep_rules=True)) as reading:
                reading.until_items(1)
        assert [rule.value for rule in x.rules] == [TERM]
        assert x.requests.count(f"POST {RULES}") == 1


def test_our_rules_of_an_earlier_run_are_removed() -> None:
    with XServer(count=1) as x:
        x.add_rule("yesterday", TAG)
        with Reading(Watched(x)) as reading:
            reading.until_items(1)
            assert [rule.value for rule in x.rules] == [TERM]


def test_a_rule_of_others_that_says_the_same_serves_and_stays() -> None:
    with XServer(count=1) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(Watched(x)) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_posts_that_only_rules_of_others_match_are_rejected() -> None:
    with XServer(rate=None, count=160, script=[Connection(80, ending="end")]) as x:
        x.add_rule("e", "another program")
        source = Watched(x, track=["soup"])
        with Reading(source) as reading:
            reading.until_items(160)
    assert reading.texts
    assert all("soup" in text for text in reading.texts)
    assert {item.reason for item in reading.rejected} == {"only rules of others match it"}
    assert sum("rules of others are on X too (1, such as `e`)" in note for note in source.notes) == 1


def test_without_terms_the_rules_on_x_select() -> None:
    with XServer(count=1) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(Watched(x, track=[])) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_no_rule_at_all_is_refused_with_what_to_do() -> None:
    with XServer() as x, Reading(Watched(x, track=[])) as reading:
        assert "give --track TERM or --rule EXPR" in reading.refusal()
        assert GET_STREAM not in x.requests


def test_a_rule_that_x_does_not_understand_is_named() -> None:
    with XServer() as x:
        with Reading(Watched(x, rules=["colour:blue"])) as reading:
            assert "X refuses the rule `colour:blue`: Operator `colour:blue`" in reading.refusal()
        assert x.rules == []


def test_a_rule_that_somebody_adds_at_the_same_time_serves() -> None:
    none_yet = Refusal(200, {"meta": {"result_count": 0}}, path=RULES)
    with XServer(count=1, script=[none_yet]) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(Watched(x)) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_rules_that_cannot_be_removed_are_reported() -> None:
    with XServer(count=1) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
            x.plan(Refusal(503, path=RULES))
    assert "our rules stay on X, where the next run takes care of them: X answered 503" in source.notes[-1]


# Interruptions


@pytest.mark.parametrize("encoding", ["chunked", "plain", "gzip"])
@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_lost_connection_is_made_again(ending: Any, encoding: Any) -> None:
    script = [Connection(2, ending=ending), Connection(2, ending=ending)]
    with XServer(count=5, encoding=encoding, script=script) as x, Reading(Watched(x)) as reading:
        reading.until_items(5)
        assert (len(reading.texts), x.requests.count(GET_STREAM)) == (5, 3)


def test_a_post_that_was_cut_off_does_not_spoil_the_next() -> None:
    script = [Connection(0, raw=b'{"data":{"id":"1","te', ending="end")]
    with XServer(count=1, script=script) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
        assert len(reading.texts) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"data":{"id":"1"\r\n', "not JSON"),
        (b'{"data":{"te{"data":{"id":"1"}}\r\n', "not JSON"),
        (b"\xff\xfe\r\n", "not JSON"),
        (b"[]\r\n", "not a JSON object"),
        (b"17\r\n", "not a JSON object"),
        (line({"data": {"id": "1"}}), "no text"),
        (line({"data": None}), "no text"),
        (line({"hello": "world"}), "no text in an object of hello"),
    ],
)
def test_a_malformed_line_is_rejected_and_the_next_is_read(raw: bytes, reason: str) -> None:
    script = [Connection(0, raw=raw + line(post("still here")))]
    with XServer(script=script) as x, Reading(Watched(x)) as reading:
        reading.until_items(2)
    assert reading.texts == ["still here"]
    assert reason in reading.rejected[0].reason
    assert reading.rejected[0].where == "line 1 of the stream"


@pytest.mark.parametrize("matching", [[{"id": 5, "tag": None}], [{"id": "5"}], [None], [{}]])
def test_a_post_that_matches_other_rules_is_not_ours(matching: object) -> None:
    raw = line(post("no") | {"matching_rules": matching})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
    assert reading.items == [Rejected("post 1890000000000000001", "only rules of others match it")]


@pytest.mark.parametrize("matching", [None, [], {}])
def test_a_post_that_does_not_say_what_it_matches_is_taken(matching: object) -> None:
    raw = line(post("yes") | {"matching_rules": matching})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
    assert reading.texts == ["yes"]


def test_a_post_with_errors_beside_it_is_a_post() -> None:
    raw = line(post("partial") | {"errors": [problem("Not Found Error")]})
    with XServer(script=[Connection(0, raw=raw)]) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
        assert (reading.texts, x.requests.count(GET_STREAM)) == (["partial"], 1)


DISCONNECT = problem("operational-disconnect", disconnect_type="UpstreamOperationalDisconnect")


@pytest.mark.parametrize(
    "message",
    [
        DISCONNECT,
        {"errors": [DISCONNECT]},
        {"errors": [problem("Internal Server Error", status=503)]},
        {"errors": [problem("ConnectionException", connection_issue="TooManyConnections")]},
    ],
    ids=["bare", "wrapped", "status", "connections"],
)
def test_an_error_in_the_stream_leads_to_one_new_connection(message: Json) -> None:
    with XServer(count=1, script=[Connection(0, raw=line(message))]) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
        # The double keeps the failed connection open: were it not closed first, a 429 would follow.
        assert (len(reading.texts), len(reading.items), x.requests.count(GET_STREAM)) == (1, 1, 2)
    assert len(source.notes) == 1
    assert "connecting again in" in source.notes[0]


@pytest.mark.parametrize("path", [STREAM, RULES, TOKEN])
@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal(503, "<html>Over capacity</html>"), "X answered 503 (Service Unavailable)"),
        (Refusal(500, problem("Internal Error")), "X answered 500 (Internal Error: about Internal Error)"),
        (Refusal(429, problem("Too Many Requests")), "X limits the rate (Too Many Requests"),
        (Refusal(429, "", {"x-rate-limit-reset": "soon"}), "X limits the rate (Too Many Requests)"),
    ],
    ids=["503", "500", "429", "429 with nonsense"],
)
def test_an_http_error_is_waited_out(refusal: Refusal, said: str, path: str) -> None:
    step = Refusal(refusal.status, refusal.body, refusal.headers, path)
    with XServer(count=1, script=[step, step]) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert [said in note for note in source.notes] == [True, True]


def test_a_rate_limit_is_waited_out_until_its_reset() -> None:
    reset = str(int(time.time()) + 100)
    with XServer(script=[Refusal(429, "", {"x-rate-limit-reset": reset})]) as x:
        source = Watched(x, backoff=Backoff())
        with Reading(source) as reading:
            reading.until(lambda: source.notes)
    seconds = float(source.notes[0].split()[-2])
    assert 90 < seconds <= 100


def test_a_connection_that_is_still_open_elsewhere_is_waited_for() -> None:
    with XServer() as x:
        source = Watched(x)
        with Reading(Watched(x)) as first:
            first.until_items(1)
            with Reading(source) as second:
                second.until(lambda: source.notes)
                assert "another connection of this app reads the stream" in source.notes[0]
                first.__exit__()
                second.until_items(1)


def test_rules_that_somebody_removed_are_added_again() -> None:
    gone = problem("RuleConfigurationIssue")
    with XServer(count=1, script=[Refusal(409, gone)]) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
        assert x.requests.count(f"GET {RULES}") == 2


def test_a_silent_stream_is_given_up() -> None:
    with XServer(count=2, script=[Connection(1, ending="silence")]) as x:
        source = Watched(x, backoff=Backoff(network=0.01, silence=0.3))
        with Reading(source) as reading:
            reading.until_items(2)
    assert any("not even a keep-alive, for 0.3 s" in note for note in source.notes)


def test_x_may_be_out_of_reach_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = Watched(f"http://127.0.0.1:{port}")
    with Reading(source) as reading:
        reading.until(lambda: len(source.notes) > 2)
        with XServer(port=port, count=1):
            reading.until_items(1)
    assert "cannot be reached (Connection refused)" in source.notes[0]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# Refusals


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal(401, problem("Unauthorized")), "does not accept the credentials"),
        (
            Refusal(403, problem("client-forbidden", reason="client-not-enrolled")),
            "refuses this app (client-for",
        ),
        (Refusal(402, problem("CreditsDepleted")), "delivers no more posts to this app (CreditsDepleted"),
        (
            Refusal(429, problem("UsageCapExceeded", period="Monthly")),
            "delivers no more posts to this app (Usage",
        ),
        (Refusal(400, problem("Invalid Request")), "refuses the request with 400 (Invalid Request"),
    ],
    ids=["401", "403", "402", "cap", "400"],
)
def test_a_final_refusal_ends_the_run_with_the_reason(refusal: Refusal, said: str) -> None:
    with XServer(script=[refusal]) as x:
        with Reading(Watched(x)) as reading:
            assert said in reading.refusal()
        assert x.requests.count(GET_STREAM) == 1
        assert x.rules == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (problem("UsageCapExceeded"), "delivers no more posts"),
        ({"errors": [problem("client-forbidden")]}, "refuses this app"),
        ({"errors": [problem("Unauthorized", status=401)]}, "does not accept the credentials"),
    ],
)
def test_a_final_refusal_may_come_in_the_stream(message: Json, said: str) -> None:
    with XServer(script=[Connection(1, raw=line(message))]) as x, Reading(Watched(x)) as reading:
        assert said in reading.refusal()
        assert (len(reading.items), x.requests.count(GET_STREAM)) == (1, 1)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            Refusal(200, "<html>Log in to the hotel's network</html>", path=RULES),
            "200 with something that is not JSON",
        ),
        (Refusal(200, "<html>Log in to the hotel's network</html>", path=TOKEN), "200 without a token"),
        (Refusal(200, {"access_token": None}, path=TOKEN), "200 without a token"),
    ],
)
def test_an_answer_that_is_not_of_x_is_waited_out(refusal: Refusal, said: str) -> None:
    with XServer(count=1, script=[refusal]) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert [said in note for note in source.notes] == [True]


def test_rules_that_x_passes_over_are_added_again() -> None:
    present = Refusal(200, {"meta": {"result_count": 0}}, path=RULES)
    with XServer(count=1, script=[present, Refusal(201, {"meta": {}}, path=RULES)]) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
    assert ["does not say what became of the rules" in note for note in source.notes] == [True]


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8080", "api.x.com", "ftp://api.x.com"])
def test_an_endpoint_that_is_no_address_ends_the_run(endpoint: str) -> None:
    with Reading(Watched(endpoint)) as reading:
        assert f"x_endpoint is `{endpoint}`: give scheme and host" in reading.refusal()


@pytest.mark.parametrize("pair", [("wrong", CONSUMER_SECRET), (CONSUMER_KEY, "wrong"), ("a:b", "c/d")])
def test_wrong_keys_end_the_run(pair: tuple[str, str]) -> None:
    with XServer() as x, Reading(Watched(x, XCredentials(*pair, "", ""))) as reading:
        assert "Unable to verify your credentials" in reading.refusal()
        assert x.requests == [f"POST {TOKEN}"]


def test_a_ready_bearer_token_serves_without_keys() -> None:
    with XServer(count=1) as x:
        with Reading(Watched(x, XCredentials("", "", "", "", BEARER_TOKEN))) as reading:
            reading.until_items(1)
        assert f"POST {TOKEN}" not in x.requests


def test_a_wrong_bearer_token_ends_the_run() -> None:
    with XServer() as x, Reading(Watched(x, XCredentials("", "", "", "", "wrong"))) as reading:
        assert "does not accept the credentials (Unauthorized)" in reading.refusal()


# The end


def test_closing_ends_a_read_that_waits_for_a_byte() -> None:
    with XServer(count=1) as x:
        source = Watched(x)
        with Reading(source) as reading:
            reading.until_items(1)
            source.close()
            reading.until(lambda: not x.is_read, seconds=2)  # long before the next keep-alive, after 20 s


def test_closing_ends_a_wait() -> None:
    with XServer(script=[Refusal(503)]) as x:
        source = Watched(x, backoff=Backoff(http=300))
        with Reading(source) as reading:
            reading.until(lambda: source.notes)


def test_closing_before_reading_leaves_nothing_on_x() -> None:
    with XServer() as x:
        source = Watched(x)
        source.close()
        assert list(source.read()) == []
        assert x.requests == []


def test_stopping_to_read_closes_the_connection() -> None:
    with XServer() as x:
        source = Watched(x)
        items = source.read()
        next(items)
        assert x.is_read
        items.close()  # type: ignore[attr-defined]  # it is a generator
        assert not x.is_read
        source.close()


def test_no_thread_is_left_running() -> None:
    before = set(threading.enumerate())
    with XServer(count=1) as x, Reading(Watched(x)) as reading:
        reading.until_items(1)
    assert set(threading.enumerate()) <= before
