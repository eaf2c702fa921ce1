"""Files of other forms on the command line: exit codes, counts, and what a second run does."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from tests.producer.conftest import Producer, Stream, tweet, tweets
from tests.producer.test_resume import interrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tweets.json"


def test_a_file_that_must_be_unpacked_first_has_exit_code_2(producer: Producer, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tweets.jsonl", tweets(range(3)))

    done = producer.run("--source", "file", str(path))

    assert done.code == 2
    assert done.messages.count("is a zip file: unpack it") == 1
    assert (done.counts["received"], "Rejected" in done.messages) == (0, False)


def test_padded_gzip_is_sent_each_time(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_bytes(gzip.compress(tweets(range(3)).encode()) + b"\0" * 5_000)

    runs = [producer.run("--source", "file", str(path)) for _ in range(2)]

    assert [(done.code, done.counts["sent"]) for done in runs] == [(0, 3), (0, 3)]
    assert set(stream.ids) == {"0", "1", "2"}


def test_a_killed_run_over_a_pretty_array_resumes(producer: Producer, stream: Stream, path: Path) -> None:
    messages = [json.loads(tweet(number)) for number in range(1_000)]
    path.write_text(json.dumps(messages, indent=2))
    interrupt(producer, stream, path)

    done = producer.run("--source", "file", str(path))

    assert done.code == 0
    assert f"Resuming {path} after value " in done.messages
    assert done.counts["received"] < 1_000
    assert {int(number) for number in stream.ids} == set(range(1_000))


def test_rejected_events_fail_the_run_unless_they_are_allowed(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(tweets(range(2)) + "{bad\n" * 2)

    codes = [
        producer.run("--source", "file", str(path), *option).code
        for option in ((), ("--max-rejected", "1"), ("--max-rejected", "2"))
    ]

    assert codes == [1, 1, 0]
    assert stream.ids == ["0", "1"] * 3


def test_a_run_whose_events_were_rejected_reads_the_whole_file_again(producer: Producer, path: Path) -> None:
    path.write_text(tweets(range(2)) + "{bad\n")

    counts = [producer.run("--source", "file", str(path)).counts["received"] for _ in range(2)]

    assert counts == [3, 3]


def test_standard_input_may_be_an_array(producer: Producer, stream: Stream) -> None:
    messages = [json.loads(tweet(number)) for number in range(3)]

    done = producer.run("--source", "file", "-", text=json.dumps(messages, indent=1))

    assert (done.code, stream.ids) == (0, ["0", "1", "2"])
    assert "standard input: a JSON array." in done.messages


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "bluesky", "--max-rejected", "1"),
        ("--source", "bluesky", "--username", "mia"),
        ("--source", "rejected", "-", "--username", "mia"),
    ],
)
def test_the_options_of_files_need_a_file(producer: Producer, arguments: tuple[str, ...]) -> None:
    done = producer.run(*arguments)

    assert (done.code, "needs --source file" in done.messages) == (2, True)


def jetstream(rkey: str, operation: str = "create", text: str = "a kite") -> str:
    """An event of Jetstream as a line: a new post, or a deleted one."""
    record = {"record": {"text": text, "createdAt": "2026-11-23T14:41:28Z"}} if operation == "create" else {}
    commit = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": rkey, **record}
    event = {"did": "did:plc:mia", "time_us": 1_795_444_888_000_000, "kind": "commit", "commit": commit}
    return json.dumps(event) + "\n"


NOTICE = json.dumps({"delete": {"status": {"id": 1, "user_id": 7}}}) + "\n"


def test_deletions_follow_their_posts_on_the_stream_and_are_counted(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(jetstream("3a") + jetstream("3b") + jetstream("3a", "delete") + NOTICE)

    done = producer.run("--source", "file", str(path))

    assert done.code == 0
    assert (done.counts["received"], done.counts["sent"]) == (3, 3)
    assert (done.counts["deletions"], done.counts["left_out"]) == (1, 1)
    text = done.log[-1]["text"]
    assert "received 3 = sent 3 + spooled 0 + rejected 0; deletions 1, left out 1; retried 0; " in text
    assert {key for key, _ in stream.stub.order} == {"did:plc:mia"}
    assert [json.loads(data).get("id", "deletion") for _, data in stream.stub.order] == [
        "3a",
        "3b",
        "deletion",
    ]
    assert json.loads(stream.stub.order[2][1])["key"] == {"Username": "did:plc:mia", "Id": "3a"}


def test_no_deletions_leaves_them_out_and_counts_them(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_text(jetstream("3a") + jetstream("3a", "delete"))

    done = producer.run("--source", "file", str(path), "--no-deletions")

    assert (done.code, stream.ids) == (0, ["3a"])
    assert "received 1 = sent 1 + spooled 0 + rejected 0; deletions 0, left out 1; " in done.log[-1]["text"]


def test_the_deletions_of_a_dry_run_can_be_sent(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_text(jetstream("3a") + jetstream("3a", "delete") + jetstream("3b"))
    printed = producer.run("--source", "file", str(path), "--dry-run")
    assert printed.log[-1]["text"] == "received 3 = printed 3 + rejected 0; deletions 1, left out 0"
    path.write_text("\n".join(printed.lines))

    done = producer.run("--source", "file", str(path))

    assert (done.code, done.counts["sent"], done.counts["deletions"]) == (0, 3, 1)
    assert [json.loads(data).get("id") for _, data in stream.stub.order] == ["3a", None, "3b"]
    assert stream.stub.order[1][1].decode() == printed.lines[1]
