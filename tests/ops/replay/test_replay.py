"""Replay: a time range of the stream through the real function again."""

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event.record import iso
from ops.aws.mapping import mapping_filters
from ops.aws.stack import Stack
from ops.errors import OptionsError
from ops.replay import replayer
from ops.replay.checkpoint import Checkpoint, lock
from ops.terminal.times import whole_milliseconds
from tests.ops.stack import DeployedStack, tombstone, tweet
from tests.waiting import eventually

NEEDED = (
    "kinesis:DescribeStreamSummary",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
    "lambda:ListEventSourceMappings",
)
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
FORMAT = json.loads(
    Checkpoint(Path(), "stream", "function", NOW, NOW, {"shardId-000000000000": None}).to_json()
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


def interrupted(stack: DeployedStack, start: str, folder: Path) -> Checkpoint:
    """Write the checkpoint of a replay that was interrupted at its very beginning."""
    stream = stack.kinesis.describe_stream_summary(StreamName=stack.outputs["stream_name"])
    function = stack.lambda_.get_function_configuration(FunctionName=stack.outputs["function_name"])
    (shard,) = stack.kinesis.list_shards(StreamName=stack.outputs["stream_name"])["Shards"]
    progress = Checkpoint(
        folder / "checkpoint.json",
        stream["StreamDescriptionSummary"]["StreamARN"],
        function["FunctionArn"],
        datetime.fromisoformat(start),
        whole_milliseconds(datetime.now(UTC)),
        {shard["ShardId"]: None},
    )
    progress.save()
    return progress


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
    assert "30 records = 30 handled by the function + 0 quarantined.\n" in replayed.stdout
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


def test_a_replay_leaves_out_what_the_mappings_filters_drop(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    before = store(stack, user, 3)
    empty(stack, user)
    options = ["--from", before, "--yes", "--checkpoint", str(tmp_path / "checkpoint.json")]
    with stack.mapping(FilterCriteria={"Filters": [{"Pattern": '{"data": {"id": ["1"]}}'}]}):
        counted = stack.ops("replay", *options, "--dry-run")
        assert "(1 shard) through dev-DDBEventProcessor: 1 record, " in counted.stdout
        assert counted.stdout.endswith("; the mapping's filters drop 2 others.\n")
        replayed = stack.ops("replay", *options)
    assert replayed.exit_code == 0, replayed.output
    assert (
        "1 record = 1 handled by the function + 0 quarantined; the mapping's filters drop 2 others.\n"
        in replayed.stdout
    )
    assert stack.rows(user) == {"1"}


def test_a_filter_of_another_hand_that_does_not_do_as_it_says_ends_the_command_with_the_remedy(
    stack: DeployedStack, tmp_path: Path
) -> None:
    """Local AWS would reject such a filter: the answer has it in its place."""
    ours = Stack({}, lambda: stack.outputs, stack.aws.endpoint)

    def misread(parsed: dict[str, Any], **_: Any) -> None:
        parsed["EventSourceMappings"][0]["FilterCriteria"] = {"Filters": [{"Pattern": '{"lang": ["en"]}'}]}

    ours.lambda_.meta.events.register("after-call.lambda.ListEventSourceMappings", misread)
    with pytest.raises(
        OptionsError, match=r"another hand has made: lang: a record has no lang .*up --refresh"
    ):
        mapping_filters(ours)


def test_a_replay_deletes_what_was_deleted_and_brings_nothing_of_it_back(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    before = store(stack, user, 3)
    stack.put(tombstone(user, 1), tweet(user, 9), key=user)
    eventually(lambda: stack.rows(user) == {"0", "2", "9"})
    empty(stack, user)
    options = ["--yes", "--batch-size", "2", "--checkpoint", str(tmp_path / "checkpoint.json")]

    done = stack.json("replay", "--from", before, *options)

    assert (done["records"], done["handled"], done["refused"]) == (5, 5, 0)
    assert stack.rows(user) == {"0", "2", "9"}


def test_a_record_that_fails_in_every_attempt_goes_to_quarantine(
    stack: DeployedStack, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "_BASE_DELAY", 0)
    before = store(stack, user, 1)
    stack.put(b"never a tweet", key=user)
    (first,) = stack.quarantined(1)
    stack.s3.delete_object(Bucket=stack.outputs["quarantine_bucket"], Key=first)
    with stack.without("WriteQuarantine"):
        options = ["--yes", "--checkpoint", str(tmp_path / "checkpoint.json")]
        result = stack.ops("replay", "--from", before, *options)
    assert result.exit_code == 1
    assert "2 records = 1 handled by the function + 1 quarantined (reason refused)." in result.stdout
    (key,) = stack.objects()
    shown = stack.json("quarantine", "show", key)
    assert shown["reason"] == "refused"
    assert shown["error"] == "failed in 5 invocations of a replay: reported for a retry"
    assert shown["records"][0]["payload"] == "never a tweet"


def test_a_replay_into_a_table_that_denies_every_write_ends_with_the_cause_and_can_be_resumed(
    stack: DeployedStack, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "_BASE_DELAY", 0)
    before = store(stack, user, 3)
    empty(stack, user)
    checkpoint = tmp_path / "checkpoint.json"
    with stack.table_closed():
        result = stack.ops("replay", "--from", before, "--yes", "--checkpoint", str(checkpoint))
    assert result.exit_code == 1
    assert "The function fails for every record" in result.stderr
    assert "Nothing can be written to dev-EventData" in result.stderr
    assert "0 records = 0 handled by the function + 0 quarantined." in result.stdout
    assert stack.objects() == []

    done = stack.json("replay", "--resume", str(checkpoint), "--yes")

    assert (done["records"], done["refused"], done["finished"]) == (3, 0, True)
    assert len(stack.rows(user)) == 3


def test_a_replay_names_an_expired_shard_and_replays_the_others(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    before = store(stack, user, 3)
    empty(stack, user)
    progress = interrupted(stack, before, tmp_path)
    (shard,) = progress.shards
    progress.shards = {"shardId-000000000099": "4960", shard: None}
    progress.save()

    result = stack.ops("replay", "--resume", str(progress.path), "--yes")

    assert result.exit_code == 1
    assert "1 shard expired before the end" in result.stderr
    assert "shardId-000000000099" in result.stderr
    assert "3 records = 3 handled by the function + 0 quarantined." in result.stdout
    assert len(stack.rows(user)) == 3
    assert list(tmp_path.iterdir()) == []


def test_only_one_replay_at_a_time_uses_a_checkpoint(stack: DeployedStack, user: str, tmp_path: Path) -> None:
    before = store(stack, user, 3)
    progress = interrupted(stack, before, tmp_path)

    with lock(progress.path):
        second = stack.ops("replay", "--resume", str(progress.path), "--yes")
        new = stack.ops("replay", "--from", before, "--yes", "--checkpoint", str(progress.path))

    for rejected in (second, new):
        assert rejected.exit_code == 2
        assert f"Another replay uses {progress.path}: wait until it ends" in rejected.stderr
    assert Checkpoint.load(progress.path) == progress
    assert list(tmp_path.iterdir()) == [progress.path]
    assert stack.ops("replay", "--resume", str(progress.path), "--yes").exit_code == 0


def test_an_interrupted_replay_resumes_where_it_was(stack: DeployedStack, user: str, tmp_path: Path) -> None:
    before = store(stack, user, 20)
    empty(stack, user)
    checkpoint = tmp_path / "checkpoint.json"
    options = ["--yes", "--batch-size", "5", "--rate", "1", "--checkpoint", str(checkpoint)]
    process = stack.ops_process("replay", "--from", before, *options)
    eventually(lambda: checkpoint.exists() and Checkpoint.load(checkpoint).records > 0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 1
    assert f"To resume: python -m ops replay --resume {checkpoint} --outputs=" in out
    handled = Checkpoint.load(checkpoint).records
    assert len(stack.rows(user)) == handled < 20

    assert "continue with --resume" in stack.ops("replay", "--from", before, *options).stderr
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
        (
            ["--resume", __file__, "--from", "1h"],
            "leave out --from, --to, --shard, --checkpoint and --dry-run",
        ),
    ],
)
def test_wrong_usage_says_what_is_right(stack: DeployedStack, arguments: list[str], message: str) -> None:
    result = stack.ops("replay", *arguments, "--yes")
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"version": 2}',
        json.dumps(FORMAT | {"shards": ["shardId-000000000000"]}).encode(),
        json.dumps(FORMAT | {"shards": {"shardId-000000000000": 4960}}).encode(),
        json.dumps(FORMAT | {"stream_arn": "\ud800\u001b[2J"}).encode(),
        json.dumps(FORMAT | {"start": "0001-01-01T00:00:00.000+23:59"}).encode(),
        json.dumps(FORMAT | {"finished": [["shardId-000000000000"]]}).encode(),
        json.dumps(FORMAT | {"records": True}).encode(),
        json.dumps(FORMAT | {"another": 1}).encode(),
    ],
    ids=lambda content: content[-40:],
)
def test_a_file_that_is_no_checkpoint_is_wrong_usage_in_one_line(
    stack: DeployedStack, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_bytes(content)
    result = stack.ops("replay", "--resume", str(path), "--yes")
    assert result.exit_code == 2
    _, error = result.stderr.splitlines()
    assert error.startswith(f"Error: {path} is not a checkpoint of a replay: ")
