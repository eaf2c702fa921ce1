"""A real local AWS for each test process, and a pipeline in it for each test that asks for one."""

import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.local_aws import LocalAws
from local.aws.server import REGION, ROOT_KEY
from tests.waiting import eventually

TRUST_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
READ_STREAM = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
]
# Each invocation appends its payloads to a file, then does what the test's `respond` says.
HANDLER = """
import base64, json, time

def lambda_handler(event, context):
    payloads = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
    with open({received!r}, "a") as received:
        received.write(json.dumps(payloads) + "\\n")
    print(len(payloads), "records")  # ministack waits for the log of a function that is silent
    return respond(payloads, numbers)

{respond}
"""
SUCCEED = "def respond(payloads, numbers): return None"
REPORT_BAD = """
def respond(payloads, numbers):
    bad = [number for payload, number in zip(payloads, numbers) if payload.startswith("bad")]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in bad]}
"""
RAISE_ON_BAD = """
def respond(payloads, numbers):
    if any(payload.startswith("bad") for payload in payloads):
        raise ValueError("a bad payload")
"""


def root_kinesis(endpoint: str) -> Any:
    """Return a Kinesis client with the root's key for a local AWS of another process."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
    )


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def zipped(**modules: str) -> bytes:
    """A function's deployment package."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        for name, source in modules.items():
            package.writestr(f"{name}.py", source)
    return content.getvalue()


class Pipeline:
    """A stream and a function that records what it receives; map them as the test needs it."""

    def __init__(self, aws: LocalAws, directory: Path) -> None:
        self.aws = aws
        self.kinesis, self.function_api = aws.client("kinesis"), aws.client("lambda")
        self.s3, self.iam = aws.client("s3"), aws.client("iam")
        self.stream, self.function, self.role = unique("stream"), unique("function"), unique("role")
        self.stream_arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.stream}"
        self.mappings: list[str] = []
        self.received_path = directory / "received.jsonl"
        self._statements: list[dict[str, Any]] = []
        self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=json.dumps(TRUST_LAMBDA))
        self.allow(READ_STREAM, self.stream_arn)

    def allow(self, actions: list[str], *resources: str) -> None:
        """Allow the function's role more actions."""
        self._statements.append({"Effect": "Allow", "Action": actions, "Resource": resources})
        self._put_policy()

    def forbid_everything(self) -> None:
        self._statements.clear()
        self.iam.delete_role_policy(RoleName=self.role, PolicyName="policy")

    def create_stream(self, shards: int = 1) -> None:
        self.kinesis.create_stream(StreamName=self.stream, ShardCount=shards)

    def create_function(self, respond: str = SUCCEED, timeout: int = 60) -> None:
        source = HANDLER.format(received=str(self.received_path), respond=textwrap.dedent(respond))
        self.function_api.create_function(
            FunctionName=self.function,
            Runtime="python3.11",
            Role=f"arn:aws:iam::000000000000:role/{self.role}",
            Handler="app.lambda_handler",
            Code={"ZipFile": zipped(app=source)},
            Timeout=timeout,
        )

    def map(self, respond: str = SUCCEED, shards: int = 1, **settings: Any) -> str:
        """Create the stream, the function and a mapping from the oldest record on; return the mapping's UUID."""
        if self.stream not in self.kinesis.list_streams()["StreamNames"]:
            self.create_stream(shards)
        if self.function not in self._functions():
            self.create_function(respond)
        mapping = self.function_api.create_event_source_mapping(
            EventSourceArn=self.stream_arn,
            FunctionName=self.function,
            **{
                "StartingPosition": "TRIM_HORIZON",
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                **settings,
            },
        )
        self.mappings.append(mapping["UUID"])
        return self.mappings[-1]

    def put(self, *payloads: str, key: Callable[[str], str] = str) -> None:
        """Put records, in their order; each payload is its own partition key unless ``key`` says another."""
        records = [{"Data": payload.encode(), "PartitionKey": key(payload)} for payload in payloads]
        for start in range(0, len(records), 500):
            self.kinesis.put_records(StreamName=self.stream, Records=records[start : start + 500])

    def batches(self) -> list[list[str]]:
        """The payloads of each invocation, in their order."""
        if not self.received_path.exists():
            return []
        lines = self.received_path.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is being written

    def received(self) -> list[str]:
        return [payload for batch in self.batches() for payload in batch]

    def receives(self, count: int) -> list[str]:
        """Wait for that many payloads; return all that were received."""
        eventually(lambda: len(self.received()) >= count)
        return self.received()

    def result(self) -> str:
        """The last processing result of the first mapping."""
        mapping = self.function_api.get_event_source_mapping(UUID=self.mappings[0])
        return str(mapping["LastProcessingResult"])

    def create_bucket(self) -> str:
        """Create a bucket that the role is allowed to write to; return its ARN."""
        bucket = unique("quarantine")
        self.s3.create_bucket(Bucket=bucket)
        self.allow(["s3:PutObject", "s3:ListBucket"], f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*")
        return f"arn:aws:s3:::{bucket}"

    def discarded(self, bucket_arn: str) -> dict[str, dict[str, Any]]:
        """Wait for an object in the bucket; return all by their key."""
        bucket = bucket_arn.rpartition(":")[2]
        found = eventually(lambda: self.s3.list_objects_v2(Bucket=bucket).get("Contents", []))
        keys = [entry["Key"] for entry in found]
        return {key: json.load(self.s3.get_object(Bucket=bucket, Key=key)["Body"]) for key in keys}

    def _functions(self) -> set[str]:
        pages = self.function_api.get_paginator("list_functions").paginate()
        return set(pages.search("Functions[].FunctionName"))

    def remove(self) -> None:
        for mapping in self.mappings:
            self.function_api.delete_event_source_mapping(UUID=mapping)
        if self.function in self._functions():
            self.function_api.delete_function(FunctionName=self.function)

    def _put_policy(self) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": self._statements})
        self.iam.put_role_policy(RoleName=self.role, PolicyName="policy", PolicyDocument=document)


@pytest.fixture(scope="package")
def aws() -> Iterator[LocalAws]:
    """A local AWS that the tests of this process share: give what you create a unique name."""
    with LocalAws.start() as aws:
        yield aws


@pytest.fixture
def pipeline(aws: LocalAws, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(aws, tmp_path)
    yield pipeline
    pipeline.remove()
