"""The Kinesis API's errors, as recorded from AWS.

Source: mhart/kinesalite, commits 00e4d86 (`test/putRecords.js`) and 049d04b (`test/getShardIterator.js`), whose
author ran the suites against AWS. No recording of PutRecords' errors per record exists.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from tests.local.conftest import unique

ACCOUNT = "000000000000"


@pytest.fixture
def stream(aws: LocalAws) -> Iterator[str]:
    name = unique("stream")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    yield name
    aws.client("kinesis").delete_stream(StreamName=name)


def rejection(aws: LocalAws, operation: str, **request: Any) -> tuple[str, str]:
    client = aws.client("kinesis", parameter_validation=False)
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**request)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_putting_on_a_missing_stream_names_the_stream_and_the_account(aws: LocalAws) -> None:
    name = unique("missing")
    assert rejection(aws, "put_records", StreamName=name, Records=[{"Data": b"a", "PartitionKey": "a"}]) == (
        "ResourceNotFoundException",
        f"Stream {name} under account {ACCOUNT} not found.",
    )


def test_an_iterator_at_a_sequence_number_needs_the_number(aws: LocalAws, stream: str) -> None:
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        assert rejection(
            aws,
            "get_shard_iterator",
            StreamName=stream,
            ShardId="shardId-000000000000",
            ShardIteratorType=kind,
        ) == (
            "InvalidArgumentException",
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            f"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and no "
            "StartingSequenceNumber.",
        )


def test_an_iterator_of_a_missing_shard_is_not_found(aws: LocalAws, stream: str) -> None:
    assert rejection(
        aws,
        "get_shard_iterator",
        StreamName=stream,
        ShardId="shardId-000000000005",
        ShardIteratorType="LATEST",
    ) == (
        "ResourceNotFoundException",
        f"Shard shardId-000000000005 in stream {stream} under account {ACCOUNT} does not exist",
    )


def test_a_call_without_records_fails_its_validation(aws: LocalAws, stream: str) -> None:
    code, message = rejection(aws, "put_records", StreamName=stream, Records=[])
    assert code == "ValidationException"
    assert (
        "at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"
        in message
    )


def test_the_token_of_a_next_page_names_the_stream_alone(aws: LocalAws, stream: str) -> None:
    """As reported from AWS: boto/botocore, issue 2009."""
    aws.client("kinesis").update_shard_count(
        StreamName=stream, TargetShardCount=3, ScalingType="UNIFORM_SCALING"
    )
    first = aws.client("kinesis").list_shards(StreamName=stream, MaxResults=2)
    token = first["NextToken"]
    assert rejection(aws, "list_shards", StreamName=stream, NextToken=token) == (
        "InvalidArgumentException",
        "NextToken and StreamName cannot be provided together.",
    )
    second = aws.client("kinesis").list_shards(NextToken=token)
    listed = [shard["ShardId"] for page in (first, second) for shard in page["Shards"]]
    assert listed == [f"shardId-{number:012}" for number in range(4)]
