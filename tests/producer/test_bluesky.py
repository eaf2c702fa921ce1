"""The producer on a Jetstream, as a process: neither a kill nor a restart leaves a gap."""

import json
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from benchmarks import bluesky
from local.stubs.jetstream import NSID, JetstreamStub
from tests.producer.conftest import Producer, Stream
from tests.waiting import eventually

OLD, NEW = "/subscribe", f"/xrpc/{NSID}"


class Server(NamedTuple):
    """A Jetstream, and its URL without a path."""

    stub: JetstreamStub
    url: str


@pytest.fixture
def server(producer: Producer, stream: Stream) -> Iterator[Server]:
    """A newer Jetstream, which the producer reads by number; its first post is an hour old."""
    stub = JetstreamStub(is_numbered=True, posts=0, first_us=time.time_ns() // 1000 - 3_600_000_000)
    with stub.serving() as url:
        producer.configure(stream.url, bluesky_endpoint=url + NEW)
        yield Server(stub, url)


def posts(stream: Stream) -> list[int]:
    """Return the numbers of the posts on the stream, in order."""
    return [int(identifier.removeprefix("post")) for identifier in stream.ids]


def until_stored(stream: Stream, number: int) -> None:
    """Wait until so many records are on the stream, repeated ones included."""
    eventually(lambda: len(stream.ids) >= number)


def saved_number(producer: Producer) -> int:
    """Return the number of the last event in the saved cursor; 0 before that."""
    cursors = [json.loads(cursor.read_bytes()[9:]) for cursor in producer.spool.rglob("cursor.json")]
    return max((cursor["source"][1] for cursor in cursors if cursor.get("source")), default=0)


@pytest.mark.parametrize("path", [OLD, NEW])
def test_no_kill_leaves_a_gap(producer: Producer, stream: Stream, server: Server, path: str) -> None:
    producer.configure(stream.url, bluesky_endpoint=server.url + path)
    server.stub.is_numbered = path == NEW
    server.stub.posts, server.stub.drop_after = 6_000, 2_500
    for kill in (1, 2):
        process = producer.start("--source", "bluesky")
        until_stored(stream, kill * 1_500)
        process.kill()
        process.communicate()
    process = producer.start("--source", "bluesky")
    eventually(lambda: len(set(posts(stream))) == 6_000)
    process.send_signal(signal.SIGTERM)
    assert producer.end(process).code == 0


def test_a_restart_leaves_no_gap_and_repeats_nothing(
    producer: Producer, stream: Stream, server: Server
) -> None:
    for before in (0, 100, 200):
        server.stub.posts = before + 100
        process = producer.start("--source", "bluesky")
        until_stored(stream, before + 100)
        process.send_signal(signal.SIGTERM)
        done = producer.end(process)
        assert done.code == 0
    assert "Resuming Bluesky where an earlier run ended, " in done.messages
    assert posts(stream) == list(range(300))


def test_start_over_begins_with_new_posts(producer: Producer, stream: Stream, server: Server) -> None:
    server.stub.posts = 100
    process = producer.start("--source", "bluesky")
    eventually(lambda: saved_number(producer) == 100)
    process.send_signal(signal.SIGTERM)
    producer.end(process)
    done = producer.run("--source", "bluesky", "--start-over", "--limit", "5")
    assert "Resuming" not in done.messages
    assert [asked.cursor for asked in server.stub.asked] == [None, None]


def test_posts_that_nobody_asked_for_move_the_saved_cursor(
    producer: Producer, stream: Stream, server: Server
) -> None:
    server.stub.posts = 50
    process = producer.start("--source", "bluesky", "--track", "nothing of the kind")
    eventually(lambda: saved_number(producer) == 50)
    process.send_signal(signal.SIGTERM)
    assert producer.end(process).code == 0
    assert stream.ids == []


def test_a_rejected_post_is_kept_and_can_be_sent_again(
    producer: Producer, stream: Stream, server: Server
) -> None:
    server.stub.posts = 2
    event = server.stub.frame(0)
    event["payload"]["rkey"] = "x" * 2_000
    server.stub.frame = lambda number: event if number == 0 else JetstreamStub.frame(server.stub, number)  # type: ignore[method-assign]
    process = producer.start("--source", "bluesky")
    eventually(lambda: posts(stream) == [1])
    process.send_signal(signal.SIGTERM)
    assert producer.end(process).counts["rejected"] == 1
    (kept,) = producer.spool.rglob("rejected.jsonl")
    again = producer.run("--source", "rejected", str(kept), "--dry-run")
    assert "an id of 2,000 bytes; the table takes 1 to 1,024" in again.messages


def test_an_endpoint_that_is_no_websocket_is_named(producer: Producer, stream: Stream) -> None:
    producer.configure(stream.url, bluesky_endpoint="https://jetstream.example.com")
    done = producer.run("--source", "bluesky", "--dry-run", "--event-type", "tweet")
    assert done.code == 2
    assert f"`bluesky_endpoint` in {producer.config} is `https://jetstream.example.com`: " in done.messages


def test_x_has_no_cursor_to_forget(producer: Producer) -> None:
    done = producer.run("--source", "x", "--start-over")
    assert done.code == 2
    assert "--start-over needs --source file or bluesky: X does not repeat posts." in done.messages


@pytest.mark.parametrize("is_numbered", [False, True], ids=["older", "newer"])
def test_every_post_arrives_over_a_connection_that_breaks_again_and_again(is_numbered: bool) -> None:
    done = bluesky.run(4_000, 1_500, 2_000, is_numbered=is_numbered)
    assert done.posts == 4_000
    assert done.connections == 3
    assert done.repeats <= (0 if is_numbered else 205 * 2)
    assert done.late < done.early * 1.1
