"""Replay: a time range of the stream through the real function again, and the rules for what it refuses."""

import base64
import io
import json
import signal
import threading
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.record import iso
from ops.errors import ReplayError
from ops.replay import replayer, shards
from ops.replay.checkpoint import Checkpoint
from ops.replay.replayer import Clients, Replayer, Target
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-DDBEventProcessor"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
END = START + timedelta(hours=1)

NEEDED = (
    "kinesis:DescribeStreamSummary",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
)


def store(stack: DeployedStack, user: str, count: int) -> str:
    """Let the function store tweets; return a time just before them."""
    before = iso(datetime.now(UTC) - timedelta(milliseconds=5))
    stack.put(*(tweet(user, number) for number in range(count)), key=user)
    eventually(lambda: len(stack.rows(user)) == count)
    return before


def empty(stack: DeployedStack, user: str) -> None:
    """Delete a user's rows."""
    for identifier in stack.rows(user):
        key = {"Username": {"S": user}, "Id": {"S": identifier}}
        stack.dynamodb.delete_item(TableName=stack.outputs["table_name"], Key=key)
    assert stack.rows(user) == set()


def test_rows_that_were_lost_come_back_by_an_operator_with_these_permissions_alone(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    before = store(stack, user, 30)
    empty(stack, user)
    checkpoint = tmp_path / "checkpoint.json"
    options = ["--from", before, "--batch-size", "7", "--checkpoint", str(checkpoint)]
    with stack.operator(*NEEDED) as environment:
        counted = stack.ops_as(environment, "replay", *options, "--dry-run")
        assert counted.exit_code == 0, counted.output
        assert "(1 shard) through dev-DDBEventProcessor: 30 records" in counted.stdout
        assert stack.rows(user) == set()

        declined = stack.ops_as(environment, "replay", *options)
        assert declined.exit_code == 1
        assert "older versions of tweets come back" in declined.stderr
        assert stack.rows(user) == set()

        replayed = stack.ops_as(environment, "replay", *options, "--yes")
    assert replayed.exit_code == 0, replayed.output
    assert "30 records = 30 handled by the function + 0 refused.\n" in replayed.stdout
    assert len(stack.rows(user)) == 30
    assert not checkpoint.exists()


def test_only_the_records_of_the_range_are_replayed(stack: DeployedStack, user: str, tmp_path: Path) -> None:
    before = store(stack, user, 1)
    middle = iso(datetime.now(UTC))
    stack.put(tweet(user, 2), key=user)
    eventually(lambda: len(stack.rows(user)) == 2)
    empty(stack, user)
    options = ["--yes", "--checkpoint", str(tmp_path / "checkpoint.json")]
    done = stack.json("replay", "--from", before, "--to", middle, *options)
    assert (done["records"], done["handled"], done["refused"], done["finished"]) == (1, 1, 0, True)
    assert (done["from"], done["to"]) == (before, middle)
    assert stack.rows(user) == {"0"}


def test_a_record_that_stays_refused_goes_to_quarantine(
    stack: DeployedStack, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "_BASE_DELAY", 0)
    before = store(stack, user, 1)
    with stack.table_closed():
        options = ["--yes", "--checkpoint", str(tmp_path / "checkpoint.json")]
        result = stack.ops("replay", "--from", before, *options)
    assert result.exit_code == 1
    assert "1 record = 0 handled by the function + 1 refused (in quarantine)" in result.stdout
    (key,) = stack.objects()
    shown = stack.json("quarantine", "show", key)
    assert shown["reason"] == "refused"
    assert "refused by 5 invocations of a replay: " in shown["error"]
    assert "Nothing can be written to dev-EventData" in shown["error"]
    assert json.loads(shown["records"][0]["payload"])["username"] == user


def test_an_interrupted_replay_goes_on_where_it_was(stack: DeployedStack, user: str, tmp_path: Path) -> None:
    before = store(stack, user, 20)
    empty(stack, user)
    checkpoint = tmp_path / "checkpoint.json"
    options = ["--yes", "--batch-size", "5", "--rate", "1", "--checkpoint", str(checkpoint)]
    process = stack.ops_process("replay", "--from", before, *options)
    eventually(lambda: checkpoint.exists() and Checkpoint.load(checkpoint).records > 0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 1
    assert f"Go on: python -m ops replay --resume {checkpoint} --outputs=" in out
    handled = Checkpoint.load(checkpoint).records
    assert len(stack.rows(user)) == handled < 20

    assert "go on with --resume" in stack.ops("replay", "--from", before, *options).stderr
    done = stack.json("replay", "--resume", str(checkpoint), "--yes")
    assert (done["records"], done["handled"], done["finished"]) == (20, 20, True)
    assert len(stack.rows(user)) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give --from TIME, or --resume FILE"),
        (["--from", "1h", "--to", "2h"], "is not before"),
        (["--from", "1h", "--shard", "shardId-9"], "has no shard shardId-9"),
        (["--resume", __file__], "is not a checkpoint of a replay"),
        (["--resume", __file__, "--from", "1h"], "give only it"),
    ],
)
def test_wrong_usage_says_what_is_right(stack: DeployedStack, arguments: list[str], message: str) -> None:
    result = stack.ops("replay", *arguments, "--yes")
    assert result.exit_code == 2
    assert message in result.stderr


# --- The rules, against doubles of the three services ----------------------------------------------------


class Account:
    """A stream of one shard, a function that fails for some records, and a bucket."""

    def __init__(self, count: int, crashes: Collection[int] = (), reports: Collection[int] = ()) -> None:
        self.records = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "ada",
                "Data": str(number).encode(),
                "ApproximateArrivalTimestamp": START + timedelta(seconds=number),
            }
            for number in range(count)
        ]
        self.crashes, self.reports = set(crashes), set(reports)
        self.refused_reads: list[str] = []
        """Error codes of the next reads; an empty one lets a read succeed."""
        self.stored: list[int] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.events: list[int] = []
        """The size of each event."""

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        after = request.get("StartingSequenceNumber")
        return {"ShardIterator": str(int(after) + 1 if after else 0)}

    def get_records(self, *, StreamARN: str, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 # boto3's names
        assert StreamARN == STREAM
        if self.refused_reads and (code := self.refused_reads.pop(0)):
            raise ClientError({"Error": {"Code": code, "Message": "made up"}}, "GetRecords")
        first = int(ShardIterator)
        page = self.records[first : first + 10]
        return {"Records": page, "NextShardIterator": str(first + len(page)), "MillisBehindLatest": 0}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "dev-DDBEventProcessor"
        self.events.append(len(Payload))
        numbers = [
            int(base64.b64decode(record["kinesis"]["data"])) for record in json.loads(Payload)["Records"]
        ]
        if self.crashes.intersection(numbers):
            error = {"errorType": "Crash", "errorMessage": "made up"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        failed = [number for number in numbers if number in self.reports]
        self.stored += [number for number in numbers if number not in failed]
        answer = {"batchItemFailures": [{"itemIdentifier": str(number)} for number in failed]}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_object(self, *, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803
        self.objects[Key] = json.loads(Body)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between attempts."""
    monkeypatch.setattr(shards, "READ_SECONDS", 0.001)
    monkeypatch.setattr(shards, "RETRY_SECONDS", 0.001)


def checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(
        folder / "checkpoint.json", STREAM, FUNCTION, START, END, {"shardId-000000000000": None}
    )


def replay(
    account: Any, progress: Checkpoint, stop_after: int | None = None, batch_size: int = 7
) -> Replayer:
    """Run a replay, which a person interrupts after some batches if given."""
    stop = threading.Event()
    batches = iter(range(stop_after or 1_000_000, 0, -1))

    def on_progress(_shard: str, _arrival: float) -> None:
        if next(batches) == 1:
            stop.set()

    run = Replayer(
        Clients(account, account, account),
        Target("dev-DDBEventProcessor", "role", "bucket"),
        progress,
        batch_size=batch_size,
        rate=1_000_000,
        stop=stop,
        on_progress=on_progress,
    )
    run.run()
    return run


NUMBERS = st.sets(st.integers(0, 24), max_size=4)


@settings(max_examples=40)
@given(crashes=NUMBERS, reports=NUMBERS, interrupted_after=st.none() | st.integers(1, 3))
def test_every_record_is_handled_or_refused_and_the_sum_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    crashes: set[int],
    reports: set[int],
    interrupted_after: int | None,
) -> None:
    account = Account(25, crashes, reports)
    progress = checkpoint(tmp_path_factory.mktemp("replay"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replayer, "_BASE_DELAY", 0)
        if interrupted_after:
            replay(account, progress, interrupted_after)
            assert not progress.is_finished
            progress = Checkpoint.load(progress.path)
        replay(account, progress)
    refused = {int(body["sequenceNumber"]) for body in account.objects.values()}
    assert progress.is_finished
    assert refused == crashes | reports
    assert set(account.stored) == set(range(25)) - refused
    assert (progress.records, progress.refused) == (25, len(refused))
    first_time = list(dict.fromkeys(account.stored))
    assert [number for number in first_time if number not in refused] == sorted(first_time)


def test_a_function_that_refuses_everything_ends_the_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "_BASE_DELAY", 0)
    account, progress = Account(60, crashes=set(range(60))), checkpoint(tmp_path)
    with pytest.raises(ReplayError, match="refused 20 records in a row, the last with: Crash: made up"):
        replay(account, progress, batch_size=10)
    assert len(account.objects) == 20
    assert progress.records == 10  # the batch that was not finished is sent again


def test_events_stay_within_the_payload_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replayer, "MAX_EVENT_BYTES", 2_000)
    account = Account(25)
    replay(account, checkpoint(tmp_path), batch_size=1_000)
    assert account.stored == list(range(25))
    assert max(account.events) <= 2_000


def test_a_read_that_is_refused_for_now_is_repeated_from_where_it_was(tmp_path: Path) -> None:
    account = Account(25)
    account.refused_reads = ["", "ExpiredIteratorException", "ProvisionedThroughputExceededException"]
    replay(account, checkpoint(tmp_path))
    assert account.stored == list(range(25))


def test_shards_are_read_after_their_parents() -> None:
    listed = [
        {"ShardId": "merged", "ParentShardId": "left", "AdjacentParentShardId": "right"},
        {"ShardId": "left", "ParentShardId": "expired"},
        {"ShardId": "right"},
    ]

    class Kinesis:
        def list_shards(self, **_: str) -> Any:
            return {"Shards": listed}

    assert shards.list_shards(Kinesis(), STREAM) == ["left", "right", "merged"]  # type: ignore[arg-type]
