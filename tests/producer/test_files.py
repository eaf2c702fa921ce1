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
