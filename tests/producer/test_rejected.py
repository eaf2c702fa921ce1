"""Rejected input is kept beside the spool, and `--source rejected` sends it again."""

import gzip
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from event.types import load
from tests.producer.conftest import Producer, Stream, tweet, tweets
from tests.waiting import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tweets.jsonl"


def rejected_file(producer: Producer) -> Path:
    """Return the file of rejected input."""
    (found,) = producer.spool.rglob("rejected.jsonl")
    return found


def entries(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def without_id(number: int) -> str:
    return tweet(number).replace(f'"{number}"', "null", 1)


def fix(file: Path) -> None:
    """Give every input of a file an id."""
    lines = []
    for number, entry in enumerate(entries(file), start=1_000):
        entry["input"] = entry["input"].replace('"id": null', f'"id": "{number}"')
        lines.append(json.dumps(entry) + "\n")
    file.write_text("".join(lines))


def test_rejected_lines_are_kept_with_reason_file_and_line(producer: Producer, path: Path) -> None:
    path.write_bytes(tweet(1).encode() + b"{bad\r\n\n\xff\n" + tweet(2, "a" * 300).encode())

    done = producer.run("--source", "file", str(path))

    kept = entries(rejected_file(producer))
    assert done.code == 1
    assert [(entry["source"], entry["line"]) for entry in kept] == [(str(path), line) for line in (2, 4, 5)]
    assert [entry.get("input") for entry in kept] == ["{bad\r", None, tweet(2, "a" * 300).strip()]
    assert kept[1]["input_base64"] == "/w=="
    assert [entry["reason"] for entry in kept] == re.findall(
        "Rejected (?:line|tweet) .*?: (.*)", done.messages
    )
    assert (
        f"Rejected input is kept: after a fix, send it again with --source rejected {rejected_file(producer)}"
        in done.messages
    )


def test_a_line_that_is_too_long_is_mentioned_without_its_content(producer: Producer, path: Path) -> None:
    path.write_text(tweet(1) + "x" * (16 * 1024 * 1024 + 1) + "\n")

    producer.run("--source", "file", str(path))

    assert entries(rejected_file(producer)) == [
        {
            "reason": "longer than 16,777,216 bytes: the input was not kept",
            "source": str(path),
            "line": 2,
            "input": None,
        }
    ]


def test_the_printed_option_sends_again_what_is_valid_now_and_keeps_the_rest(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(tweet(1) + without_id(2) + without_id(3) + "{bad\n")
    first = producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    fix(file)
    options = re.findall("(--source rejected) (.*)", first.messages)[0]

    again = producer.run(*options[0].split(), options[1])

    assert (again.code, again.counts["sent"], again.counts["rejected"]) == (1, 2, 1)
    assert stream.ids == ["1", "1000", "1001"]
    assert f"Renamed {file} to rejected.1.jsonl" in again.messages
    (kept,) = entries(file)
    assert (kept["source"], kept["line"], kept["input"]) == (str(path), 4, "{bad")
    assert len(entries(file.with_name("rejected.1.jsonl"))) == 3


def test_input_that_stays_invalid_is_kept_each_time_and_grows_no_file(producer: Producer, path: Path) -> None:
    long = "x" * (16 * 1024 * 1024 + 1)
    path.write_bytes(b"{bad\n\xff\n" + long.encode() + b"\n" + b"\x01" * (16 * 1024 * 1024) + b"\n")
    producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    before = file.read_bytes()

    done = producer.run("--source", "rejected", str(file))

    assert done.code == 1
    assert done.counts["rejected"] == 4
    assert file.read_bytes() == before


def test_own_events_are_kept_as_they_were_given_and_sent_again(
    producer: Producer, stream: Stream, path: Path
) -> None:
    schema = load("order")
    path.write_text("\r\n".join([*schema.samples, *schema.invalid]))
    producer.run("--source", "file", str(path), "--event-type", "order")
    (kept,) = entries(rejected_file(producer))
    assert kept["input"] == schema.invalid[0]
    kept["input"] = schema.invalid[0].replace("-5", " 5.0")
    rejected_file(producer).write_text(json.dumps(kept))

    producer.run("--source", "rejected", str(rejected_file(producer)), "--event-type", "order")

    assert stream.stub.order[-1] == ("c-17", kept["input"].encode())


def test_half_a_line_is_rejected_and_kept(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_text("{bad\n")
    producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    file.rename(path)
    half = path.read_text()[:30]
    path.write_text(json.dumps({"source": "a", "line": 1, "input": tweet(1)}) + "\n" + half)

    done = producer.run("--source", "rejected", str(path))

    assert "Rejected line 2: cut off, or not a line of rejected.jsonl" in done.messages
    assert stream.ids == ["1"]
    (kept,) = entries(file)
    assert (kept["source"], kept["line"], kept["input"]) == (str(path), 2, half)


def test_an_interrupted_run_over_rejected_input_resumes(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text("".join(map(without_id, range(300))))
    producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    fix(file)
    process = producer.start("--source", "rejected", str(file), "--rate", "50")
    eventually(lambda: len(stream.ids) > 60)
    process.send_signal(signal.SIGINT)
    ended = producer.end(process)
    aside = re.findall("run it again with --source rejected (.*?);", ended.messages)[0]

    done = producer.run("--source", "rejected", aside)

    assert f"Resuming {aside} after line" in done.messages
    assert ended.counts["received"] + done.counts["received"] == 300
    assert sorted(map(int, stream.ids)) == list(range(1_000, 1_300))


def test_rejected_input_is_read_from_standard_input_and_from_gzip(
    producer: Producer, stream: Stream, path: Path
) -> None:
    lines = [json.dumps({"source": "a", "line": 1, "input": tweet(number)}) for number in range(2)]
    path.write_bytes(gzip.compress(lines[1].encode()))

    producer.run("--source", "rejected", "-", text=lines[0])
    producer.run("--source", "rejected", str(path))

    assert stream.ids == ["0", "1"]


def test_a_dry_run_keeps_nothing_and_renames_nothing(producer: Producer, path: Path) -> None:
    path.write_text("{bad\n" + tweet(1))
    producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    before = file.read_bytes()

    producer.run("--source", "file", str(path), "--dry-run")
    producer.run("--source", "rejected", str(file), "--dry-run")

    assert file.read_bytes() == before
    assert list(file.parent.glob("rejected*")) == [file]


def test_input_that_could_not_be_kept_makes_the_run_fail(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text("{bad\n" * 2 + tweet(1))
    producer.run("--source", "file", str(path))
    file = rejected_file(producer)
    file.unlink()
    file.mkdir()

    done = producer.run("--source", "file", str(path))

    assert (done.code, done.counts["sent"]) == (1, 1)
    assert done.messages.count("Rejected input is not kept") == 1
    assert f"2 rejected inputs were not kept: {file} cannot be written: Is a directory." in done.messages


def test_a_killed_run_has_kept_what_it_does_not_read_again(producer: Producer, path: Path) -> None:
    process = producer.start("--source", "file", "-", "--receipts")
    assert process.stdin
    assert process.stdout
    process.stdin.write("{bad\n" * 100 + tweets(range(1)))
    process.stdin.flush()
    safe = 0
    while safe < 50:
        safe = int(process.stdout.readline())
    process.kill()
    process.communicate()

    assert len(entries(rejected_file(producer))) >= min(safe, 100)
