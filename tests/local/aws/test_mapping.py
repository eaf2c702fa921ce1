"""Records reach the function in order and in batches, also while their mapping changes."""

import time

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.test_metrics import total
from tests.local.conftest import HANDLER, Pipeline, unique, zipped
from tests.waiting import eventually


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"{number:04}" for number in range(start, start + count)]


def wait_until_read(pipeline: Pipeline, uuid: str, count: int) -> None:
    """Wait until the mapping has read that many records of the stream."""
    polled = "AWS/Lambda", "PolledEventCount", "EventSourceMappingUUID", uuid
    eventually(lambda: total(pipeline.aws, *polled) == count)


def test_every_record_arrives_once_and_in_order(pipeline: Pipeline) -> None:
    pipeline.map(BatchSize=100)
    for start in range(0, 1000, 250):
        pipeline.put(*numbers(250, start))
    assert pipeline.receives(1000) == numbers(1000)
    eventually(lambda: pipeline.result() == "OK")


def test_a_mapping_that_gets_an_alias_instead_of_the_function_skips_and_repeats_nothing(
    pipeline: Pipeline,
) -> None:
    uuid = pipeline.map(BatchSize=10)
    pipeline.put(*numbers(100))
    pipeline.function_api.publish_version(FunctionName=pipeline.function)
    alias = pipeline.function_api.create_alias(
        FunctionName=pipeline.function, Name="live", FunctionVersion="1"
    )
    changed = pipeline.function_api.update_event_source_mapping(UUID=uuid, FunctionName=alias["AliasArn"])
    assert changed["FunctionArn"] == alias["AliasArn"]
    pipeline.put(*numbers(100, 100))
    assert pipeline.receives(200) == numbers(200)


def test_a_batch_has_no_more_than_batch_size_records(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put(*numbers(25))
    pipeline.map(BatchSize=10)
    pipeline.receives(25)
    assert [len(batch) for batch in pipeline.batches()] == [10, 10, 5]


def test_a_batch_waits_for_its_window(pipeline: Pipeline) -> None:
    pipeline.map(BatchSize=100, MaximumBatchingWindowInSeconds=2)
    started = time.monotonic()
    pipeline.put("only")
    assert pipeline.receives(1) == ["only"]
    assert time.monotonic() - started >= 2


def test_records_that_are_read_within_a_window_share_a_batch(pipeline: Pipeline) -> None:
    uuid = pipeline.map(BatchSize=3, MaximumBatchingWindowInSeconds=300)
    for count, number in enumerate(numbers(3), 1):
        pipeline.put(number)
        wait_until_read(pipeline, uuid, count)
    pipeline.receives(3)
    assert pipeline.batches() == [numbers(3)]


def test_a_full_batch_does_not_wait_for_the_window(pipeline: Pipeline) -> None:
    pipeline.map(BatchSize=5, MaximumBatchingWindowInSeconds=300)
    pipeline.put(*numbers(5))
    assert pipeline.receives(5) == numbers(5)


def test_a_batch_is_cut_where_the_invocation_payload_would_exceed_six_megabytes(pipeline: Pipeline) -> None:
    pipeline.map(BatchSize=100)
    payloads = [number + "x" * 900_000 for number in numbers(8)]
    pipeline.put(*payloads[:4], key=lambda _: "a")
    pipeline.put(*payloads[4:], key=lambda _: "a")
    assert pipeline.receives(8) == payloads
    assert max(len(batch) for batch in pipeline.batches()) <= 5  # 1.2 MB each in base64


def test_latest_starts_with_what_is_put_after_the_mapping_runs(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.create_function()
    pipeline.put("before")
    uuid = pipeline.map(StartingPosition="LATEST")
    eventually(lambda: uuid in {progress.uuid for progress in pipeline.aws.mappings()})
    pipeline.put("after")
    assert pipeline.receives(1) == ["after"]


def test_at_timestamp_starts_there(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put("before")
    moment = time.time() + 0.1
    time.sleep(0.1)
    pipeline.put("after")
    pipeline.map(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    assert pipeline.receives(1) == ["after"]


def test_lanes_run_side_by_side_and_keep_the_order_of_each_partition_key(pipeline: Pipeline) -> None:
    dawdle = """
    import random
    def respond(payloads, numbers):
        time.sleep(random.random() / 10)
    """
    pipeline.create_stream()
    payloads = [key + number for number in numbers(12) for key in "abcdefg"]
    pipeline.put(*payloads, key=lambda payload: payload[0])
    pipeline.map(dawdle, ParallelizationFactor=4, BatchSize=5)
    received = pipeline.receives(len(payloads))
    assert sorted(received) == sorted(payloads)
    for key in "abcdefg":
        assert [payload[1:] for payload in received if payload[0] == key] == numbers(12)


def test_a_change_of_the_parallelization_factor_loses_and_repeats_nothing(pipeline: Pipeline) -> None:
    uuid = pipeline.map(BatchSize=2)
    pipeline.put(*numbers(100))
    pipeline.receives(10)
    pipeline.function_api.update_event_source_mapping(UUID=uuid, ParallelizationFactor=4, BatchSize=10)
    assert sorted(pipeline.receives(100)) == numbers(100)


def test_mappings_of_a_stream_to_two_functions_each_deliver_every_record(pipeline: Pipeline) -> None:
    pipeline.map()
    pipeline.function = unique("function")
    pipeline.map()
    pipeline.put(*numbers(10))
    assert sorted(pipeline.receives(20)) == sorted(numbers(10) * 2)


def test_a_mapping_that_is_disabled_and_enabled_goes_on_where_it_was(pipeline: Pipeline) -> None:
    uuid = pipeline.map()
    pipeline.put("first")
    pipeline.receives(1)
    pipeline.function_api.update_event_source_mapping(UUID=uuid, Enabled=False)
    eventually(
        lambda: uuid in {progress.uuid for progress in pipeline.aws.mappings() if not progress.enabled}
    )
    pipeline.put("second")
    time.sleep(0.5)  # two and a half intervals of reading
    assert pipeline.received() == ["first"]
    pipeline.function_api.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert pipeline.receives(2) == ["first", "second"]


def test_a_deleted_mapping_delivers_nothing_more(pipeline: Pipeline) -> None:
    uuid = pipeline.map()
    pipeline.put("first")
    pipeline.receives(1)
    pipeline.function_api.delete_event_source_mapping(UUID=pipeline.mappings.pop())
    eventually(lambda: uuid not in {progress.uuid for progress in pipeline.aws.mappings()})
    pipeline.put("second")
    time.sleep(0.5)
    assert pipeline.received() == ["first"]
    pipeline.map()  # for the fixture to remove, and a new mapping starts anew
    assert pipeline.receives(3) == ["first", "first", "second"]


def test_an_updated_function_answers_from_the_next_batch_on(pipeline: Pipeline) -> None:
    pipeline.map()
    pipeline.put("first")
    pipeline.receives(1)
    upper = HANDLER.replace(".decode()", ".decode().upper()")
    source = upper.format(
        received=str(pipeline.received_path), respond="def respond(payloads, numbers): return None"
    )
    pipeline.function_api.update_function_code(FunctionName=pipeline.function, ZipFile=zipped(app=source))
    pipeline.put("second")
    assert pipeline.receives(2) == ["first", "SECOND"]


@pytest.mark.parametrize("shards", [1, 4])
def test_a_reshard_loses_and_repeats_nothing(pipeline: Pipeline, shards: int) -> None:
    pipeline.map(shards=2)
    pipeline.put(*numbers(100))
    pipeline.kinesis.update_shard_count(
        StreamName=pipeline.stream, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
    )
    pipeline.put(*numbers(100, 100))
    assert sorted(pipeline.receives(200)) == numbers(200)


def test_a_reshard_keeps_the_order_of_a_partition_key(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.put(*numbers(50), key=lambda _: "a")
    pipeline.kinesis.split_shard(
        StreamName=pipeline.stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    pipeline.put(*numbers(50, 50), key=lambda _: "a")
    pipeline.map(BatchSize=10)
    assert pipeline.receives(100) == numbers(100)


def test_a_stream_that_is_deleted_and_created_again_is_read_from_its_start(pipeline: Pipeline) -> None:
    pipeline.map()
    pipeline.put("first")
    pipeline.receives(1)
    pipeline.kinesis.delete_stream(StreamName=pipeline.stream)
    eventually(lambda: pipeline.result().startswith("PROBLEM"))
    pipeline.create_stream()
    pipeline.put("second")
    assert pipeline.receives(2) == ["first", "second"]


def test_a_stream_that_is_replaced_at_once_is_read_though_its_shards_have_the_same_names(
    pipeline: Pipeline,
) -> None:
    pipeline.map()
    pipeline.kinesis.update_shard_count(
        StreamName=pipeline.stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    pipeline.put("first")
    pipeline.receives(1)  # so the first shard is read to its end
    pipeline.kinesis.delete_stream(StreamName=pipeline.stream)
    pipeline.create_stream()
    pipeline.put("second")
    assert pipeline.receives(2) == ["first", "second"]


def test_a_role_that_may_not_read_the_stream_cannot_be_mapped(pipeline: Pipeline) -> None:
    pipeline.forbid_everything()
    pipeline.create_stream()
    pipeline.create_function()
    with pytest.raises(ClientError, match="Please ensure the role can perform the GetRecords"):
        pipeline.function_api.create_event_source_mapping(
            EventSourceArn=pipeline.stream_arn, FunctionName=pipeline.function, StartingPosition="LATEST"
        )


def test_a_role_that_loses_its_policy_stops_the_mapping_until_it_is_back(pipeline: Pipeline) -> None:
    pipeline.map()
    pipeline.put("first")
    pipeline.receives(1)
    pipeline.forbid_everything()
    eventually(lambda: "not authorized to perform: kinesis" in pipeline.result())
    pipeline.put("second")
    pipeline.allow(["kinesis:*"], pipeline.stream_arn)
    assert pipeline.receives(2) == ["first", "second"]


def test_calls_that_fail_on_the_way_are_repeated_and_records_are_not(pipeline: Pipeline) -> None:
    pipeline.create_stream()
    pipeline.create_function()
    faults = pipeline.aws.faults
    try:
        faults.set("kinesis:GetRecords", error=0.3, reset=0.3)
        faults.set("kinesis:GetShardIterator", throttle=1, times=1)
        faults.set("lambda:InvokeFunction", throttle=1, times=3)
        pipeline.mappings.append(
            pipeline.function_api.create_event_source_mapping(
                EventSourceArn=pipeline.stream_arn,
                FunctionName=pipeline.function,
                StartingPosition="TRIM_HORIZON",
                BatchSize=10,
                MaximumRetryAttempts=0,  # what did not reach the function uses no retry
            )["UUID"]
        )
        pipeline.put(*numbers(50))
        assert pipeline.receives(50) == numbers(50)
    finally:
        faults.clear()
