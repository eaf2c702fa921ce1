"""The limits of PutRecord, PutRecords and UpdateMaxRecordSize (Amazon Kinesis API Reference)."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from tests.local.conftest import unique

MEBIBYTE = 1024 * 1024


@pytest.fixture
def stream(aws: LocalAws) -> Iterator[str]:
    name = unique("stream")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    yield name
    aws.client("kinesis").delete_stream(StreamName=name)


def error(aws: LocalAws, stream: str, *sizes: int) -> str | None:
    """Put records whose data and key have these sizes; return the code of the rejection."""
    records = [{"Data": b"x" * (size - 1), "PartitionKey": "k"} for size in sizes]
    try:
        aws.client("kinesis").put_records(StreamName=stream, Records=records)
    except ClientError as rejected:
        return str(rejected.response["Error"]["Code"])
    return None


def test_a_record_of_a_new_stream_has_one_mebibyte_with_its_key(aws: LocalAws, stream: str) -> None:
    assert error(aws, stream, MEBIBYTE) is None
    assert error(aws, stream, MEBIBYTE + 1) == "InvalidArgumentException"


def test_a_raised_limit_holds_for_the_next_records_and_is_taken_back(aws: LocalAws, stream: str) -> None:
    kinesis = aws.client("kinesis")
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    for kibibytes in (10_240, 1024):
        kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=kibibytes)
        assert error(aws, stream, kibibytes * 1024) is None
        assert error(aws, stream, kibibytes * 1024 + 1) == "InvalidArgumentException"
    with pytest.raises(ClientError, match="ValidationException"):
        kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10_241)


def test_a_call_has_ten_mebibytes(aws: LocalAws, stream: str) -> None:
    assert error(aws, stream, *[MEBIBYTE] * 10) is None
    assert error(aws, stream, *[MEBIBYTE] * 10, 1) == "InvalidArgumentException"


def test_a_single_record_has_the_same_limit(aws: LocalAws, stream: str) -> None:
    kinesis = aws.client("kinesis")
    kinesis.put_record(StreamName=stream, Data=b"x" * (MEBIBYTE - 1), PartitionKey="k")
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        kinesis.put_record(StreamName=stream, Data=b"x" * MEBIBYTE, PartitionKey="k")
