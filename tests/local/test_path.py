"""The whole path with its real parts: producer, stream, mapping, function, table and quarantine."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.aws.local_aws import LocalAws
from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.local.conftest import unique
from tests.producer.conftest import Produced, Producer, tweet
from tests.waiting import eventually

CONFIG = {
    "aws:region": "us-east-1",
    # Short waits: a batch is sent at once, and discarded after its second failure.
    full_key("mappingBatchingWindow"): 0,
    full_key("mappingMaximumRetries"): 1,
}
TOO_LARGE = "x" * 410_000
"""A text that a record of the stream can hold, and an item of the table cannot."""

Produce = Callable[[Iterable[str]], Produced]


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

    def rows(self, user: str) -> set[int]:
        """The ids of a user's rows."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.outputs["table_name"],
            KeyConditionExpression="Username = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )
        return {int(item["Id"]["S"]) for page in pages for item in page["Items"]}

    def quarantined(self, prefix: str = "") -> list[bytes]:
        """The payloads of the objects under a prefix: what the function, or Lambda, put there."""
        objects = [
            json.load(self.s3.get_object(**self.bucket, Key=key)["Body"]) for key in self.objects(prefix)
        ]
        return [base64.b64decode(data) for each in objects for data in _payload(each)]

    def objects(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(**self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def empty_quarantine(self) -> None:
        for key in self.objects():
            self.s3.delete_object(**self.bucket, Key=key)

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


def _payload(quarantined: dict[str, Any]) -> list[str]:
    """The base64 data of the one record of the function's own object, or of the batch of Lambda's."""
    if "KinesisBatchInfo" not in quarantined:
        return [quarantined["payload"]]
    return [record["kinesis"]["data"] for record in json.loads(quarantined["payload"])["Records"]]


@pytest.fixture(scope="module")
def deployed(aws: LocalAws) -> Iterator[DeployedStack]:
    deployment = deploy(unique("path"), PROJECT, CONFIG, aws.endpoint)
    yield DeployedStack(aws, deployment.outputs)
    deployment.destroy()


@pytest.fixture
def stack(deployed: DeployedStack) -> Iterator[DeployedStack]:
    """The stack without faults, its quarantine empty."""
    yield deployed
    deployed.aws.faults.clear()
    deployed.empty_quarantine()


@pytest.fixture
def user() -> str:
    """A username that only this test uses."""
    return unique("user")


@pytest.fixture
def produce(stack: DeployedStack, tmp_path: Path) -> Iterator[Produce]:
    """Runs the producer's command with the stack's outputs, on lines of a file."""
    outputs = ("access_key", "secret_access_key", "region", "stream_name")
    producer = Producer(tmp_path, stack.aws.endpoint)
    producer.configure(stack.aws.endpoint, **{name: stack.outputs[name] for name in outputs})

    def run(lines: Iterable[str]) -> Produced:
        (tmp_path / "tweets.jsonl").write_text("".join(lines))
        return producer.run("--source", "file", str(tmp_path / "tweets.jsonl"), "--linger", "20")

    yield run
    producer.close()


def tweets(numbers: range, user: str) -> list[str]:
    return [tweet(number, user) for number in numbers]


def ids(payloads: list[bytes]) -> list[int]:
    return sorted(int(json.loads(payload)["id"]) for payload in payloads)


def test_every_tweet_is_accounted_for_whatever_fails(
    stack: DeployedStack, produce: Produce, user: str
) -> None:
    faults = stack.aws.faults
    faults.set("kinesis:PutRecords", entries=0.1, error=0.2, reset=0.2)
    faults.set("kinesis:GetRecords", error=1, times=3)
    faults.set("lambda:InvokeFunction", error=1, times=2)
    faults.set("dynamodb:BatchWriteItem", entries=0.1, throttle=0.1, lost=0.1)
    faults.set("s3:PutObject", error=1, times=2)
    good = tweets(range(1200), user)
    poison = [tweet(number, user, text=TOO_LARGE) for number in (1200, 1201)]
    repeats = good[100:200]
    no_tweets = ["not JSON\n"]

    done = produce(good[:600] + poison + repeats + no_tweets + good[600:])

    assert done.code == 1  # for the line that is no tweet
    assert done.counts == {
        "received": 1303,
        "replayed": 0,
        "sent": 1302,
        "spooled": 0,
        "rejected": 1,
        "missing": 0,
    }
    eventually(lambda: len(stack.rows(user)) >= 1200)
    assert stack.rows(user) == set(range(1200))
    eventually(lambda: len(stack.objects()) >= 2)
    assert ids(stack.quarantined("records/too-large/")) == [1200, 1201]
    assert stack.quarantined("aws/lambda/") == []
    assert {strike.split()[0] for strike in faults.injected()} == {
        "kinesis:PutRecords",
        "kinesis:GetRecords",
        "lambda:InvokeFunction",
        "dynamodb:BatchWriteItem",
        "s3:PutObject",
    }


def test_poison_at_the_head_of_the_shard_holds_nothing_back(
    stack: DeployedStack, produce: Produce, user: str
) -> None:
    poison = [b"not JSON", b"\xff", b"[]", b'{"username": "", "id": "1"}']
    stack.put(*poison)
    produce(tweets(range(300), user))
    eventually(lambda: len(stack.rows(user)) >= 300)
    assert stack.rows(user) == set(range(300))
    eventually(lambda: len(stack.objects()) >= len(poison))
    assert sorted(stack.quarantined("records/")) == sorted(poison)


def test_poison_that_the_function_cannot_quarantine_is_discarded_alone(
    stack: DeployedStack, produce: Produce, user: str
) -> None:
    lambdas_part = f"arn:aws:s3:::{stack.outputs['quarantine_bucket']}/aws/lambda/*"
    with stack.policy("WriteQuarantine", lambdas_part):
        stack.put(b"not JSON")
        produce(tweets(range(300), user))
        eventually(lambda: len(stack.rows(user)) >= 300 and stack.objects())
    assert stack.rows(user) == set(range(300))
    assert stack.quarantined() == stack.quarantined("aws/lambda/") == [b"not JSON"]


def test_a_batch_that_exhausts_its_retries_lies_in_quarantine_with_its_payload(
    stack: DeployedStack, produce: Produce, user: str
) -> None:
    with stack.policy("WriteTable", None):
        produce(tweets(range(2), user))  # few, because the function starts anew after each error
        eventually(lambda: len(stack.objects("aws/lambda/")) >= 2)
        assert stack.rows(user) == set()
    produce(tweets(range(2, 300), user))
    eventually(lambda: len(stack.rows(user)) >= 298)
    assert stack.rows(user) == set(range(2, 300))
    assert ids(stack.quarantined()) == [0, 1]
