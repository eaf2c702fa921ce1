"""The whole path with its real parts: producer, stream, mapping, function, table and quarantine."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.deploy import deploy
from local.server import LocalAws
from tests.local.conftest import eventually
from tests.producer.conftest import Produced, Producer, tweet

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = {
    "aws:region": "us-east-1",
    # Nobody wants to wait: a batch goes at once, and is given up after its second failure.
    "stream-processing:mappingBatchingWindow": 0,
    "stream-processing:mappingMaximumRetries": 1,
}
TOO_LARGE = "x" * 410_000
"""A text that a record of the stream can hold, and an item of the table cannot."""

Key = tuple[str, str]


class DeployedStack:
    """The stack, looked at with the root's credentials."""

    def __init__(self, aws: LocalAws, outputs: dict[str, Any]) -> None:
        self.aws, self.outputs = aws, outputs
        self.dynamodb, self.s3, self.kinesis = map(aws.client, ("dynamodb", "s3", "kinesis"))
        self.bucket = {"Bucket": outputs["quarantine_bucket"]}

    def put(self, *payloads: bytes) -> None:
        """Put records that no producer would put."""
        for payload in payloads:
            self.kinesis.put_record(
                StreamName=self.outputs["stream_name"], Data=payload, PartitionKey="somebody"
            )

    def rows(self) -> set[Key]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.outputs["table_name"])
        return {(item["Username"]["S"], item["Id"]["S"]) for page in pages for item in page["Items"]}

    def quarantined(self, prefix: str) -> list[bytes]:
        """The payloads of the objects under a prefix: what the function, or Lambda, put there."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(**self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        objects = [json.load(self.s3.get_object(**self.bucket, Key=key)["Body"]) for key in keys]
        return [base64.b64decode(data) for each in objects for data in _data_of(each)]

    @contextmanager
    def policy(self, sid: str, resource: str | None) -> Iterator[None]:
        """A statement of the function's role with another resource, or with none: not there."""
        iam = self.aws.client("iam")
        policy = {"RoleName": self.outputs["function_name"], "PolicyName": "StoreEvents"}
        document = iam.get_role_policy(**policy)["PolicyDocument"]
        others = [each for each in document["Statement"] if each["Sid"] != sid]
        [statement] = [each for each in document["Statement"] if each["Sid"] == sid]
        changed = [{**statement, "Resource": resource}] if resource else []
        iam.put_role_policy(**policy, PolicyDocument=json.dumps({**document, "Statement": others + changed}))
        try:
            yield
        finally:
            iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def _data_of(quarantined: dict[str, Any]) -> list[str]:
    """The base64 data of the one record of the function's own object, or of the batch of Lambda's."""
    if "KinesisBatchInfo" not in quarantined:
        return [quarantined["payload"]]
    return [record["kinesis"]["data"] for record in json.loads(quarantined["payload"])["Records"]]


@pytest.fixture
def stack(aws: LocalAws) -> Iterator[DeployedStack]:
    """A stack of its own for each test: what lies in its table and its bucket is the test's."""
    deployment = deploy("path", PROJECT, CONFIG, aws.endpoint)
    yield DeployedStack(aws, deployment.outputs)
    aws.faults.clear()
    deployment.destroy()


@pytest.fixture
def produce(stack: DeployedStack, tmp_path: Path) -> Iterator[Any]:
    """Runs the producer's command with the stack's outputs, on lines of a file."""
    outputs = ("access_key", "secret_access_key", "region", "stream_name")
    producer = Producer(tmp_path, stack.aws.endpoint)
    producer.configure(stack.aws.endpoint, **{name: stack.outputs[name] for name in outputs})

    def run(lines: list[str]) -> Produced:
        (tmp_path / "tweets.jsonl").write_text("".join(lines))
        return producer.run("--source", "file", str(tmp_path / "tweets.jsonl"), "--linger", "20")

    yield run
    producer.close()


def keys(numbers: range) -> set[Key]:
    return {(f"author{number % 7}", str(number)) for number in numbers}


def ids(payloads: list[bytes]) -> list[str]:
    return sorted(json.loads(payload)["id"] for payload in payloads)


def test_every_tweet_is_accounted_for_whatever_fails(stack: DeployedStack, produce: Any) -> None:
    faults = stack.aws.faults
    faults.set("kinesis:PutRecords", entries=0.1, error=0.2, reset=0.2)
    faults.set("kinesis:GetRecords", error=0.2)
    faults.set("lambda:InvokeFunction", error=1, times=2)
    faults.set("dynamodb:BatchWriteItem", entries=0.1, throttle=0.1, lost=0.1)
    faults.set("s3:PutObject", error=1, times=2)
    lines = [tweet(number) for number in range(2000)]
    repeats = lines[100:200]
    poison = [tweet(number, text=TOO_LARGE) for number in range(2000, 2003)]
    without_id = ['{"data": {"text": "no id"}}\n']

    done = produce(lines[:1000] + poison + repeats + without_id + lines[1000:])

    assert done.code == 0
    assert done.counts == {"received": 2104, "replayed": 0, "sent": 2103, "spooled": 0, "rejected": 1}
    assert eventually(lambda: len(stack.rows()) >= 2000)
    assert stack.rows() == keys(range(2000))
    assert eventually(lambda: len(stack.quarantined("")) >= 3)
    assert ids(stack.quarantined("records/too-large/")) == ["2000", "2001", "2002"]
    assert stack.quarantined("aws/lambda/") == []
    assert {strike.split()[0] for strike in faults.injected()} == {
        "kinesis:PutRecords",
        "kinesis:GetRecords",
        "lambda:InvokeFunction",
        "dynamodb:BatchWriteItem",
        "s3:PutObject",
    }


def test_poison_at_the_head_of_the_shard_holds_nothing_back(stack: DeployedStack, produce: Any) -> None:
    poison = [b"not JSON", b"\xff", b"[]", b'{"username": "", "id": "1"}']
    stack.put(*poison)
    produce([tweet(number) for number in range(300)])
    assert eventually(lambda: len(stack.rows()) >= 300)
    assert eventually(lambda: len(stack.quarantined("records/")) >= len(poison))
    assert stack.rows() == keys(range(300))
    assert sorted(stack.quarantined("")) == sorted(poison)


def test_poison_that_the_function_cannot_quarantine_is_given_up_alone(
    stack: DeployedStack, produce: Any
) -> None:
    lambdas_part = f"arn:aws:s3:::{stack.outputs['quarantine_bucket']}/aws/lambda/*"
    with stack.policy("WriteQuarantine", lambdas_part):
        stack.put(b"not JSON")
        produce([tweet(number) for number in range(300)])
        assert eventually(lambda: stack.quarantined("aws/lambda/"))
        assert eventually(lambda: len(stack.rows()) >= 300)
    assert stack.rows() == keys(range(300))
    assert stack.quarantined("") == [b"not JSON"]


def test_a_batch_that_exhausts_its_retries_lies_in_quarantine_with_its_payload(
    stack: DeployedStack, produce: Any
) -> None:
    with stack.policy("WriteTable", None):
        produce([tweet(0), tweet(1)])  # few: after each error the function starts anew
        assert eventually(lambda: len(stack.quarantined("aws/lambda/")) >= 2)
        assert stack.rows() == set()
    produce([tweet(number) for number in range(2, 300)])
    assert eventually(lambda: len(stack.rows()) >= 298)
    assert stack.rows() == keys(range(2, 300))
    assert ids(stack.quarantined("")) == ["0", "1"]
