"""The reader of the stream, across reshards, expired iterators and throttled reads."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.stubs import stream as stub
from local.stubs.http import serving
from ops.aws.stack import Stack
from ops.explore.stream import StreamReader, list_shards
from tests.ops.stack import DeployedStack, tombstone, tweet


class Stream:
    """A stream beside the stack's, with as many shards as a test wants."""

    def __init__(self, stack: DeployedStack, shards: int) -> None:
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.kinesis = stack.kinesis
        self.stack = Stack({"stream_name": self.name}, lambda: stack.outputs, stack.aws.endpoint)
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self._put = 0

    def reshard(self, shards: int) -> None:
        self.kinesis.update_shard_count(
            StreamName=self.name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
        )

    def put(self, count: int) -> set[str]:
        """Put tweets of many users on the stream; return their ids."""
        numbers = range(self._put, self._put + count)
        self._put += count
        self.kinesis.put_records(
            StreamName=self.name,
            Records=[{"Data": tweet(f"user-{n}", n), "PartitionKey": f"user-{n}"} for n in numbers],
        )
        return set(map(str, numbers))

    def open_shards(self) -> list[str]:
        listed = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        return [
            shard["ShardId"] for shard in listed if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]

    def expire_iterators(self) -> None:
        """Make the next read of the stack's client use an iterator that Kinesis no longer knows."""
        events = self.stack.kinesis.meta.events

        def replace(params: dict[str, Any], **_: Any) -> None:
            params["ShardIterator"] = "an iterator of more than five minutes ago"
            events.unregister("provide-client-params.kinesis.GetRecords", replace)

        events.register("provide-client-params.kinesis.GetRecords", replace)


@pytest.fixture
def stream(deployed: DeployedStack, request: pytest.FixtureRequest) -> Iterator[Stream]:
    """A stream with the number of shards that the test's parameter names, 1 without."""
    stream = Stream(deployed, getattr(request, "param", 1))
    yield stream
    stream.kinesis.delete_stream(StreamName=stream.name)


def minute_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def read(reader: StreamReader, rounds: int = 1) -> list[str]:
    """The ids of the tweets that some rounds read, sorted."""
    ids = [row.key[1] for _ in range(rounds) for record in reader.read() for row in record.rows]
    return sorted(ids, key=int)


def read_all(reader: StreamReader) -> list[str]:
    return sorted(
        (row.key[1] for page in reader.read_all() for record in page for row in record.rows), key=int
    )


def in_order(ids: set[str]) -> list[str]:
    return sorted(ids, key=int)


def test_a_record_names_the_rows_that_are_gone_after_it(stream: Stream) -> None:
    reader = StreamReader(stream.stack, minute_ago())
    lines = [tweet("mia", 1), tombstone("mia", 1), tombstone("mia", 2), tweet("mia", 2), tombstone("mia", 3)]
    stream.kinesis.put_record(StreamName=stream.name, Data=b"\n".join(lines), PartitionKey="mia")

    (record,) = reader.read()

    assert [row.key for row in record.rows] == [("mia", "1"), ("mia", "2")]
    assert record.deleted == {("mia", "1"), ("mia", "3")}


@pytest.mark.parametrize(("stream", "after"), [(8, 16), (4, 2)], indirect=["stream"])
def test_a_reader_continues_with_the_children_of_the_shards_that_a_reshard_closes(
    stream: Stream, after: int
) -> None:
    reader = StreamReader(stream.stack, minute_ago(), max_shards=16)
    before = stream.put(200)
    stream.reshard(after)
    put = before | stream.put(200)
    assert read(reader, rounds=2) == in_order(put)
    assert reader.shards == stream.open_shards()
    assert (read(reader), reader.open_shards) == ([], after)


@pytest.mark.parametrize("stream", [2], indirect=True)
def test_children_that_another_reshard_closed_are_read_too(stream: Stream) -> None:
    reader = StreamReader(stream.stack)
    put = stream.put(50)
    for shards in (4, 8):
        stream.reshard(shards)
        put |= stream.put(50)
    assert read(reader, rounds=3) == in_order(put)


@pytest.mark.parametrize("stream", [8], indirect=True)
def test_a_reader_that_starts_after_a_reshard_reads_the_open_shards_first(stream: Stream) -> None:
    before = stream.put(200)
    stream.reshard(16)
    after = stream.put(200)
    limited = StreamReader(stream.stack, minute_ago(), max_shards=16)
    assert limited.shards == stream.open_shards()
    assert read(limited) == in_order(after)
    assert read_all(StreamReader(stream.stack, minute_ago())) == in_order(before | after)


@pytest.mark.parametrize("stream", [4], indirect=True)
def test_a_reader_of_a_time_leaves_out_shards_that_were_closed_before(stream: Stream) -> None:
    stream.reshard(2)
    stream.put(20)
    closed = datetime.now(UTC)
    assert StreamReader(stream.stack, closed).shards == stream.open_shards()
    assert StreamReader(stream.stack).shards == stream.open_shards()


@pytest.mark.parametrize("stream", [32], indirect=True)
def test_a_limited_reader_reads_as_many_open_shards_as_it_may_also_after_a_reshard(stream: Stream) -> None:
    reader = StreamReader(stream.stack, max_shards=16)
    assert (len(reader.shards), reader.open_shards) == (16, 32)
    stream.reshard(16)  # which leaves 8 children of those that were read
    read(reader, rounds=2)
    assert set(reader.shards) == set(stream.open_shards())
    assert reader.open_shards == 16
    put = stream.put(100)
    assert read(reader) == in_order(put)


@pytest.mark.parametrize("stream", [16], indirect=True)
def test_a_limited_reader_never_reads_more_shards_than_its_limit(stream: Stream) -> None:
    reader = StreamReader(stream.stack, max_shards=16)
    stream.reshard(32)
    read(reader, rounds=2)
    assert (len(reader.shards), reader.open_shards) == (16, 32)
    assert set(reader.shards) <= set(stream.open_shards())


def test_a_read_up_to_now_includes_the_children_of_a_shard_that_ends_meanwhile(stream: Stream) -> None:
    reader = StreamReader(stream.stack, minute_ago())
    put = stream.put(50)
    stream.reshard(2)
    put |= stream.put(50)
    assert read_all(reader) == in_order(put)


def test_a_read_up_to_a_time_ends_there_however_many_arrive_behind_it() -> None:
    now = datetime.now(UTC)
    with serving(stub.Stream(1, 400, 60).answer) as url:
        reader = StreamReader(Stack(stub.OUTPUTS, dict, url), now - timedelta(seconds=50))
        (page,) = reader.read_all(end := now - timedelta(seconds=40))

    arrivals = [record.arrived for record in page]
    assert arrivals == sorted(arrivals)
    assert end - timedelta(seconds=0.1) < arrivals[-1] < end


def test_a_reader_continues_after_its_last_record_when_an_iterator_has_expired(stream: Stream) -> None:
    reader = StreamReader(stream.stack)
    first = stream.put(3)
    assert read(reader) == in_order(first)
    stream.expire_iterators()
    second = stream.put(3)
    assert read(reader, rounds=2) == in_order(second)


def test_an_iterator_that_expires_before_the_first_record_skips_nothing(stream: Stream) -> None:
    reader = StreamReader(stream.stack)
    stream.expire_iterators()
    put = stream.put(3)
    assert read(reader, rounds=2) == in_order(put)


def test_a_read_that_other_readers_crowd_out_is_repeated(
    stream: Stream, deployed: DeployedStack, stack: DeployedStack
) -> None:
    reader = StreamReader(stream.stack, minute_ago())
    put = stream.put(3)
    stack.aws.faults.set("kinesis:GetRecords", throttle=1, times=20)
    assert read_all(reader) == in_order(put)


@pytest.mark.parametrize(
    ("busy", "numbers"),
    [
        ({"rate": 1000, "start": 120}, (10, 10)),
        ({"rate": 100, "start": 120, "size": 20_000}, (10, 4)),
        ({"rate": 1, "start": 30, "end": 22}, (8, 0)),
    ],
    ids=["many", "large", "few"],
)
def test_a_sample_has_a_few_of_the_newest_records_however_many_arrive(
    busy: dict[str, Any], numbers: tuple[int, int]
) -> None:
    with serving(stub.Stream(shards=2, **busy).answer) as url:
        reader = StreamReader(Stack({}, lambda: stub.OUTPUTS, url), minute_ago())
        before = datetime.now(UTC)
        first, second = ([record.arrived for record in reader.sample()] for _ in range(2))

    assert (len(first), len(second)) == (2 * numbers[0], 2 * numbers[1])
    assert all(arrived >= before - timedelta(seconds=2) for arrived in second)


@pytest.mark.parametrize("stream", [5], indirect=True)
def test_shards_are_listed_page_by_page(stream: Stream) -> None:
    listed = [shard["ShardId"] for shard in list_shards(stream.kinesis, StreamName=stream.name, MaxResults=2)]
    assert listed == stream.open_shards()
