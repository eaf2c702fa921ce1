"""Each action that the program's policies grant: it works by its statement alone, and nothing else works.

The stack is deployed with a key of the user's, so that all statements are there but X-Ray's, which is not a
service of local AWS.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.local.conftest import TRUST_LAMBDA, unique

# identity -> Sid -> actions: each is tested alone, and together they are the deployed policies.
GRANTED = {
    "function": {
        "ReadStream": [
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        ],
        "WriteTable": ["dynamodb:BatchWriteItem"],
        "WriteLog": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "WriteQuarantine": ["s3:PutObject"],
        "FindQuarantine": ["s3:ListBucket"],
    },
    "producer": {
        "PutRecords": ["kinesis:PutRecord", "kinesis:PutRecords"],
    },
}
KEY_STATEMENTS = {"DecryptStream", "UseTableKey", "EncryptQuarantine", "EncryptRecords"}
"""Granted through one service only, which local AWS does not call KMS through: tests/infra asserts them."""
EACH_ACTION = [
    pytest.param(identity, sid, action, id=f"{identity}-{sid}-{action}")
    for identity, statements in GRANTED.items()
    for sid, actions in statements.items()
    for action in actions
]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources that a policy can name."""

    aws: LocalAws
    stream: str
    table: str
    bucket: str
    log_group: str
    key: str
    function: str
    user: str
    topic_arn: str

    @property
    def stream_arn(self) -> str:
        return f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.stream}"

    def beginning(self) -> dict[str, str]:
        """Iterator of the stream's only shard."""
        return {
            "StreamARN": self.stream_arn,
            "ShardId": "shardId-000000000000",
            "ShardIteratorType": "TRIM_HORIZON",
        }

    def iterator(self) -> str:
        answer = self.aws.client("kinesis").get_shard_iterator(**self.beginning())
        return str(answer["ShardIterator"])

    def log_stream(self) -> dict[str, str]:
        """Create a log stream."""
        names = {"logGroupName": self.log_group, "logStreamName": unique("log-stream")}
        self.aws.client("logs").create_log_stream(**names)
        return names

    def ciphertext(self) -> bytes:
        answer = self.aws.client("kms").encrypt(KeyId=self.key, Plaintext=b"secret")
        return bytes(answer["CiphertextBlob"])


@dataclass(frozen=True)
class Identity:
    """An identity with one inline policy; `read` and `write` are IAM's operations on the policy."""

    client: Callable[[str], Any]
    read: Callable[[], dict[str, Any]]
    write: Callable[..., Any]

    def statements(self) -> dict[str, list[str]]:
        """Sid -> actions."""
        return {each["Sid"]: sorted(each["Action"]) for each in self.read()["PolicyDocument"]["Statement"]}

    @contextmanager
    def without(self, sid: str, action: str) -> Iterator[None]:
        """The policy without the action, while the block runs."""
        document = self.read()["PolicyDocument"]
        narrowed = deepcopy(document)
        [statement] = [each for each in narrowed["Statement"] if each["Sid"] == sid]
        statement["Action"].remove(action)
        if not statement["Action"]:
            narrowed["Statement"].remove(statement)
        self.write(PolicyDocument=json.dumps(narrowed))
        try:
            yield
        finally:
            self.write(PolicyDocument=json.dumps(document))


@dataclass(frozen=True)
class Stack:
    """The deployed program: its two identities, its resources, and those of somebody else."""

    identities: dict[str, Identity]
    own: Resources
    foreign: Resources

    def invoked_leaves_a_log(self) -> bool:
        """Invoke the function; tell whether its log group grew."""
        logs, group = self.own.aws.client("logs"), {"logGroupName": self.own.log_group}

        def lines() -> int:
            return len(logs.filter_log_events(**group, filterPattern="REPORT")["events"])

        before = lines()
        payload = json.dumps({"Records": []})
        answer = self.own.aws.client("lambda").invoke(FunctionName=self.own.function, Payload=payload)
        assert "FunctionError" not in answer
        return lines() > before


@pytest.fixture(scope="module")
def stack(aws: LocalAws) -> Iterator[Stack]:
    foreign = somebody_elses(aws)
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    config = {"aws:region": "us-east-1", full_key("kmsKeyArn"): key}
    deployment = deploy(unique("dev"), PROJECT, config, aws.endpoint)
    out, iam = deployment.outputs, aws.client("iam")
    own = Resources(
        aws=aws,
        stream=out["stream_name"],
        table=out["table_name"],
        bucket=out["quarantine_bucket"],
        log_group=f"/aws/lambda/{out['function_name']}",
        key=key,
        function=out["function_name"],
        user=next(made.id for made in deployment.resources if made.token == "aws:iam/user:User"),
        topic_arn=out["alarm_topic_arn"],
    )
    # By unpacking: an identity with another policy, inline or attached, has grants that nobody tests.
    [of_role] = iam.list_role_policies(RoleName=own.function)["PolicyNames"]
    [of_user] = iam.list_user_policies(UserName=own.user)["PolicyNames"]
    [] = iam.list_attached_role_policies(RoleName=own.function)["AttachedPolicies"]
    [] = iam.list_attached_user_policies(UserName=own.user)["AttachedPolicies"]
    function = {"RoleName": own.function, "PolicyName": of_role}
    producer = {"UserName": own.user, "PolicyName": of_user}
    access = {"access_key": out["access_key"], "secret_key": out["secret_access_key"]}
    identities = {
        "function": Identity(
            cache(lambda service: aws.role_client(service, own.function)),
            partial(iam.get_role_policy, **function),
            partial(iam.put_role_policy, **function),
        ),
        "producer": Identity(
            cache(lambda service: aws.client(service, **access)),
            partial(iam.get_user_policy, **producer),
            partial(iam.put_user_policy, **producer),
        ),
    }
    yield Stack(identities, own, foreign)
    deployment.destroy()


def somebody_elses(aws: LocalAws) -> Resources:
    name = unique("foreign")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "Username", "KeyType": "HASH"},
            {"AttributeName": "Id", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "Username", "AttributeType": "S"},
            {"AttributeName": "Id", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    aws.client("s3").create_bucket(Bucket=name)
    aws.client("logs").create_log_group(logGroupName=name)
    return Resources(
        aws=aws,
        stream=name,
        table=name,
        bucket=name,
        log_group=name,
        key=aws.client("kms").create_key()["KeyMetadata"]["Arn"],
        function=name,
        user=name,
        topic_arn=f"arn:aws:sns:us-east-1:000000000000:{name}",
    )


RECORD: dict[str, Any] = {"Data": b"{}", "PartitionKey": "someone"}
KEY = {"Username": {"S": "someone"}, "Id": {"S": "1"}}
METRIC = {"MetricName": "Stored", "Value": 1}
TRUST = json.dumps(TRUST_LAMBDA)
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)

# action -> the arguments of its operation.
CALLS: dict[str, Callable[[Resources], dict[str, Any]]] = {
    "kinesis:DescribeStream": lambda its: {"StreamARN": its.stream_arn},
    "kinesis:DescribeStreamSummary": lambda its: {"StreamARN": its.stream_arn},
    "kinesis:GetRecords": lambda its: {"ShardIterator": its.iterator(), "StreamARN": its.stream_arn},
    "kinesis:GetShardIterator": lambda its: its.beginning(),
    "kinesis:ListShards": lambda its: {"StreamARN": its.stream_arn},
    "kinesis:PutRecord": lambda its: {"StreamName": its.stream, **RECORD},
    "kinesis:PutRecords": lambda its: {"StreamName": its.stream, "Records": [RECORD]},
    "kinesis:ListStreams": lambda _: {},
    "kinesis:CreateStream": lambda _: {"StreamName": unique("stream"), "ShardCount": 1},
    "kinesis:DeleteStream": lambda its: {"StreamName": its.stream},
    "kinesis:UpdateShardCount": lambda its: {
        "StreamName": its.stream,
        "TargetShardCount": 2,
        "ScalingType": "UNIFORM_SCALING",
    },
    "dynamodb:BatchWriteItem": lambda its: {"RequestItems": {its.table: [{"PutRequest": {"Item": KEY}}]}},
    "dynamodb:BatchGetItem": lambda its: {"RequestItems": {its.table: {"Keys": [KEY]}}},
    "dynamodb:GetItem": lambda its: {"TableName": its.table, "Key": KEY},
    "dynamodb:PutItem": lambda its: {"TableName": its.table, "Item": KEY},
    "dynamodb:DeleteItem": lambda its: {"TableName": its.table, "Key": KEY},
    "dynamodb:Scan": lambda its: {"TableName": its.table},
    "dynamodb:DescribeTable": lambda its: {"TableName": its.table},
    "dynamodb:DeleteTable": lambda its: {"TableName": its.table},
    "s3:PutObject": lambda its: {"Bucket": its.bucket, "Key": "records/some", "Body": b"{}"},
    "s3:ListBucket": lambda its: {"Bucket": its.bucket},
    "s3:GetObject": lambda its: {"Bucket": its.bucket, "Key": "records/some"},
    "s3:DeleteObject": lambda its: {"Bucket": its.bucket, "Key": "records/some"},
    "s3:DeleteBucket": lambda its: {"Bucket": its.bucket},
    "s3:PutBucketPolicy": lambda its: {"Bucket": its.bucket, "Policy": EVERYTHING},
    "s3:CreateBucket": lambda _: {"Bucket": unique("bucket")},
    "logs:CreateLogGroup": lambda _: {"logGroupName": unique("group")},
    "logs:CreateLogStream": lambda its: {"logGroupName": its.log_group, "logStreamName": unique("stream")},
    "logs:PutLogEvents": lambda its: {
        **its.log_stream(),
        "logEvents": [{"timestamp": 1_795_444_888_000, "message": "a line"}],
    },
    "logs:FilterLogEvents": lambda its: {"logGroupName": its.log_group},
    "logs:DeleteLogGroup": lambda its: {"logGroupName": its.log_group},
    "kms:Decrypt": lambda its: {"KeyId": its.key, "CiphertextBlob": its.ciphertext()},
    "kms:GenerateDataKey": lambda its: {"KeyId": its.key, "KeySpec": "AES_256"},
    "kms:ScheduleKeyDeletion": lambda its: {"KeyId": its.key},
    "lambda:InvokeFunction": lambda its: {"FunctionName": its.function},
    "lambda:UpdateFunctionConfiguration": lambda its: {"FunctionName": its.function, "Timeout": 900},
    "lambda:DeleteFunction": lambda its: {"FunctionName": its.function},
    "iam:CreateUser": lambda _: {"UserName": unique("user")},
    "iam:CreateAccessKey": lambda its: {"UserName": its.user},
    "iam:CreateRole": lambda _: {"RoleName": unique("role"), "AssumeRolePolicyDocument": TRUST},
    "iam:PutUserPolicy": lambda its: {
        "UserName": its.user,
        "PolicyName": "more",
        "PolicyDocument": EVERYTHING,
    },
    "iam:PutRolePolicy": lambda its: {
        "RoleName": its.function,
        "PolicyName": "more",
        "PolicyDocument": EVERYTHING,
    },
    "sns:Publish": lambda its: {"TopicArn": its.topic_arn, "Message": "all is well"},
    "cloudwatch:PutMetricData": lambda _: {"Namespace": "StreamProcessing", "MetricData": [METRIC]},
}
OPERATIONS = {"s3:ListBucket": "list_objects_v2", "lambda:InvokeFunction": "invoke"}
"""The operations that are not named as their actions are."""


def call(identity: Identity, action: str, its: Resources) -> None:
    """Make the API call of an action."""
    service, name = action.split(":")
    operation = getattr(identity.client(service), OPERATIONS.get(action) or xform_name(name))
    operation(**CALLS[action](its))


@contextmanager
def denied(action: str) -> Iterator[None]:
    """Expect IAM to deny the action by name; any other failure is not a denial."""
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}") as denial:
        yield
    assert denial.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_the_actions_tested_here_are_all_that_the_deployed_policies_grant(stack: Stack) -> None:
    granted = {
        name: {sid: actions for sid, actions in identity.statements().items() if sid not in KEY_STATEMENTS}
        for name, identity in stack.identities.items()
    }
    assert granted == GRANTED


@pytest.mark.parametrize("identity", ["function", "producer"])
@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_the_key_is_of_no_use_but_through_the_stacks_services(
    stack: Stack, identity: str, action: str
) -> None:
    with denied(action):
        call(stack.identities[identity], action, stack.own)


@pytest.mark.parametrize(("identity", "sid", "action"), EACH_ACTION)
def test_each_action_works_with_its_statement_and_is_denied_without(
    stack: Stack, identity: str, sid: str, action: str
) -> None:
    somebody = stack.identities[identity]
    call(somebody, action, stack.own)
    with somebody.without(sid, action), denied(action):
        call(somebody, action, stack.own)
    call(somebody, action, stack.own)


@pytest.mark.parametrize(("identity", "sid", "action"), EACH_ACTION)
def test_a_granted_action_is_denied_on_the_resources_of_others(
    stack: Stack, identity: str, sid: str, action: str
) -> None:
    with denied(action):
        call(stack.identities[identity], action, stack.foreign)


@pytest.mark.parametrize(
    ("identity", "action"),
    [
        (identity, action)
        for identity, statements in GRANTED.items()
        for action in CALLS
        if action not in {granted for actions in statements.values() for granted in actions}
    ],
)
def test_an_action_that_no_statement_grants_is_denied(stack: Stack, identity: str, action: str) -> None:
    with denied(action):
        call(stack.identities[identity], action, stack.own)


@pytest.mark.parametrize("action", GRANTED["function"]["WriteLog"])
def test_the_function_leaves_no_log_without(stack: Stack, action: str) -> None:
    assert stack.invoked_leaves_a_log()
    with stack.identities["function"].without("WriteLog", action):
        assert not stack.invoked_leaves_a_log()
