"""The spool: its records, their order, and the effect of a crash, a full disk or damage."""

import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event.limits import MAX_RAISED_RECORD_BYTES
from event.types import load
from producer.errors import SpoolError
from producer.formats import Format
from producer.formats.own import OwnFormat
from producer.formats.tweets import TweetFormat
from producer.spooling.cursor import to_line
from producer.spooling.entry import Entry, StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import Spool
from stack.project import PROJECT
from tests.waiting import eventually

LIMIT = 1 << 30
TWEETS = TweetFormat()
CURSOR = {"taken": b"0", "waiting": b"[]", "segments": b"[]", "source": b"null"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def data(number: int, size: int = 0) -> bytes:
    return json.dumps({"username": f"u{number % 3}", "id": number, "text": "x" * size}).encode()


def record(number: int, size: int = 0) -> StreamRecord:
    return StreamRecord(f"u{number % 3}", data(number, size))


def fill(spool: Spool, numbers: range, size: int = 0) -> None:
    for number in numbers:
        spool.append(record(number, size))
    spool.flush()


def flushed(spool: Spool) -> int:
    """Write as much as possible, and count it."""
    spool.flush()
    return spool.appended


def numbers(entries: list[Entry]) -> list[int]:
    return [json.loads(entry.data)["id"] for entry in entries]


@contextmanager
def opened(
    directory: Path,
    limit: int = LIMIT,
    notify: Callable[[str], None] = pytest.fail,
    event_format: Format = TWEETS,
) -> Iterator[Spool]:
    spool = Spool(Folder(directory), event_format, limit, notify)
    yield spool
    spool.close()


def left(directory: Path, notify: Callable[[str], None] = pytest.fail) -> list[int]:
    """Return what the next start finds."""
    with opened(directory, notify=notify) as spool:
        entries = spool.take(10_000, LIMIT)
        assert spool.replayed == len(entries) == spool.waiting
        return numbers(entries)


def test_records_come_out_in_order_with_their_partition_keys(directory: Path) -> None:
    with opened(directory) as spool:
        fill(spool, range(5))

        entries = spool.take(3, LIMIT) + spool.take(3, LIMIT)

    assert numbers(entries) == [0, 1, 2, 3, 4]
    assert [entry.partition_key for entry in entries] == ["u0", "u1", "u2", "u0", "u1"]
    assert [entry.size for entry in entries] == [len(data(number)) + 2 for number in range(5)]


def test_a_partition_key_is_carried_to_the_stream_and_read_from_its_record_after_a_restart(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.spooling.spool._MAX_KEYS", 3)
    with opened(directory) as spool:
        for _ in range(4):
            spool.append(StreamRecord("carried", data(0)))
        spool.flush()
        taken = spool.take(1, LIMIT)
        spool.append(StreamRecord("carried", data(0)))
        spool.flush()
        taken += spool.take(9, LIMIT)
    with opened(directory) as spool:
        left = spool.take(9, LIMIT)

    # Three keys are held in memory; the fourth record finds no room, the fifth the room of the first.
    assert [entry.partition_key for entry in taken] == ["carried", "carried", "carried", "u0", "carried"]
    assert [entry.partition_key for entry in left] == ["u0"] * 5


def test_a_record_as_large_as_any_stream_takes_is_one_line_of_the_spool(directory: Path) -> None:
    orders = OwnFormat(load("order"), MAX_RAISED_RECORD_BYTES)
    sample = orders.schema.samples[0].encode()
    room = MAX_RAISED_RECORD_BYTES - len(sample) - len(orders.decode(sample).partition_key)
    lines = [sample, sample.replace(b"{", b"{" + b" " * room, 1), sample]

    with opened(directory, event_format=orders) as spool:
        for line in lines:
            spool.append(orders.decode(line))
        spool.flush()
        assert [entry.data for entry in spool.take(9, LIMIT)] == lines
    with opened(directory, event_format=orders) as spool:
        assert [entry.data for entry in spool.take(9, LIMIT)] == lines


def test_a_carriage_return_within_an_event_ends_no_line(directory: Path) -> None:
    orders = OwnFormat(load("order"))
    lines = [sample.replace(",", ",\r").encode() for sample in orders.schema.samples]

    def take() -> list[bytes]:
        return [entry.data for entry in spool.take(9, LIMIT)]

    with opened(directory, event_format=orders) as spool:
        for line in lines:
            spool.append(orders.decode(line))
        spool.flush()
        assert take() == lines
    with opened(directory, event_format=orders) as spool:
        assert take() == lines


def test_a_take_is_limited_in_bytes_but_returns_at_least_one_record(directory: Path) -> None:
    with opened(directory) as spool:
        fill(spool, range(3), size=100)
        two = 2 * (len(data(0, 100)) + 2)

        assert numbers(spool.take(500, two)) == [0, 1]
        assert numbers(spool.take(500, 1)) == [2]


def test_records_that_are_not_acknowledged_wait_at_the_next_start(directory: Path) -> None:
    with opened(directory) as spool:
        fill(spool, range(10))
        entries = spool.take(8, LIMIT)
        spool.acknowledge([entries[number] for number in (0, 1, 4, 6)])
        assert (spool.appended, spool.acknowledged, spool.waiting) == (10, 4, 6)

    assert left(directory) == [2, 3, 5, 7, 8, 9]
    assert left(directory) == [2, 3, 5, 7, 8, 9]


def test_a_spool_without_waiting_records_leaves_no_file(directory: Path) -> None:
    with opened(directory) as spool:
        fill(spool, range(10))
        spool.acknowledge(spool.take(10, LIMIT))

    assert list(directory.iterdir()) == []


def test_an_acknowledgement_after_the_end_has_no_effect(directory: Path) -> None:
    with opened(directory) as spool:
        fill(spool, range(1))
        entries = spool.take(1, LIMIT)
    spool.acknowledge(entries)

    assert spool.acknowledged == 0
    assert left(directory) == [0]


def test_segments_are_deleted_as_they_are_acknowledged(directory: Path) -> None:
    with opened(directory, limit=1 << 20) as spool:  # segments of an eighth of that
        fill(spool, range(40), size=10_000)
        assert len(list(directory.glob("*.log"))) == 3
        spool.acknowledge(spool.take(20, LIMIT))
        assert len(list(directory.glob("*.log"))) == 2

    assert left(directory) == list(range(20, 40))


def test_at_the_limit_the_appending_thread_waits_notifies_and_resumes(directory: Path) -> None:
    messages: list[str] = []
    with opened(directory, limit=1 << 20, notify=messages.append) as spool:
        appending = threading.Thread(target=fill, args=(spool, range(200), 10_000))
        appending.start()
        eventually(lambda: spool.blocked)
        assert spool.size <= 1 << 20
        assert 90 < spool.appended < 110
        assert messages == [
            "Reading paused: the spool has reached its limit of 1,048,576 bytes. "
            "Nothing is lost; reading resumes as the stream accepts the backlog."
        ]

        while spool.acknowledged < 200:
            spool.flush()
            spool.acknowledge(spool.take(50, LIMIT))
        appending.join()
        assert spool.blocked is None
        assert messages[1] == "Reading resumed."


def test_a_record_that_waits_when_the_run_ends_is_appended_beyond_the_limit(directory: Path) -> None:
    with opened(directory, limit=1 << 20, notify=lambda _: None) as spool:
        appending = threading.Thread(target=fill, args=(spool, range(106), 10_000))
        appending.start()
        eventually(lambda: spool.blocked)
        spool.stop()
        appending.join()

    assert (spool.appended, spool.unwritten) == (106, 0)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limit the size of this process's files to `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_on_a_full_disk_the_appending_thread_waits_notifies_and_loses_no_record(directory: Path) -> None:
    messages: list[str] = []
    with opened(directory, notify=messages.append) as spool:
        appending = threading.Thread(target=fill, args=(spool, range(100), 100))
        with full_disk(5_000):
            appending.start()
            eventually(lambda: spool.blocked)
            assert spool.appended < 100
        appending.join()
        eventually(lambda: flushed(spool) == 100)

        assert messages[0].startswith("Reading paused: the spool cannot be written: File too large.")
        assert numbers(spool.take(500, LIMIT)) == list(range(100))

    assert left(directory) == list(range(100))


def test_a_full_disk_accepts_records_again_once_the_stream_has_those_that_fill_it(directory: Path) -> None:
    with opened(directory, notify=lambda _: None) as spool:
        appending = threading.Thread(target=fill, args=(spool, range(200), 100))
        with full_disk(5_000):
            appending.start()
            while spool.acknowledged < 200:
                spool.flush()
                spool.acknowledge(spool.take(500, LIMIT))
        appending.join()

    assert left(directory) == []


def test_records_that_were_sent_while_the_cursor_found_no_room_are_not_missing(directory: Path) -> None:
    with opened(directory, limit=8_000) as spool:
        for number in range(20):
            fill(spool, range(number, number + 1), 100)
        spool.sync()
        with full_disk(0):
            spool.acknowledge(spool.take(20, LIMIT))
            assert list(directory.glob("*.sent"))
        killed = shutil.copytree(directory, directory.with_name("killed"))

    with opened(killed, limit=8_000) as spool:
        assert spool.missing == 0
        assert numbers(spool.take(20, LIMIT)) == [*range(14, 20)]  # of the last segment, which still grew
        spool.sync()
        assert not list(killed.glob("*.sent"))


def test_a_record_that_finds_no_room_on_the_disk_at_the_end_is_not_counted_as_appended(
    directory: Path,
) -> None:
    with opened(directory, notify=lambda _: None) as spool:
        fill(spool, range(1), 100)
        spool.stop()
        with full_disk(200):
            fill(spool, range(1, 3), 100)
            spool.close()

    assert (spool.appended, spool.unwritten) == (1, 2)

    assert left(directory) == [0]


def test_two_producers_cannot_share_a_spool(directory: Path) -> None:
    with opened(directory), pytest.raises(SpoolError, match=r"Another producer uses .* --spool"):
        Spool(Folder(directory), TWEETS, LIMIT, pytest.fail)


def test_a_directory_that_cannot_be_used_is_reported(directory: Path) -> None:
    directory.write_text("a file")

    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(Folder(directory), TWEETS, LIMIT, pytest.fail)


@pytest.mark.parametrize("name", ["notes.log", "7.log", "x0000000000000000000.log"])
def test_files_that_are_not_segments_stay(directory: Path, segment: Path, name: str) -> None:
    other = directory / name
    other.write_text("of somebody else")

    assert left(directory) == [1, 2, 3, 5, 6, 7, 8, 9]
    assert other.read_text() == "of somebody else"


def only_segment(directory: Path) -> Path:
    (path,) = directory.glob("*.log")
    return path


@pytest.fixture
def segment(directory: Path) -> Path:
    """A spool with the records 0 to 9, of which 0 and 4 are acknowledged; gives its one segment."""
    with opened(directory) as spool:
        fill(spool, range(10))
        entries = spool.take(10, LIMIT)
        spool.acknowledge([entries[0], entries[4]])
    return only_segment(directory)


def test_a_damaged_line_is_skipped_and_its_segment_kept_once_the_others_are_sent(
    directory: Path, segment: Path
) -> None:
    content = segment.read_bytes().replace(b'"id": 6', b'"id": 7')
    segment.write_bytes(content)
    messages: list[str] = []

    assert left(directory, messages.append) == [1, 2, 3, 5, 7, 8, 9]
    assert "1 unreadable lines" in messages[0]

    with opened(directory, notify=messages.append) as spool:
        spool.acknowledge(spool.take(10, LIMIT))
    assert segment.with_suffix(".corrupt").read_bytes() == content
    assert left(directory) == []


@pytest.mark.parametrize("inserted", [b"", b"!"])
def test_a_byte_too_many_or_too_few_keeps_every_record_that_can_be_read(
    directory: Path, segment: Path, inserted: bytes
) -> None:
    content = segment.read_bytes()
    segment.write_bytes(content[:20] + inserted + content[20 + (not inserted) :])

    # Acknowledged records cannot be distinguished from others.
    assert left(directory, lambda _: None) == list(range(1, 10))


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b'{"taken":1}'])
def test_a_cursor_with_other_members_is_renamed(directory: Path, segment: Path, content: bytes) -> None:
    for name in ("cursor.json", "cursor.copy.json"):
        (directory / name).write_bytes(to_line(content))

    assert left(directory, lambda _: None) == list(range(10))


def test_the_position_in_the_source_covers_only_written_records(directory: Path) -> None:
    with opened(directory, notify=lambda _: None) as spool:
        fill(spool, range(1), 100)
        assert spool.read_to is None
        with full_disk(200):
            spool.append(record(1, 100), ("tweets", 2, 300))
            spool.append(record(2, 100), ("tweets", 3, 450))
            spool.advance_source(("tweets", 4, 460))
            spool.stop()
            spool.finish_source(("tweets", 5, 470))
            assert spool.read_to is None
        spool.flush()
        assert spool.read_to == ("tweets", 5, 470)

    with opened(directory) as spool:
        assert spool.source == ("tweets", 5, 470)  # not all was sent
        assert spool.read_to is None
        spool.acknowledge(spool.take(10, LIMIT))
        spool.finish_source(("tweets", 5, 470))
    with opened(directory) as spool:
        assert spool.source is None


def test_half_a_line_at_the_end_is_skipped(directory: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:-5])

    assert left(directory, lambda _: None) == [1, 2, 3, 5, 6, 7, 8]


def test_zeros_that_a_power_failure_left_are_skipped(directory: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes() + bytes(5000))

    assert left(directory, lambda _: None) == [1, 2, 3, 5, 6, 7, 8, 9]


def test_a_second_damage_does_not_replace_the_file_renamed_at_the_first(directory: Path) -> None:
    for number in range(2):
        with opened(directory) as spool:
            fill(spool, range(number, number + 1))
        only_segment(directory).write_bytes(b"nonsense")
        for path in directory.glob("cursor*.json"):
            path.unlink()
        assert left(directory, lambda _: None) == []

    assert len(list(directory.glob("*.corrupt"))) == 2


def test_records_follow_a_damaged_segment_in_order(directory: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes() + b"nonsense\n")
    with opened(directory, notify=lambda _: None) as spool:
        fill(spool, range(10, 13))

        assert numbers(spool.take(500, LIMIT)) == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12]


def test_a_missing_segment_is_reported_with_the_number_of_its_tweets(directory: Path, segment: Path) -> None:
    segment.unlink()
    messages: list[str] = []

    with opened(directory, notify=messages.append) as spool:
        assert (spool.replayed, spool.missing) == (0, 8)

    assert messages == [
        f"The spool is incomplete: 8 tweets that an earlier run left in {directory} are missing. "
        "The others will be sent."
    ]


@settings(max_examples=60)
@given(length=st.integers(0, 700))
def test_a_segment_that_was_cut_off_is_reported_with_its_missing_tweets(
    tmp_path_factory: pytest.TempPathFactory, length: int
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    with opened(directory) as spool:
        fill(spool, range(10))
        spool.acknowledge(spool.take(6, LIMIT)[2:4])
    path = only_segment(directory)
    content = path.read_bytes()[:length]
    path.write_bytes(content)
    lines = content.splitlines(keepends=True)
    readable = sum(line.endswith(b"\n") for number, line in enumerate(lines) if number not in {2, 3})

    with opened(directory, notify=lambda _: None) as spool:
        assert (spool.replayed, spool.missing) == (readable, 8 - readable)


def test_the_record_of_a_damaged_line_is_missing_only_if_it_waited(directory: Path, segment: Path) -> None:
    content = segment.read_bytes()
    for number, missing in ((4, 0), (5, 1)):
        segment.write_bytes(content.replace(b'"id": %d' % number, b'"id": x'))
        (directory / "cursor.json").touch()
        with opened(directory, notify=lambda _: None) as spool:
            assert len(spool.take(10, LIMIT)) == 8 - missing
            assert (spool.replayed, spool.missing) == (8 - missing, missing)


def damage(segment: Path, line: bytes) -> None:
    """Make lines with some text unreadable; the size stays."""
    content = segment.read_bytes()
    assert line in content
    segment.write_bytes(content.replace(line, b"?" * len(line)))


@pytest.fixture
def segments(directory: Path) -> list[Path]:
    """A spool of five segments with ten records each, 0 to 49; gives the segments."""
    with opened(directory, limit=8 * 9_000) as spool:
        for start in range(0, 50, 10):
            fill(spool, range(start, start + 10), size=1_000)
    paths = sorted(directory.glob("*.log"))
    assert len(paths) == 5
    return paths


def test_a_segment_is_checked_when_its_records_are_due(directory: Path, segments: list[Path]) -> None:
    damage(segments[3], b'"id": 33')
    messages: list[str] = []
    with opened(directory, notify=messages.append) as spool:
        assert (spool.replayed, spool.unread, spool.missing) == (50, 50, 0)
        assert numbers(spool.take(30, LIMIT)) == list(range(30))
        assert messages == []

        assert numbers(spool.take(30, LIMIT)) == [*range(30, 33), *range(34, 50)]
        assert (spool.replayed, spool.unread, spool.waiting, spool.missing) == (49, 0, 49, 1)

    assert [message.partition(":")[0] for message in messages] == [
        "The spool is damaged",
        "The spool is incomplete",
    ]


def test_a_segment_without_a_readable_record_that_is_due_is_put_aside_in_the_end(
    directory: Path, segments: list[Path]
) -> None:
    damage(segments[4], b"username")
    with opened(directory, notify=lambda _: None) as spool:
        spool.acknowledge(spool.take(40, LIMIT))
        assert not spool.is_empty

        assert spool.take(10, LIMIT) == []
        assert spool.is_empty
        assert spool.missing == 10

    assert [path.name for path in directory.iterdir()] == [segments[4].with_suffix(".corrupt").name]


def test_records_that_damage_has_moved_within_a_segment_that_is_due_are_all_sent(
    directory: Path, segment: Path
) -> None:
    content = segment.read_bytes()
    segment.write_bytes(content[:20] + content[21:-1] + b"!\n")
    with opened(directory, notify=lambda _: None) as spool:
        assert spool.replayed == 8

        # Acknowledged records cannot be distinguished from others; the first line and the last are unreadable.
        entries = spool.take(10, LIMIT)
        assert numbers(entries) == list(range(1, 9))
        assert (spool.replayed, spool.unread, spool.missing) == (8, 0, 2)
        spool.acknowledge(entries[:5])

    assert left(directory, lambda _: None) == [6, 7, 8]


def test_damage_that_a_run_has_not_reached_is_found_by_the_next_one(
    directory: Path, segments: list[Path]
) -> None:
    damage(segments[3], b'"id": 33')
    with opened(directory) as spool:
        spool.acknowledge(spool.take(15, LIMIT))

    with opened(directory, notify=lambda _: None) as spool:
        assert numbers(spool.take(50, LIMIT)) == [*range(15, 33), *range(34, 50)]
        assert (spool.replayed, spool.missing) == (34, 1)


def test_a_segment_that_another_program_deletes_before_it_is_due_is_an_error(
    directory: Path, segments: list[Path]
) -> None:
    with opened(directory) as spool:
        segments[3].unlink()

        with pytest.raises(SpoolError, match="Another program has changed the spool"):
            spool.take(50, LIMIT)


def test_a_damaged_line_after_the_end_that_the_cursor_knows_is_missing_and_half_a_line_is_not(
    directory: Path, segment: Path
) -> None:
    for path in directory.glob("cursor*.json"):
        path.unlink()
    segment.write_bytes(segment.read_bytes().replace(b'"id": 4', b'"id": x')[:-5])

    with opened(directory, notify=lambda _: None) as spool:
        assert (spool.replayed, spool.missing) == (8, 1)


@settings(max_examples=60)
@given(
    offsets=st.sets(st.integers(1, 30_000), min_size=1, max_size=3),
    length=st.integers(0, 30_000),
    acknowledged=st.integers(0, 40),
)
def test_overlapping_segments_keep_every_record_in_order_and_end(
    tmp_path_factory: pytest.TempPathFactory, offsets: set[int], length: int, acknowledged: int
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    with opened(directory, limit=160_000) as spool:  # segments of 20,000 bytes
        fill(spool, range(60), size=1_000)
        spool.acknowledge(spool.take(40, LIMIT)[:acknowledged])
    original = sorted(directory.glob("*.log"))
    content = original[0].read_bytes()
    copied = content[: content[:length].rfind(b"\n") + 1]
    for offset in offsets:
        (directory / f"{int(original[0].stem) + offset:020d}.log").write_bytes(copied)
    lines = [line for path in sorted(directory.glob("*.log")) for line in path.read_bytes().splitlines()]

    with opened(directory, notify=lambda _: None) as spool:
        entries = spool.take(10_000, LIMIT)
        assert spool.unread == 0
        assert spool.replayed == len(entries)
        spool.acknowledge(entries)

    assert set(range(acknowledged, 60)) <= set(numbers(entries))
    assert [entry.data for entry in entries] == [line[9:] for line in lines][-len(entries) :]
    assert list(directory.iterdir()) == []


def test_overlapping_segments_are_reported_once_with_the_remedy(directory: Path, segment: Path) -> None:
    segment.with_name(f"{20:020d}.log").write_bytes(segment.read_bytes())
    messages: list[str] = []

    assert left(directory, messages.append) == [*range(10), *range(10)]
    assert left(directory) == [*range(10), *range(10)]

    assert len(messages) == 1
    assert "overlap" in messages[0]
    assert "give it as --spool" in messages[0]


def test_records_that_are_missing_beside_an_overlap_are_counted(directory: Path, segment: Path) -> None:
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.with_name(f"{20:020d}.log").write_bytes(lines[0])
    segment.write_bytes(b"".join(lines[:-3]))

    with opened(directory, notify=lambda _: None) as spool:
        assert spool.missing == 3
        assert numbers(spool.take(100, LIMIT)) == [*range(7), 0]


@pytest.mark.parametrize("base", [10**20 - 1, 1 << 62, (1 << 62) - 10])
def test_a_segment_whose_name_is_out_of_range_is_an_error_that_names_it(
    directory: Path, segment: Path, base: int
) -> None:
    strange = segment.with_name(f"{base:020d}.log")
    strange.write_bytes(segment.read_bytes())

    folder = Folder(directory)
    with pytest.raises(SpoolError, match=rf"{strange.name}, which no producer has written: move the file"):
        Spool(folder, TWEETS, LIMIT, pytest.fail)
    folder.close()

    strange.unlink()
    assert left(directory) == [1, 2, 3, 5, 6, 7, 8, 9]


def test_a_key_that_is_always_throttled_keeps_only_its_own_segment(directory: Path) -> None:
    with opened(directory, limit=1 << 20) as spool:
        fill(spool, range(1))
        throttled = spool.take(1, LIMIT)
        for start in range(1, 5_000, 100):
            fill(spool, range(start, start + 100), size=1_000)
            spool.acknowledge(spool.take(100, LIMIT))
        spool.sync()

        assert len(list(directory.glob("*.log"))) <= 2
        assert (directory / "cursor.json").stat().st_size < 200
        assert spool.waiting == len(throttled) == 1

    assert left(directory) == [0]


def test_a_wrong_cursor_sends_every_record_again_and_deletes_none(directory: Path, segment: Path) -> None:
    for name in ("cursor.json", "cursor.copy.json"):
        (directory / name).write_text('{"position":99999999999,"acknowledged":[]}')
    messages: list[str] = []

    assert left(directory, messages.append) == list(range(10))
    assert "cursor is damaged" in messages[0]


HUGE = st.integers(-(1 << 63), (1 << 64) - 1)
ANY = st.recursive(
    st.none() | st.booleans() | HUGE | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
)


@st.composite
def cursors(draw: st.DrawFn) -> object:
    """A cursor, some of whose members are something else."""
    number = st.integers(0, 1_000) | HUGE | st.booleans() | ANY
    members = {
        "taken": number,
        "waiting": st.lists(number, max_size=3) | ANY,
        "segments": st.lists(st.lists(number, min_size=2, max_size=4) | ANY, max_size=3) | ANY,
        "source": st.none() | st.tuples(st.text(max_size=5) | ANY, number, number) | ANY,
    }
    names = draw(st.sets(st.sampled_from(sorted(members))) | st.just(set(members)))
    return draw(st.fixed_dictionaries({name: members[name] for name in names}) | ANY)


def whatever(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


@settings(max_examples=60)
@given(
    contents=st.lists(cursors().map(whatever) | st.binary(max_size=30), min_size=1, max_size=2),
    sound=st.booleans(),
)
def test_a_cursor_of_any_content_leaves_a_spool_that_works(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], sound: bool
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    with opened(directory) as spool:
        fill(spool, range(5))
    for name, content in zip(("cursor.json", "cursor.copy.json"), contents * 2, strict=False):
        (directory / name).write_bytes(to_line(content) if sound else content)

    with opened(directory, notify=lambda _: None) as spool:
        before = spool.source
        assert before is None or [type(member) for member in before] == [str, int, int]
        fill(spool, range(5, 8))
        entries = spool.take(100, LIMIT)
        assert spool.unread == 0
        assert numbers(entries)[-3:] == [5, 6, 7]
    assert len(left(directory)) == len(entries)


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("member", ["taken", "waiting", "segments", "source", None])
def test_a_cursor_that_is_nested_deeply_is_renamed(
    directory: Path, segment: Path, depth: int, member: str | None
) -> None:
    nest = b"[" * depth + b"]" * depth
    members = [
        b'"%b":%b' % (name.encode(), nest if name == member else value) for name, value in CURSOR.items()
    ]
    content = b"{" + b",".join(members) + b"}" if member else nest
    for name in ("cursor.json", "cursor.copy.json"):
        (directory / name).write_bytes(to_line(content))
    messages: list[str] = []

    assert left(directory, messages.append) == list(range(10))
    assert "cursor is damaged" in messages[0]


@settings(max_examples=60)
@given(place=st.integers(min_value=0), bit=st.integers(0, 7), cut=st.booleans())
def test_no_damage_to_the_cursor_loses_a_record(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, cut: bool
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    with opened(directory) as spool:
        fill(spool, range(5))
        spool.acknowledge(spool.take(4, LIMIT)[:2])
    for path in directory.glob("cursor*.json"):
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content[: place % len(content)] if cut else content)

    assert set(left(directory, lambda _: None)) >= {2, 3, 4}


def test_a_damaged_cursor_is_renamed_and_its_copy_used(directory: Path, segment: Path) -> None:
    (directory / "cursor.json").write_text("{")
    messages: list[str] = []

    assert left(directory, messages.append) == [1, 2, 3, 5, 6, 7, 8, 9]
    assert (directory / "cursor.corrupt").exists()
    assert "cursor is damaged" in messages[0]


def test_a_cursor_that_is_older_than_the_segments_loses_no_record(directory: Path) -> None:
    with opened(directory, limit=1 << 20) as spool:
        fill(spool, range(40), size=10_000)
        spool.sync()
        spool.acknowledge(spool.take(30, LIMIT))
        old = (directory / "cursor.json").read_bytes()
    for name in ("cursor.json", "cursor.copy.json"):
        (directory / name).write_bytes(old)

    assert left(directory)[-10:] == list(range(30, 40))


def test_kill_9_loses_no_record_that_counts_as_received(directory: Path) -> None:
    program = f"""
import itertools, json
from pathlib import Path
from producer.formats.tweets import TweetFormat
from producer.spooling.entry import StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import Spool
spool = Spool(Folder(Path({str(directory)!r})), TweetFormat(), {LIMIT}, print)
for number in itertools.count():
    spool.append(StreamRecord("u", json.dumps({{"username": "u", "id": number}}).encode()))
    print(spool.appended, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=PROJECT) as process:
        assert process.stdout
        while int(process.stdout.readline()) < 500:
            pass
        process.kill()
        counted = [int(line) for line in process.stdout.read().split()]

    # The write that the kill cut short may have left half a line, of a record that did not count yet.
    entries = left(directory, notify=print)

    assert entries == list(range(len(entries)))
    assert len(entries) >= max(counted, default=500)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["append", "take", "acknowledge", "reopen"]), max_size=40), st.randoms())
def test_each_record_waits_until_it_is_acknowledged_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], chance: random.Random
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    spool, count, taken, waiting = (
        Spool(Folder(directory), TWEETS, 1 << 20, pytest.fail),
        0,
        list[Entry](),
        set[int](),
    )
    for step in steps:
        if step == "append":
            fill(spool, range(count, count + 3), size=chance.randrange(30_000))
            waiting |= set(range(count, count + 3))
            count += 3
        elif step == "take":
            taken += spool.take(chance.randrange(1, 5), LIMIT)
        elif step == "acknowledge":
            done = chance.sample(taken, chance.randrange(len(taken) + 1))
            spool.acknowledge(done)
            taken = [entry for entry in taken if entry not in done]
            waiting -= set(numbers(done))
        else:
            spool.close()
            spool, taken = Spool(Folder(directory), TWEETS, 1 << 20, pytest.fail), []
        assert spool.waiting == len(waiting)
    spool.close()

    assert left(directory) == sorted(waiting)
