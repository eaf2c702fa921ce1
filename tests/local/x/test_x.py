"""The local X, used as by any client."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.x import rules as x_rules
from local.x.rules import Rule
from local.x.server import (
    BEARER_TOKEN,
    CONNECTIONS,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    RULES,
    STREAM,
    TOKEN,
    Connection,
    XServer,
)
from tests.waiting import SECONDS

Json = dict[str, Any]

TERM = "#LanternNight"
BEARER = {"Authorization": f"Bearer {BEARER_TOKEN}"}


def call(x: XServer, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, x.url + path, timeout=SECONDS, **({"headers": BEARER} | options))


def posts(x: XServer, number: int, **query: str) -> list[Json]:
    """The next posts of the stream."""
    with call(x, "GET", STREAM, params=query, stream=True) as response:
        response.raise_for_status()
        lines = (line for line in response.iter_lines() if line)
        return [json.loads(next(lines)) for _ in range(number)]


@pytest.fixture
def x() -> Iterator[XServer]:
    """One with a rule that most of its posts match."""
    with XServer(rate=None) as server:
        server.add_rule(TERM, "lanterns")
        yield server


# Keys


def test_a_token_is_given_for_the_right_keys_only(x: XServer) -> None:
    grant = {"data": {"grant_type": "client_credentials"}, "headers": {}}
    right = call(x, "POST", TOKEN, auth=(CONSUMER_KEY, CONSUMER_SECRET), **grant)
    assert right.json() == {"token_type": "bearer", "access_token": BEARER_TOKEN}
    wrong = call(x, "POST", TOKEN, auth=(CONSUMER_KEY, "wrong"), **grant)
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (403, 99)


@pytest.mark.parametrize("path", [RULES, STREAM])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_a_request_without_the_token_is_rejected(x: XServer, path: str, headers: Json) -> None:
    assert call(x, "GET", path, headers=headers).status_code == 401


def test_other_paths_do_not_exist(x: XServer) -> None:
    assert call(x, "GET", "/1.1/statuses/filter.json").status_code == 404


# Rules


def test_rules_are_added_listed_and_deleted(x: XServer) -> None:
    added = call(x, "POST", RULES, json={"add": [{"value": "tea OR buns", "tag": "food"}]})
    assert (added.status_code, added.json()["meta"]["summary"]["created"]) == (201, 1)
    listed = call(x, "GET", RULES).json()
    assert [(rule["value"], rule["tag"]) for rule in listed["data"]] == [
        (TERM, "lanterns"),
        ("tea OR buns", "food"),
    ]
    ids = [rule["id"] for rule in listed["data"]]
    deleted = call(x, "POST", RULES, json={"delete": {"ids": [*ids, "5"]}})
    assert deleted.json()["meta"]["summary"] == {"deleted": 2, "not_deleted": 1}
    assert (deleted.status_code, deleted.json()["errors"][0]["title"]) == (200, "Invalid Request")
    assert "data" not in call(x, "GET", RULES).json()


def test_a_rule_is_added_once(x: XServer) -> None:
    again = call(x, "POST", RULES, json={"add": [{"value": TERM}]})
    assert (again.status_code, again.json()["errors"][0]["title"]) == (200, "DuplicateRule")
    assert again.json()["errors"][0]["id"] == x.rules[0].id


@pytest.mark.parametrize(
    "value",
    ["", "tea OR", "OR tea", "lang:en", "tea -coffee", "(tea buns)", "(tea OR buns) hot", '""', "a" * 1025],
)
def test_a_rule_that_is_not_understood_is_rejected(x: XServer, value: str) -> None:
    answer = call(x, "POST", RULES, json={"add": [{"value": value}]}).json()
    assert answer["meta"]["summary"] == {"created": 0, "not_created": 1, "valid": 0, "invalid": 1}
    assert answer["errors"][0]["value"] == value
    assert answer["errors"][0]["details"]


@pytest.mark.parametrize(
    "change", [{"add": [{"value": "tea"}, {"value": "lang:en"}]}, {"delete": {"ids": ["RULE"]}}]
)
def test_a_dry_run_answers_like_the_change_and_makes_none(x: XServer, change: Json) -> None:
    before = x.rules
    body = json.loads(json.dumps(change).replace("RULE", before[0].id))
    dry = call(x, "POST", RULES, params={"dry_run": "true"}, json=body).json()
    assert x.rules == before
    assert call(x, "POST", RULES, json=body).json()["meta"]["summary"] == dry["meta"]["summary"]
    assert x.rules != before


def test_a_change_of_rules_has_no_other_parameter(x: XServer) -> None:
    assert (
        call(x, "POST", RULES, params={"delete_all": "true"}, json={"add": [{"value": "a"}]}).status_code
        == 400
    )


@pytest.mark.parametrize("body", [{}, {"add": []}, {"add": [{"value": "a"}], "delete": {"ids": ["1"]}}, []])
def test_a_change_must_be_one(x: XServer, body: object) -> None:
    assert call(x, "POST", RULES, json=body).status_code == 400


@pytest.mark.parametrize(
    ("value", "matches"),
    [
        ("tea", True),
        ("TEA buns", True),
        ("tea coffee", False),
        ("bun", False),
        ("inger", False),
        ("coffee OR buns", True),
        ('"plum buns"', True),
        ('"buns plum"', False),
        ("coffee tea OR plum buns", True),
    ],
)
def test_a_rule_matches_words_and_phrases(value: str, matches: bool) -> None:
    assert Rule("1", value, None, x_rules.parse(value)).matches("ginger tea & plum buns") is matches


# The stream


def test_without_rules_there_is_no_stream() -> None:
    with XServer() as x:
        answer = call(x, "GET", STREAM)
    assert (answer.status_code, answer.json()["title"]) == (409, "RuleConfigurationIssue")


def test_an_app_has_one_connection(x: XServer) -> None:
    with call(x, "GET", STREAM, stream=True):
        second = call(x, "GET", STREAM)
        assert (second.status_code, second.json()["connection_issue"]) == (429, "TooManyConnections")
    assert len(posts(x, 1)) == 1


def test_an_app_may_ask_for_fifty_connections_in_a_quarter_of_an_hour(x: XServer) -> None:
    x.plan(*[Connection(0, ending="end")] * 50)
    assert [call(x, "GET", STREAM).status_code for _ in range(50)] == [200] * 50
    with call(x, "GET", STREAM, stream=True) as refused:
        assert (refused.status_code, refused.headers["x-rate-limit-remaining"]) == (429, "0")
    assert 0 < int(refused.headers["x-rate-limit-reset"]) - time.time() <= 900


def test_a_stale_connection_counts_until_it_is_terminated(x: XServer) -> None:
    x.plan(Connection(0, ending="end", is_stale=True))
    call(x, "GET", STREAM)
    query = {
        "status": "active",
        "endpoints": "filtered_stream",
        "connection.fields": "id,connected_at,endpoint_name",
    }
    [connection] = call(x, "GET", CONNECTIONS, params=query).json()["data"]
    assert set(connection) == {"id", "connected_at", "endpoint_name"}
    assert call(x, "GET", STREAM).status_code == 429

    done = call(x, "DELETE", CONNECTIONS, json={"uuids": [connection["id"], "unknown"]}).json()["data"]

    assert (done["successful_kills"], done["failed_kills"]) == (1, 1)
    assert call(x, "GET", CONNECTIONS).json() == {"meta": {"result_count": 0}}
    assert len(posts(x, 1)) == 1


def test_terminating_the_connections_of_the_stream_ends_them(x: XServer) -> None:
    with call(x, "GET", STREAM, stream=True):
        assert call(x, "DELETE", f"{CONNECTIONS}/filtered_stream").json()["data"]["successful_kills"] == 1
        assert not x.is_read


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", CONNECTIONS, {"params": {"status": "inactive"}}, 400),
        ("GET", CONNECTIONS, {"params": {"colour": "blue"}}, 400),
        ("DELETE", CONNECTIONS, {}, 400),
        ("DELETE", CONNECTIONS, {"json": {"uuids": []}}, 400),
        ("DELETE", CONNECTIONS, {"json": {"uuids": ["1"] * 101}}, 400),
        ("DELETE", f"{CONNECTIONS}/sample_stream", {}, 404),
        ("GET", f"{CONNECTIONS}/filtered_stream", {}, 405),
    ],
)
def test_connections_are_managed_in_no_other_way(
    x: XServer, method: str, path: str, options: Json, status: int
) -> None:
    assert call(x, method, path, **options).status_code == status


@pytest.mark.parametrize("query", [{"tweet.fields": "created_at,colour"}, {"colour": "blue"}])
def test_an_unknown_parameter_is_rejected(x: XServer, query: dict[str, str]) -> None:
    answer = call(x, "GET", STREAM, params=query)
    assert answer.status_code == 400
    assert "colour" in answer.json()["errors"][0]["message"]


def test_fields_that_are_not_requested_are_not_sent(x: XServer) -> None:
    members = [set(post) for post in posts(x, 80)]
    assert set.union(*members) == {"data", "matching_rules", "errors"}
    fields = [set(post["data"]) for post in posts(x, 80)]
    assert set.union(*fields) == {"id", "text", "edit_history_tweet_ids"}


def test_a_field_that_refers_does_not_bring_what_it_refers_to(x: XServer) -> None:
    got = posts(x, 80, **{"tweet.fields": "author_id,referenced_tweets"})
    assert any("referenced_tweets" in post["data"] for post in got)
    assert not any("includes" in post for post in got)


def test_fields_that_are_requested_are_sent(x: XServer) -> None:
    query = {
        "tweet.fields": "article,created_at,lang,note_tweet",
        "expansions": "author_id,referenced_tweets.id",
        "user.fields": "username",
    }
    got = posts(x, 80, **query)
    fields = set.union(*[set(post["data"]) for post in got])
    assert fields >= {"article", "created_at", "lang", "note_tweet", "author_id", "referenced_tweets"}
    assert set.union(*[set(post.get("includes", {})) for post in got]) == {"users", "tweets"}


def test_rules_that_match_are_named_beside_the_post(x: XServer) -> None:
    tea = x.add_rule("tea", "food")
    named = [[(str(rule["id"]), rule["tag"]) for rule in post["matching_rules"]] for post in posts(x, 80)]
    lanterns = (x.rules[0].id, "lanterns")
    assert {len(rules) for rules in named} == {1, 2}
    assert [lanterns, (tea.id, "food")] in named


def test_ids_are_new_all_the_time_and_repeats_keep_theirs(x: XServer) -> None:
    query = {"tweet.fields": "created_at"}
    ids = [post["data"]["id"] for post in posts(x, 200, **query) + posts(x, 100, **query)]
    lines = Path(__file__).parents[3].joinpath("local", "tweets.jsonl").read_text().splitlines()
    repeats = len(lines) - len({json.loads(line)["data"]["id"] for line in lines})
    assert repeats == 2
    assert 300 - 2 * 5 <= len(set(ids)) < 300


def test_a_rule_added_later_takes_effect_on_an_open_stream() -> None:
    with XServer() as x:
        x.add_rule("no post holds this")
        with call(x, "GET", STREAM, stream=True) as response:
            x.add_rule(TERM)
            assert json.loads(next(line for line in response.iter_lines() if line))["data"]


@pytest.mark.parametrize("rate", [None, 1_000])
def test_a_count_ends_the_posts_but_not_the_stream(rate: float | None) -> None:
    with XServer(rate=rate, count=100, keep_alive=0.02) as x:
        x.add_rule(TERM)
        with call(x, "GET", STREAM, stream=True) as response:
            chunks = response.iter_content(chunk_size=None)
            lines = itertools.chain.from_iterable(chunk.split(b"\r\n")[:-1] for chunk in chunks)
            assert all(json.loads(next(lines))["data"] for _ in range(100))
            assert [next(lines) for _ in range(3)] == [b"", b"", b""]
        assert x.delivered == 100


def test_poisonous_posts_are_too_large_for_the_table_and_small_enough_for_the_stream() -> None:
    with XServer(rate=None, poisonous=2) as x:
        x.add_rule(TERM)
        sizes = [len(json.dumps(post)) for post in posts(x, 60, **{"tweet.fields": "note_tweet"})]
    large = [number for number, size in enumerate(sizes) if size > 10_000]
    assert large == [9, 19]
    assert all(400 * 1024 < sizes[number] < 1024 * 1024 for number in large)


def test_the_script_is_played_in_order_and_then_forgotten() -> None:
    script = [Connection(2, raw=b"{half", ending="end"), Connection(0, ending="end")]
    with XServer(rate=None, script=script) as x:
        x.add_rule(TERM)
        first = call(x, "GET", STREAM).content
        assert (first.count(b"\r\n"), first[-5:]) == (2, b"{half")
        assert call(x, "GET", STREAM).content == b""
        assert len(posts(x, 3)) == 3


def test_a_reset_is_one() -> None:
    with XServer(script=[Connection(1, ending="reset")]) as x:
        x.add_rule(TERM)
        with pytest.raises(requests.RequestException):
            call(x, "GET", STREAM)


def test_a_client_that_does_not_read_does_not_hold_up_the_end() -> None:
    before = set(threading.enumerate())
    with XServer(rate=None) as x:
        x.add_rule(TERM)
        response = call(x, "GET", STREAM, stream=True)
        while (delivered := x.delivered) == 0 or threading.Event().wait(0.05) or x.delivered > delivered:
            pass  # until no buffer on the way takes any more
    response.close()
    assert set(threading.enumerate()) <= before


def test_a_taken_port_is_an_error() -> None:
    with XServer() as x, pytest.raises(OSError, match="Address already in use"):
        XServer(port=int(x.url.rpartition(":")[2]))
