"""Faults strike the operation that a rule names, as often as it says, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from local.aws.faults import Fault, Faults
from local.aws.local_aws import LocalAws
from tests.local.conftest import unique

ONE_ATTEMPT: dict[str, Any] = {"retries": {"total_max_attempts": 1}}


@pytest.fixture
def faults(aws: LocalAws) -> Iterator[Faults]:
    yield aws.faults
    aws.faults.clear()


@pytest.fixture
def kinesis(aws: LocalAws) -> Any:
    return aws.client("kinesis", **ONE_ATTEMPT)


@pytest.fixture
def stream(kinesis: Any) -> str:
    name = unique("stream")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    return name


def entries(count: int) -> list[dict[str, Any]]:
    return [{"Data": str(number).encode(), "PartitionKey": str(number)} for number in range(count)]


def stored(kinesis: Any, stream: str) -> list[bytes]:
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def test_a_fraction_of_the_entries_of_put_records_is_throttled(
    faults: Faults, kinesis: Any, stream: str
) -> None:
    faults.set("kinesis:PutRecords", entries=0.3)
    answer = kinesis.put_records(StreamName=stream, Records=entries(300))
    failed = [index for index, entry in enumerate(answer["Records"]) if "ErrorCode" in entry]
    assert 30 < len(failed) < 180  # 90 are expected
    assert answer["FailedRecordCount"] == len(failed) == faults.injected()["kinesis:PutRecords entries"]
    assert {answer["Records"][index]["ErrorCode"] for index in failed} == {
        "ProvisionedThroughputExceededException"
    }
    kept = [str(number).encode() for number in range(300) if number not in failed]
    assert stored(kinesis, stream) == kept


def test_put_records_can_be_throttled_in_all_its_entries(faults: Faults, kinesis: Any, stream: str) -> None:
    faults.set("kinesis:PutRecords", entries=1)
    assert kinesis.put_records(StreamName=stream, Records=entries(5))["FailedRecordCount"] == 5
    assert stored(kinesis, stream) == []


def test_items_of_batch_write_item_come_back_unprocessed(faults: Faults, aws: LocalAws) -> None:
    dynamodb, table = aws.client("dynamodb"), unique("table")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    faults.set("dynamodb:BatchWriteItem", entries=0.5)
    items = [{"PutRequest": {"Item": {"Id": {"S": str(number)}}}} for number in range(25)]
    unprocessed = dynamodb.batch_write_item(RequestItems={table: items})["UnprocessedItems"][table]
    assert 0 < len(unprocessed) < 25
    written = dynamodb.scan(TableName=table)["Items"]
    assert len(written) == 25 - len(unprocessed)
    assert all(request["PutRequest"]["Item"] not in written for request in unprocessed)


@pytest.mark.parametrize(
    ("fault", "error"),
    [("error", "InternalFailure"), ("throttle", "ProvisionedThroughputExceededException")],
)
def test_a_call_is_rejected(faults: Faults, kinesis: Any, stream: str, fault: str, error: str) -> None:
    faults.set("kinesis:PutRecords", **{fault: 1})
    with pytest.raises(ClientError, match=error):
        kinesis.put_records(StreamName=stream, Records=entries(1))
    assert stored(kinesis, stream) == []


def test_a_connection_is_reset_before_the_call_or_instead_of_its_answer(
    faults: Faults, kinesis: Any, stream: str
) -> None:
    faults.set("kinesis:PutRecords", reset=1)
    with pytest.raises(HTTPClientError):
        kinesis.put_records(StreamName=stream, Records=entries(1))
    assert stored(kinesis, stream) == []
    faults.set("kinesis:PutRecords", lost=1)
    with pytest.raises(HTTPClientError):
        kinesis.put_records(StreamName=stream, Records=entries(1))
    assert stored(kinesis, stream) == [b"0"]


def test_s3_throttles_in_its_own_words(faults: Faults, aws: LocalAws) -> None:
    faults.set("s3:PutObject", throttle=1)
    s3, bucket = aws.client("s3", **ONE_ATTEMPT), unique("bucket")
    s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError, match="SlowDown"):
        s3.put_object(Bucket=bucket, Key="key", Body=b"")


def test_a_rule_may_hold_for_some_calls_only(faults: Faults, aws: LocalAws, stream: str) -> None:
    faults.set("kinesis:PutRecords", error=1, times=2)
    patient = aws.client("kinesis", retries={"total_max_attempts": 3})
    assert patient.put_records(StreamName=stream, Records=entries(1))["FailedRecordCount"] == 0
    assert faults.injected() == {"kinesis:PutRecords error": 2}


def test_a_delay_is_added_to_each_call(faults: Faults, aws: LocalAws, stream: str) -> None:
    faults.set("kinesis:PutRecords", delay=60)
    hasty = aws.client("kinesis", read_timeout=0.2, **ONE_ATTEMPT)
    with pytest.raises(HTTPClientError, match="timeout"):
        hasty.put_records(StreamName=stream, Records=entries(1))


def test_credentials_are_checked_before_a_fault_strikes(faults: Faults, aws: LocalAws, stream: str) -> None:
    faults.set("kinesis:PutRecords", error=1)
    stranger = aws.client("kinesis", access_key="AKIANOBODY", **ONE_ATTEMPT)
    with pytest.raises(ClientError, match="security token"):
        stranger.put_records(StreamName=stream, Records=entries(1))


def test_other_operations_work_and_cleared_ones_work_again(faults: Faults, kinesis: Any, stream: str) -> None:
    faults.set("kinesis:PutRecords", error=1)
    kinesis.put_record(StreamName=stream, Data=b"one", PartitionKey="a")
    faults.clear()
    kinesis.put_records(StreamName=stream, Records=entries(1))
    assert stored(kinesis, stream) == [b"one", b"0"]


def test_a_rule_is_read_from_a_command_line() -> None:
    rule = Fault.parse("kinesis:PutRecords entries=0.1 delay=0.05 times=3")
    assert rule == Fault("kinesis:PutRecords", entries=0.1, delay=0.05, times=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an operation and a fault"),
        ("PutRecords error=1", "expected an operation and a fault"),
        ("kinesis:PutRecords", "expected an operation and a fault"),
        ("kinesis:PutRecords eror=1", "expected one of entries, throttle, error"),
        ("kinesis:PutRecords error=often", "'often' is not a number"),
        ("kinesis:PutRecords error=2", "a rate is between 0"),
        (
            "kinesis:GetRecords entries=0.5",
            "only kinesis:PutRecords and dynamodb:BatchWriteItem have entries",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_says_what_would(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault.parse(text)
