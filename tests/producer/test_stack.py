"""The producer beside the parts it works with: local AWS, and the function that reads the stream."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event.types.tweet import EVENT
from local.aws.server import Server
from producer.formats.tweets import Record
from producer.spooling.entry import StreamRecord
from tests.producer.conftest import Producer, tweets

STREAM = "dev-EventStream"


@pytest.fixture(scope="module")
def aws() -> Iterator[Server]:
    with Server.start() as started:
        for name in (STREAM, "other"):
            started.client("kinesis").create_stream(StreamName=name, ShardCount=1)
        yield started


@pytest.fixture
def producer(aws: Server, tmp_path: Path) -> Iterator[Producer]:
    """A producer with the key of a user who is allowed to write to one stream only."""
    iam, user = aws.client("iam"), tmp_path.name
    iam.create_user(UserName=user)
    arn = aws.client("kinesis").describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"][
        "StreamARN"
    ]
    statement = {"Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=user, PolicyName="put", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    made = Producer(tmp_path, aws.endpoint)
    made.configure(
        aws.endpoint,
        access_key=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
        region="us-east-1",
        stream_name=STREAM,
    )
    yield made
    made.close()


def stored(aws: Server) -> list[dict[str, Any]]:
    kinesis = aws.client("kinesis")
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    records: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator)["Records"]
    return records


def test_the_producer_needs_only_the_permission_to_put_records(aws: Server, producer: Producer) -> None:
    done = producer.run("--source", "file", "-", text=tweets(range(600)))

    records = stored(aws)
    assert done.counts["sent"] == len(records) == 600
    assert {json.loads(record["Data"])["id"] for record in records} == {str(number) for number in range(600)}
    assert {record["PartitionKey"] for record in records} == {f"author{number}" for number in range(7)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stream_name": "other"}, "AccessDenied"),
        ({"secret_access_key": "wrong"}, "Signature"),
        ({"access_key": "AKIAUNKNOWN"}, "security token"),
    ],
)
def test_a_call_that_aws_denies_ends_the_run_with_the_identity_and_keeps_the_tweets(
    aws: Server, producer: Producer, values: dict[str, str], message: str
) -> None:
    right = json.loads(producer.config.read_text())
    producer.configure(aws.endpoint, **{**right, **values})

    impatient = (
        "from producer.publish import outage; outage.DENIAL_SECONDS = 0.0; import producer.cli as c; c.main()"
    )
    process = producer.start("--source", "file", "-", program=("-c", impatient))
    done = producer.end(process, tweets(range(3)))

    assert done.code == 1
    assert done.counts["spooled"] == 3
    assert (
        f"Access key {({**right, **values})['access_key']} is not allowed to write to stream" in done.messages
    )
    assert message in done.messages
    assert right["secret_access_key"] not in done.messages


def test_a_record_becomes_the_expected_item_in_the_function() -> None:
    text = 'naïve 🦜 "quoted"\n\\ and a cut \ud83d'
    encoded = Record("名前", "1990000000000000001", "2026-11-23T14:41:28.000Z", text, None, "x").encode()
    assert isinstance(encoded, StreamRecord)

    item = EVENT.build_write(event_record(encoded), EVENT.parse(event_record(encoded)), None)

    assert json.loads(item.request)["PutRequest"]["Item"] == {
        "Username": {"S": "名前"},
        "Id": {"S": "1990000000000000001"},
        "Timestamp": {"S": "2026-11-23T14:41:28.000Z"},
        "Message": {"S": text.replace("\ud83d", "\ufffd")},
    }


def event_record(record: StreamRecord) -> Any:
    """The record as an event source mapping passes it on."""
    return {
        "eventID": "shardId-000000000000:1",
        "eventSourceARN": f"arn:aws:kinesis:us-east-1:000000000000:stream/{STREAM}",
        "kinesis": {
            "data": b64encode(record.data).decode(),
            "partitionKey": record.partition_key,
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1795444888.25,
        },
    }
