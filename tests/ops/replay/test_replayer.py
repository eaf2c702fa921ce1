"""The records that a replay sends and quarantines, and its checkpoint, against doubles of the services."""

import base64
import io
import json
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from event import types as event_types
from event.schema import Schema
from event.types.tweet import EVENT
from ops.errors import OptionsError, ReplayError
from ops.replay import replayer, shards
from ops.replay.checkpoint import Checkpoint
from ops.replay.replayer import Clients, Replayer, Target
from stack.filters.criteria import NO_FILTERS, FilterCriteria, parse_criteria
from tests.ops.stack import tweet

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-DDBEventProcessor"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
END = START + timedelta(hours=1)
SHARDS = ("shardId-000000000000", "shardId-000000000001")


class Account:
    """A stream of two shards, a function that fails for some records, and a bucket.

    Args:
        count: records of the first shard, whose numbers begin with 0; the second has as many.
        crashes, reports: numbers of the records for which the function fails, or that it reports.
        poison: numbers of the records that are not tweets, and that the function quarantines.
    """

    def __init__(
        self,
        count: int,
        crashes: Collection[int] = (),
        reports: Collection[int] = (),
        poison: Collection[int] = (),
    ) -> None:
        self.shards = {
            shard_id: [
                {
                    "SequenceNumber": str(number),
                    "PartitionKey": "ada",
                    "Data": encoded(b"never a tweet" if number in poison else tweet("ada", number)),
                    "ApproximateArrivalTimestamp": START.timestamp() + number,
                }
                for number in range(first, first + count)
            ]
            for shard_id, first in zip(SHARDS, (0, count), strict=True)
        }
        self.crashes, self.reports = set(crashes), set(reports)
        self.failing_reads: list[str] = []
        """Error codes of the next reads; an empty one lets a read succeed."""
        self.reads_left: dict[str, int] = {}
        """The number of reads of a shard before it expires."""
        self.exists = True
        self.denied_read: str | None = None
        self.expired_up_to = 0
        """Position before which a shard hands out nothing to an iterator that it gave out before."""
        self.parents: dict[str, str] = {}
        self.stored: list[int] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.events: list[int] = []
        """The size of each event."""

    def list_shards(self, *, StreamARN: str) -> Any:  # noqa: N803 # boto3's names
        assert StreamARN == STREAM
        if not self.exists:
            raise client_error("ResourceNotFoundException")
        return {
            "Shards": [
                {"ShardId": shard_id}
                | ({"ParentShardId": self.parents[shard_id]} if shard_id in self.parents else {})
                for shard_id in self.shards
            ]
        }

    def get_shard_iterator(self, *, ShardId: str, **request: Any) -> dict[str, str]:  # noqa: N803
        self._find(ShardId)
        self.expired_up_to = 0
        after = request.get("StartingSequenceNumber")
        numbers = [record["SequenceNumber"] for record in self.shards[ShardId]]
        return {"ShardIterator": f"{ShardId}/{numbers.index(after) + 1 if after else 0}"}

    def get_records(self, *, StreamARN: str, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        assert StreamARN == STREAM
        if self.failing_reads and (code := self.failing_reads.pop(0)):
            raise client_error(code)
        shard_id, _, position = ShardIterator.partition("/")
        if shard_id == self.denied_read:
            raise client_error("AccessDeniedException")
        self._find(shard_id)
        first = int(position)
        if self.expired_up_to > first > 0:
            return {"Records": [], "NextShardIterator": ShardIterator, "MillisBehindLatest": 86_400_000}
        page = self.shards[shard_id][first : first + min(10, Limit)]
        return {
            "Records": page,
            "NextShardIterator": f"{shard_id}/{first + len(page)}",
            "MillisBehindLatest": 0,
        }

    def _find(self, shard_id: str) -> None:
        """Let a shard expire whose time has come; raise an error for one that has expired."""
        if shard_id in self.reads_left:
            self.reads_left[shard_id] -= 1
            if self.reads_left[shard_id] < 0:
                self.shards.pop(shard_id, None)
        if shard_id not in self.shards or not self.exists:
            raise client_error("ResourceNotFoundException")

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert (FunctionName, Qualifier) == ("dev-DDBEventProcessor", "live")
        self.events.append(len(Payload))
        numbers = [int(record["kinesis"]["sequenceNumber"]) for record in json.loads(Payload)["Records"]]
        if self.crashes.intersection(numbers):
            crash = {"errorType": "Crash", "errorMessage": "made up"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(crash).encode())}
        failed = [number for number in numbers if number in self.reports]
        self.stored += [number for number in numbers if number not in failed]
        answer = {"batchItemFailures": [{"itemIdentifier": str(number)} for number in failed]}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_object(self, *, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803
        self.objects[Key] = json.loads(Body)


def encoded(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "made up"}}, "Operation")


@pytest.fixture(autouse=True)
def without_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(shards, "READ_SECONDS", 0)
    monkeypatch.setattr(shards, "RETRY_SECONDS", 0)
    monkeypatch.setattr(replayer, "_BASE_DELAY", 0)


def checkpoint(folder: Path, *shard_ids: str) -> Checkpoint:
    """Begin a replay of some shards, of the first one by default."""
    positions = dict.fromkeys(shard_ids or SHARDS[:1])
    return Checkpoint(folder / "checkpoint.json", STREAM, FUNCTION, START, END, positions)


def replay(
    account: Any,
    progress: Checkpoint,
    stop_after: int | None = None,
    **options: Any,
) -> None:
    """Run a replay, which a person interrupts after some batches if given."""
    stop = threading.Event()
    batches = iter(range(stop_after or 1_000_000, 0, -1))

    def on_progress(_shard: str, _arrival: float) -> None:
        if next(batches) == 1:
            stop.set()

    replayer_of(account, progress, stop=stop, on_progress=on_progress, **options).run()


def replayer_of(
    account: Any,
    progress: Checkpoint,
    *,
    batch_size: int = 7,
    event: Schema = EVENT,
    filters: FilterCriteria = NO_FILTERS,
    retention: timedelta = timedelta(days=36_500),
    stop: threading.Event | None = None,
    on_progress: Callable[[str, float], None] = lambda _shard, _arrival: None,
) -> Replayer:
    return Replayer(
        Clients(account, account, account),
        Target(event, "dev-DDBEventProcessor", "role", "bucket", filters),
        progress,
        retention=retention,
        batch_size=batch_size,
        rate=1_000_000,
        stop=stop or threading.Event(),
        on_progress=on_progress,
    )


NUMBERS = st.sets(st.integers(0, 24), max_size=4)


@settings(max_examples=40, deadline=None)
@given(crashes=NUMBERS, reports=NUMBERS, interrupted_after=st.none() | st.integers(1, 3))
def test_every_record_is_handled_or_quarantined_and_the_sum_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    crashes: set[int],
    reports: set[int],
    interrupted_after: int | None,
) -> None:
    account = Account(25, crashes, reports)
    progress = checkpoint(tmp_path_factory.mktemp("replay"))
    if interrupted_after:
        replay(account, progress, interrupted_after)
        assert not progress.is_finished
        progress = Checkpoint.load(progress.path)
    replay(account, progress)
    quarantined = {int(body["sequenceNumber"]) for body in account.objects.values()}
    assert progress.is_finished
    assert quarantined == crashes | reports
    assert set(account.stored) == set(range(25)) - quarantined
    assert (progress.records, progress.refused) == (25, len(quarantined))
    first_times = list(dict.fromkeys(account.stored))
    last_times = list(dict.fromkeys(reversed(account.stored)))
    assert first_times == sorted(first_times)
    assert last_times == sorted(last_times, reverse=True)


@settings(max_examples=40, deadline=None)
@given(wanted=st.sets(st.integers(0, 24)), crashes=NUMBERS, interrupted_after=st.none() | st.integers(1, 3))
@example(wanted=set(), crashes=set(), interrupted_after=None)
@example(wanted={0}, crashes={0}, interrupted_after=1)
@example(wanted={24}, crashes=set(), interrupted_after=None)
def test_records_that_the_mappings_filters_drop_are_not_sent_but_counted(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: set[int],
    crashes: set[int],
    interrupted_after: int | None,
) -> None:
    account = Account(25, crashes)
    progress = checkpoint(tmp_path_factory.mktemp("replay"))
    ids = json.dumps([str(number) for number in wanted])
    filters = parse_criteria([f'{{"data": {{"id": {ids}}}}}' if wanted else '{"data": {"id": ["none"]}}'])
    sent = wanted - crashes
    if sent or not crashes & wanted:  # otherwise the function fails for every record
        replay(account, progress, interrupted_after, filters=filters)
        if not progress.is_finished:
            progress = Checkpoint.load(progress.path)
            replay(account, progress, filters=filters)
        assert set(account.stored) == sent
        assert (progress.records, progress.filtered) == (len(wanted), 25 - len(wanted))
        assert progress.refused == len(account.objects) == len(wanted & crashes)


def test_a_record_that_the_filters_drop_is_no_witness(tmp_path: Path) -> None:
    account, progress = Account(25, crashes={0}), checkpoint(tmp_path)
    with pytest.raises(ReplayError, match="fails for every record"):
        replay(account, progress, filters=parse_criteria(['{"data": {"id": ["0"]}}']))
    assert account.stored == []


def test_a_function_that_fails_for_every_record_ends_the_replay_and_nothing_goes_to_quarantine(
    tmp_path: Path,
) -> None:
    account, progress = Account(60, crashes=range(120)), checkpoint(tmp_path, *SHARDS)
    with pytest.raises(ReplayError, match=r"fails for every record.*: Crash: made up\. Nothing was put into"):
        replay(account, progress, batch_size=10)
    assert account.objects == {}
    assert (progress.records, progress.refused) == (0, 0)
    assert len(account.events) < 40


def test_a_function_that_begins_to_fail_ends_the_replay_where_it_is(tmp_path: Path) -> None:
    account, progress = Account(25), checkpoint(tmp_path)
    replay(account, progress, stop_after=2)
    account.crashes = set(range(25))
    with pytest.raises(ReplayError):
        replay(account, progress)
    assert account.objects == {}
    assert progress.records == 14
    account.crashes = set()
    replay(account, progress)
    assert (progress.records, progress.refused, progress.is_finished) == (25, 0, True)


def test_that_the_function_quarantines_a_record_does_not_prove_that_it_can_store_one(tmp_path: Path) -> None:
    poison = {0, 3, 5}
    account = Account(25, crashes=set(range(25)) - poison, poison=poison)
    with pytest.raises(ReplayError):
        replay(account, checkpoint(tmp_path))
    assert account.objects == {}


@pytest.mark.parametrize("name", event_types.event_types())
def test_only_an_event_of_the_stacks_type_proves_that_the_function_can_store_one(
    name: str, tmp_path: Path
) -> None:
    event = event_types.load(name)
    account = Account(3, crashes={0})
    for record, message in zip(
        account.shards[SHARDS[0]], (event.samples[0], event.invalid[0], event.invalid[0]), strict=True
    ):
        record["Data"] = encoded(message.encode())
    with pytest.raises(ReplayError):
        replay(account, checkpoint(tmp_path), batch_size=1, event=event)
    assert account.objects == {}

    account.shards[SHARDS[0]][2]["Data"] = encoded(event.samples[1].encode())
    replay(account, checkpoint(tmp_path), batch_size=1, event=event)
    assert [body["sequenceNumber"] for body in account.objects.values()] == ["0"]


def test_records_at_fault_at_the_beginning_of_every_shard_are_quarantined(tmp_path: Path) -> None:
    account, progress = Account(3, crashes={0, 1, 2, 3}), checkpoint(tmp_path, *SHARDS)
    replay(account, progress, batch_size=1)
    assert {int(body["sequenceNumber"]) for body in account.objects.values()} == {0, 1, 2, 3}
    assert (progress.records, progress.refused, progress.is_finished) == (6, 4, True)


@pytest.mark.parametrize(
    "reads", [0, 1, 2], ids=["before it is read", "after its iterator", "while it is read"]
)
def test_a_shard_that_expires_does_not_end_the_replay_of_the_others(tmp_path: Path, reads: int) -> None:
    account, progress = Account(25), checkpoint(tmp_path, *SHARDS)
    account.reads_left = {SHARDS[0]: reads}
    replay(account, progress)
    assert set(account.stored) >= set(range(25, 50))
    assert (progress.finished, progress.expired, progress.is_finished) == ([SHARDS[1]], [SHARDS[0]], True)
    assert progress.records == len(account.stored)
    assert Checkpoint.load(progress.path) == progress


def test_shards_are_replayed_at_the_same_time(tmp_path: Path) -> None:
    class Waiting(Account):
        both = threading.Barrier(2)

        def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
            self.both.wait()
            return super().invoke(FunctionName=FunctionName, Qualifier=Qualifier, Payload=Payload)

    account, progress = Waiting(25), checkpoint(tmp_path, *SHARDS)
    replay(account, progress)
    assert sorted(account.stored) == list(range(50))
    assert (progress.records, sorted(progress.finished)) == (50, list(SHARDS))


def test_a_shard_is_replayed_once_its_parents_are(tmp_path: Path) -> None:
    account, progress = Account(25), checkpoint(tmp_path, *SHARDS)
    account.parents = {SHARDS[1]: SHARDS[0]}
    replay(account, progress)
    assert account.stored == list(range(50))


def test_an_error_on_one_shard_ends_the_others_at_their_checkpoints(tmp_path: Path) -> None:
    account, progress = Account(25), checkpoint(tmp_path, *SHARDS)
    account.denied_read = SHARDS[1]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        replay(account, progress)
    assert Checkpoint.load(progress.path) == progress
    assert progress.records == len(account.stored)

    account.denied_read = None
    replay(account, Checkpoint.load(progress.path))
    assert [number for number in account.stored if number < 25] == list(range(25))
    assert [number for number in account.stored if number >= 25] == list(range(25, 50))


def test_nothing_else_is_sent_while_a_replay_looks_for_a_record_that_the_function_stores(
    tmp_path: Path,
) -> None:
    class Counting(Account):
        under_way = 0
        beside_a_search: set[int]

        def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
            searching = run._gate._is_closed
            self.under_way += 1
            try:
                # A call that comes now would be beside this one: the other shard waits for nothing else.
                threading.Event().wait(0.005 if searching else 0.0)
                if searching:
                    self.beside_a_search.add(self.under_way)
                return super().invoke(FunctionName=FunctionName, Qualifier=Qualifier, Payload=Payload)
            finally:
                self.under_way -= 1

    account, progress = Counting(25, crashes=set(range(0, 50, 3))), checkpoint(tmp_path, *SHARDS)
    account.beside_a_search = set()
    run = replayer_of(account, progress)
    run.run()
    assert account.beside_a_search == {1}
    assert (progress.records, progress.refused) == (50, 17)


@pytest.mark.parametrize("missing", [range(7, 14), range(7, 25)], ids=["in the middle", "up to the end"])
def test_records_that_expire_before_they_are_read_are_counted_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: range
) -> None:
    account, progress = Account(25), checkpoint(tmp_path)
    minutes = 60  # between two records
    for number, record in enumerate(account.shards[SHARDS[0]]):
        record["ApproximateArrivalTimestamp"] = START.timestamp() + number * minutes
    clock = START.timestamp() + 25 * minutes
    monkeypatch.setattr("ops.replay.shards.time.time", lambda: clock)
    progress.end = START + timedelta(seconds=25 * minutes)
    replay(account, progress, stop_after=1, retention=timedelta(hours=1))
    assert progress.records == 7
    assert progress.missed == {}

    clock = START.timestamp() + missing.stop * minutes + 3600 - 1
    account.shards[SHARDS[0]] = account.shards[SHARDS[0]][missing.stop :]
    progress = Checkpoint.load(progress.path)
    replay(account, progress, retention=timedelta(hours=1))
    assert progress.is_finished
    assert account.stored == [number for number in range(25) if number not in missing]
    assert progress.missed == {SHARDS[0]: pytest.approx(len(missing) * minutes, abs=minutes)}


def test_a_replay_continues_with_the_oldest_record_when_its_position_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, progress = Account(25), checkpoint(tmp_path)
    clock = [START.timestamp()]
    monkeypatch.setattr("ops.replay.shards.time.time", lambda: clock[-1])

    def expire(_shard: str, _arrival: float) -> None:
        if len(clock) == 1:
            clock.append(START.timestamp() + 3600 + 14)
            account.expired_up_to = 14
            del account.shards[SHARDS[0]][:14]

    replayer_of(account, progress, retention=timedelta(hours=1), on_progress=expire).run()

    assert account.stored == [*range(10), *range(14, 25)]
    assert progress.is_finished


def test_a_stream_that_no_longer_exists_ends_the_replay(tmp_path: Path) -> None:
    account, progress = Account(25), checkpoint(tmp_path, *SHARDS)
    account.exists = False
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        replay(account, progress)
    assert progress.expired == []


def test_events_stay_within_the_payload_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replayer, "MAX_EVENT_BYTES", 2_000)
    account = Account(25)
    replay(account, checkpoint(tmp_path), batch_size=1_000)
    assert account.stored == list(range(25))
    assert max(account.events) <= 2_000


def test_a_read_that_fails_for_now_is_repeated_from_where_it_was(tmp_path: Path) -> None:
    account = Account(25)
    account.failing_reads = ["", "ExpiredIteratorException", "ProvisionedThroughputExceededException"]
    replay(account, checkpoint(tmp_path))
    assert account.stored == list(range(25))


TEXT = st.text("09aZ-\x1b\ud800é", max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
)
MEMBERS = json.loads(Checkpoint(Path(), STREAM, FUNCTION, START, END, {SHARDS[0]: "4960"}).to_json())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes=st.dictionaries(st.sampled_from([*MEMBERS, "another"]), JSON, max_size=2)
    | st.fixed_dictionaries(
        {
            "start": st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
            "shards": st.dictionaries(st.sampled_from(SHARDS) | TEXT, st.none() | TEXT),
            "finished": st.lists(st.sampled_from(SHARDS)),
            "records": st.integers(),
        }
    )
)
@example(changes={"start": "0001-01-01T00:00:00.000Z"})
def test_a_checkpoint_of_another_format_is_rejected_and_any_other_can_be_resumed(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "checkpoint.json"
    path.write_text(json.dumps(MEMBERS | changes))
    try:
        progress = Checkpoint.load(path)
    except OptionsError:
        return
    account = Account(1)
    account.shards = {shard_id: [] for shard_id in progress.shards}
    progress.shards = dict.fromkeys(progress.shards)
    replay(account, progress)
    assert progress.is_finished


def test_a_checkpoint_of_an_earlier_release_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps({name: value for name, value in MEMBERS.items() if name != "expired"}))
    assert Checkpoint.load(path).expired == []


def test_shards_are_read_after_their_parents() -> None:
    listed = [
        {"ShardId": "merged", "ParentShardId": "left", "AdjacentParentShardId": "right"},
        {"ShardId": "left", "ParentShardId": "expired"},
        {"ShardId": "right"},
    ]

    class Kinesis:
        def list_shards(self, **_: str) -> Any:
            return {"Shards": listed}

    assert shards.list_shards(Kinesis(), STREAM) == {  # type: ignore[arg-type]
        "left": {"expired"},
        "right": set(),
        "merged": {"left", "right", "expired"},
    }
