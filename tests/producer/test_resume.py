"""An interrupted run over a file resumes at its position; a feeder of standard input learns which lines are safe."""

import gzip
import json
import os
from pathlib import Path

import pytest

from local.stubs.kinesis import Fault
from tests.producer.conftest import Producer, Stream, tweet, tweets
from tests.waiting import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tweets.jsonl"


def saved_offset(producer: Producer) -> int:
    """Return the position in the file when the cursor was saved; 0 before that."""
    cursors = [json.loads(cursor.read_bytes()[9:]) for cursor in producer.spool.rglob("cursor.json")]
    return max((cursor["source"][2] for cursor in cursors if cursor.get("source")), default=0)


def interrupt(producer: Producer, stream: Stream, path: Path, after: int = 0) -> None:
    """Kill a run over a file that takes long, once its cursor is `after` bytes in and tweets have been stored."""
    process = producer.start("--source", "file", str(path), "--rate", "20")
    eventually(lambda: saved_offset(producer) > after)
    eventually(lambda: stream.ids)
    process.kill()
    process.communicate()


def test_a_killed_run_over_a_file_resumes_at_its_last_position(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(tweets(range(2_000)))
    interrupt(producer, stream, path)
    before = len(stream.ids)

    done = producer.run("--source", "file", str(path))

    assert done.code == 0
    assert f"Resuming {path} after line " in done.messages
    assert done.counts["received"] < 2_000
    assert {int(number) for number in stream.ids} == set(range(2_000))
    assert len(stream.ids) < 2_000 + before


def test_a_compressed_file_is_resumed_too(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_bytes(gzip.compress(tweets(range(1_000)).encode()))
    interrupt(producer, stream, path)

    done = producer.run("--source", "file", str(path))

    assert done.counts["received"] < 1_000
    assert {int(number) for number in stream.ids} == set(range(1_000))


def test_start_over_reads_a_file_from_its_beginning(producer: Producer, stream: Stream, path: Path) -> None:
    path.write_text(tweets(range(1_000)))
    interrupt(producer, stream, path)

    done = producer.run("--source", "file", str(path), "--start-over")

    assert done.counts["received"] == 1_000


def test_a_run_that_is_killed_while_it_sends_does_not_read_the_file_again(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(tweets(range(1_000)))
    stream.stub.faults = lambda _call, _keys: Fault(status=503)
    process = producer.start("--source", "file", str(path))
    eventually(
        lambda: any(b",1000," in cursor.read_bytes() for cursor in producer.spool.rglob("cursor.json"))
    )
    process.kill()
    process.communicate()
    stream.stub.faults = lambda _call, _keys: None

    done = producer.run("--source", "file", str(path))

    assert (done.counts["received"], done.counts["replayed"]) == (0, 1_000)
    assert sorted(map(int, stream.ids)) == list(range(1_000))
    assert producer.run("--source", "file", str(path)).counts["received"] == 1_000


@pytest.mark.parametrize("change", ["shorter", "moved"])
def test_a_file_whose_lines_have_moved_is_read_again(
    producer: Producer, stream: Stream, path: Path, change: str
) -> None:
    path.write_text("".join(tweet(number, text="x" * 5_000) for number in range(1_000)))
    interrupt(producer, stream, path, after=100_000)  # beyond the 64 KiB that identify a file
    offset = saved_offset(producer)
    content = path.read_bytes()
    before, after = content[: offset - 5], content[offset - 5 :]
    path.write_bytes(before + b"  " + after if change == "moved" else before[: before.rfind(b"\n") + 1])

    done = producer.run("--source", "file", str(path))

    assert "has changed since an earlier run was interrupted" in done.messages
    assert done.counts["received"] > 10


def test_a_file_name_may_be_any_bytes(producer: Producer, stream: Stream, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.jsonl")
    path.write_text(tweets(range(300)))

    interrupt(producer, stream, path)

    assert producer.run("--source", "file", str(path)).code == 0
    assert {int(number) for number in stream.ids} == set(range(300))


def test_another_file_at_the_same_path_is_read_from_its_beginning(
    producer: Producer, stream: Stream, path: Path
) -> None:
    path.write_text(tweets(range(1_000)))
    interrupt(producer, stream, path)
    path.write_text(tweets(range(5_000, 5_100)))

    done = producer.run("--source", "file", str(path))

    assert done.counts["received"] == 100


def test_a_finished_run_starts_at_the_beginning_the_next_time(producer: Producer, path: Path) -> None:
    path.write_text(tweets(range(100)))

    counts = [producer.run("--source", "file", str(path)).counts["received"] for _ in range(2)]

    assert counts == [100, 100]


def test_receipts_count_the_lines_that_are_safe(producer: Producer, stream: Stream) -> None:
    process = producer.start("--source", "file", "-", "--receipts")
    assert process.stdin
    assert process.stdout
    process.stdin.write(tweets(range(10)))
    process.stdin.flush()
    receipts = [int(process.stdout.readline())]
    while receipts[-1] < 10:
        receipts.append(int(process.stdout.readline()))
    process.kill()
    process.communicate()

    done = producer.run("--source", "file", "-", "--receipts", text=tweet(10) + "{bad\n\n")

    assert done.lines[-1] == "3"
    assert [int(line) for line in done.lines] == sorted({int(line) for line in done.lines})
    assert int(done.lines[0]) <= 3  # nothing of the run before
    assert receipts == sorted(set(receipts))
    assert {int(number) for number in stream.ids} == set(range(11))


def test_no_receipt_is_given_for_a_line_that_a_kill_would_lose(producer: Producer, stream: Stream) -> None:
    stream.stub.faults = lambda _call, _keys: Fault(status=503)
    process = producer.start("--source", "file", "-", "--receipts")
    assert process.stdin
    assert process.stdout
    process.stdin.write(tweets(range(3_000)))
    process.stdin.flush()
    safe = int(process.stdout.readline())
    process.kill()
    process.communicate()

    spooled = sum(path.read_bytes().count(b"\n") for path in producer.spool.rglob("*.log"))

    assert spooled >= safe > 0


def test_a_rejected_line_at_the_end_has_a_receipt_while_the_feeder_waits(producer: Producer) -> None:
    process = producer.start("--source", "file", "-", "--receipts")
    assert process.stdin
    assert process.stdout
    process.stdin.write(tweet(0) + "{bad\n")
    process.stdin.flush()
    while int(process.stdout.readline()) < 2:
        pass
    process.kill()
    process.communicate()


def test_receipts_that_cannot_be_written_end_the_run_in_order(producer: Producer, stream: Stream) -> None:
    process = producer.start("--source", "file", "-", "--receipts")
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, log = process.communicate(tweets(range(5)))

    assert process.returncode == 1
    assert "Standard output cannot be written" in log
    assert "received 5 = sent 5" in log
