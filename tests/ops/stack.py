"""The deployed stack that the tests operate, and ways to break it."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from event.types.tweet import EVENT
from local.aws.local_aws import LocalAws
from ops.cli import cli
from stack.project import PROJECT
from tests.forks import Forks
from tests.ops.schemas import check_document, documents_of
from tests.waiting import eventually


def tweet(user: str, number: int = 1, **members: Any) -> bytes:
    """A record of the stream."""
    record = {
        "username": user,
        "id": str(number),
        "created_at": "2026-11-23T14:41:28.000Z",
        "text": f"tweet {number}",
        "lang": "en",
        "source": "file",
    }
    return json.dumps(record | members).encode()


def tombstone(user: str, number: int = 1) -> bytes:
    """A record of the stream that deletes the row of a tweet."""
    return EVENT.encode_tombstone((user, str(number)))


class DeployedStack:
    """A stack in local AWS: its clients are the root's, its commands those of an operator."""

    def __init__(
        self, aws: LocalAws, outputs: dict[str, Any], folder: Path, forks: Forks | None = None
    ) -> None:
        self.aws = aws
        self._forks = forks
        self.outputs = outputs
        self.outputs_file = folder / "outputs.json"
        self.outputs_file.write_text(json.dumps(outputs))
        self.s3, self.iam, self.kinesis = aws.client("s3"), aws.client("iam"), aws.client("kinesis")
        self.lambda_ = aws.client("lambda")
        self.dynamodb = aws.client("dynamodb")
        self._busy = False

    def ops(self, *arguments: str, **options: Any) -> Result:
        """Run `python -m ops` in this process against this stack."""
        self._busy = self._busy or "redrive" in arguments
        return CliRunner().invoke(cli, [*arguments, *self.options], **options)

    def ops_as(self, environment: dict[str, str], *arguments: str) -> Result:
        """Run a command as another operator."""
        outputs = ["--outputs", str(self.outputs_file)]
        return CliRunner().invoke(cli, [*arguments, *outputs], env=environment)

    def ops_process(self, *arguments: str, endpoint: str | None = None) -> "subprocess.Popen[str]":
        """Run a command in another process, against local AWS or an endpoint before it."""
        options = ["--outputs", str(self.outputs_file), "--endpoint", endpoint or self.aws.endpoint]
        command = ["-m", "ops", *arguments, *options]
        environment = {**os.environ, "COLUMNS": "120"}
        pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        if self._forks:
            return self._forks.start(*command, env=environment, cwd=PROJECT, **pipes)
        return subprocess.Popen([sys.executable, *command], env=environment, cwd=PROJECT, text=True, **pipes)

    @property
    def options(self) -> list[str]:
        return ["--outputs", str(self.outputs_file), "--endpoint", self.aws.endpoint]

    def json(self, *arguments: str) -> Any:
        """The JSON that a command writes, which is one of its documents."""
        return check_document(self.ops(*arguments, "--json").stdout, *documents_of(*arguments))

    @contextmanager
    def operator(self, *actions: str) -> Iterator[dict[str, str]]:
        """The environment of an operator whose own credentials permit these actions only."""
        self.iam.create_user(UserName="operator")
        statement = {"Effect": "Allow", "Action": actions or ["sts:GetCallerIdentity"], "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.iam.put_user_policy(
            UserName="operator", PolicyName="policy", PolicyDocument=json.dumps(document)
        )
        key = self.iam.create_access_key(UserName="operator")["AccessKey"]
        try:
            yield {
                "AWS_ENDPOINT_URL": self.aws.endpoint,
                "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            }
        finally:
            self.iam.delete_access_key(UserName="operator", AccessKeyId=key["AccessKeyId"])
            self.iam.delete_user_policy(UserName="operator", PolicyName="policy")
            self.iam.delete_user(UserName="operator")

    def put(self, *payloads: bytes, key: str = "someone") -> None:
        """Put records on the stream, in order."""
        self._busy = True
        self.kinesis.put_records(
            StreamName=self.outputs["stream_name"],
            Records=[{"Data": payload, "PartitionKey": key} for payload in payloads],
        )

    def on_stream(self) -> list[bytes]:
        """The payloads of all records of the stream, oldest first."""
        return [payload for _, payload in self.records_on_stream()]

    def records_on_stream(self) -> list[tuple[str, bytes]]:
        """The partition key and the payload of each record of the stream, oldest first."""
        name = self.outputs["stream_name"]
        (shard,) = self.kinesis.list_shards(StreamName=name)["Shards"]
        iterator = self.kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records: list[tuple[str, bytes]] = []
        while (answer := self.kinesis.get_records(ShardIterator=iterator))["Records"]:
            records += [(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
            iterator = answer["NextShardIterator"]
        return records

    def rows(self, user: str) -> set[str]:
        """The ids of a user's rows."""
        answer = self.dynamodb.query(
            TableName=self.outputs["table_name"],
            KeyConditionExpression="Username = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )
        return {item["Id"]["S"] for item in answer["Items"]}

    def quarantined(self, count: int) -> list[str]:
        """Wait for that many objects in quarantine; return their keys."""
        eventually(lambda: len(self.objects()) == count)
        return self.objects()

    def objects(self) -> list[str]:
        """The keys in quarantine now."""
        return [key for key in self.everything() if not key.startswith("redriven/")]

    def settle(self) -> None:
        """Wait until the function has handled the only shard, then empty the quarantine.

        A batch stores its tweets before it writes to quarantine: that is over once the next batch is stored.
        """
        if self._busy:
            for _ in range(2):
                last = f"last-{uuid.uuid4().hex}"
                self.put(tweet(last))
                eventually(partial(self.rows, last))
            self._busy = False
        for key in self.everything():
            self.s3.delete_object(Bucket=self.outputs["quarantine_bucket"], Key=key)

    def everything(self) -> list[str]:
        """The keys of the bucket, markers included."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["quarantine_bucket"])
        return [listed["Key"] for page in pages for listed in page.get("Contents", [])]

    @contextmanager
    def table_closed(self) -> Iterator[None]:
        """Take the permission to write the table away from the function, while the block runs."""
        with self.without("WriteTable"):
            yield

    @contextmanager
    def without(self, sid: str) -> Iterator[None]:
        """Take a statement out of the policy of the function's role, while the block runs."""
        function = self.outputs["function_name"]
        policy = {"RoleName": function, "PolicyName": "StoreEvents"}
        document = self.iam.get_role_policy(**policy)["PolicyDocument"]
        statements = [each for each in document["Statement"] if each["Sid"] != sid]
        assert len(statements) == len(document["Statement"]) - 1
        narrowed = {**document, "Statement": statements}
        self.iam.put_role_policy(**policy, PolicyDocument=json.dumps(narrowed))
        try:
            yield
        finally:
            self.iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))

    @contextmanager
    def mapping(self, **settings: Any) -> Iterator[None]:
        """Change the event source mapping, while the block runs."""
        function = self.outputs["function_name"]
        (mapping,) = self.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        mapping["Enabled"] = mapping["State"] == "Enabled"
        before = {name: mapping[name] for name in settings}
        self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], **settings)
        try:
            yield
        finally:
            self.lambda_.update_event_source_mapping(UUID=mapping["UUID"], **before)
