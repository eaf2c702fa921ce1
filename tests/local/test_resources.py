"""Each resource type against a real local AWS: made, read, changed in place, mended, removed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pulumi
import pytest
from botocore.exceptions import ClientError

from local.resources import RESOURCES, SERVICES, Aws, Properties, Resource
from local.resources.archive import zipped
from local.server import LocalAws
from tests.local.conftest import READ_STREAM, TRUST_LAMBDA, unique

S3 = "aws:s3/bucket"


@dataclass
class Made:
    """A resource in AWS; `given` are its inputs as a program has them, `inputs` the checked ones."""

    kind: Resource
    given: Properties
    inputs: Properties
    state: Properties

    def __getitem__(self, key: str) -> Any:
        return self.state[key]

    @property
    def id(self) -> str:
        return str(self.state["id"])

    def change(self, **inputs: Any) -> set[str]:
        """Deploy with other inputs (None: left out); the properties that this changes."""
        self.given |= inputs
        self.inputs, wrong = self.kind.check("x", self.given, self.state)
        assert not wrong
        changes = self.changes()
        self.state = self.kind.change(self.id, self.state, self.inputs)
        assert not self.changes(), "what was changed is still a change"
        return changes

    def changes(self) -> set[str]:
        return set(self.kind.changes(self.state, self.inputs))

    def refresh(self) -> Properties | None:
        return self.kind.refresh(self.id, self.state)


class Account:
    """Makes resources in a local AWS, with whatever they need."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.made: list[Made] = []

    def make(self, token: str, **inputs: Any) -> Made:
        kind = RESOURCES[token](self.aws)
        checked, wrong = kind.check(unique("x"), inputs)
        assert not wrong
        self.made.append(Made(kind, inputs, checked, kind.make(checked)))
        return self.made[-1]

    def stream(self, **inputs: Any) -> Made:
        return self.make("aws:kinesis/stream:Stream", **{"shardCount": 1.0, **inputs})

    def table(self, **inputs: Any) -> Made:
        return self.make(
            "aws:dynamodb/table:Table",
            **{
                "hashKey": "Username",
                "rangeKey": "Id",
                "attributes": [{"name": "Username", "type": "S"}, {"name": "Id", "type": "S"}],
                "billingMode": "PAY_PER_REQUEST",
                **inputs,
            },
        )

    def bucket(self, **inputs: Any) -> Made:
        return self.make(f"{S3}:Bucket", **inputs)

    def role(self, **inputs: Any) -> Made:
        policy = json.dumps(TRUST_LAMBDA)
        return self.make("aws:iam/role:Role", assumeRolePolicy=policy, **inputs)

    def user(self, **inputs: Any) -> Made:
        return self.make("aws:iam/user:User", **inputs)

    def topic(self, **inputs: Any) -> Made:
        return self.make("aws:sns/topic:Topic", **inputs)

    def log_group(self, **inputs: Any) -> Made:
        return self.make("aws:cloudwatch/logGroup:LogGroup", **inputs)

    def function(self, **inputs: Any) -> Made:
        code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): pass")})
        return self.make(
            "aws:lambda/function:Function",
            **{"role": self.role()["arn"], "handler": "app.handle", "runtime": "python3.13", "code": code}
            | inputs,
        )

    def mapping(self, **inputs: Any) -> Made:
        stream, function = self.stream(), self.function()
        role = function["role"].rpartition("/")[2]
        self.make("aws:iam/rolePolicy:RolePolicy", role=role, policy=allow(READ_STREAM, stream["arn"]))
        return self.make(
            "aws:lambda/eventSourceMapping:EventSourceMapping",
            functionName=function["name"],
            eventSourceArn=stream["arn"],
            startingPosition="TRIM_HORIZON",
            **inputs,
        )

    def alarm(self, **inputs: Any) -> Made:
        return self.make(
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            **{
                "namespace": "AWS/Lambda",
                "metricName": "IteratorAge",
                "statistic": "Maximum",
                "comparisonOperator": "GreaterThanThreshold",
                "threshold": 60000.0,
                "period": 60.0,
                "evaluationPeriods": 5.0,
                "dimensions": {"FunctionName": "f"},
                **inputs,
            },
        )

    def remove_everything(self) -> None:
        for made in reversed(self.made):
            made.kind.remove(made.id, made.state)


def allow(actions: list[str], *resources: str, principal: str | None = None) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
    if principal:
        statement["Principal"] = {"Service": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LIFECYCLE: dict[str, Any] = {
    "id": "expire",
    "status": "Enabled",
    "filter": {"prefix": ""},
    "expiration": {"days": 30.0},
    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1.0},
}
OF_EACH_TYPE: dict[str, Callable[[Account], Made]] = {
    "aws:kinesis/stream:Stream": lambda account: account.stream(
        retentionPeriod=48.0, encryptionType="KMS", kmsKeyId="alias/aws/kinesis", tags={"a": "b"}
    ),
    "aws:kinesis/stream:Stream on demand": lambda account: account.make(
        "aws:kinesis/stream:Stream", streamModeDetails={"streamMode": "ON_DEMAND"}
    ),
    "aws:dynamodb/table:Table": lambda account: account.table(
        ttl={"enabled": True, "attributeName": "ExpiresAt"},
        pointInTimeRecovery={"enabled": True},
        serverSideEncryption={"enabled": True},
        tags={"a": "b"},
    ),
    "aws:dynamodb/table:Table provisioned": lambda account: account.table(
        billingMode="PROVISIONED", readCapacity=5.0, writeCapacity=5.0
    ),
    "aws:s3/bucket:Bucket": lambda account: account.bucket(bucketPrefix="events-", tags={"a": "b"}),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda account: account.make(
        f"{S3}PublicAccessBlock:BucketPublicAccessBlock", bucket=account.bucket().id, blockPublicAcls=True
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": lambda account: account.make(
        f"{S3}OwnershipControls:BucketOwnershipControls",
        bucket=account.bucket().id,
        rule={"objectOwnership": "BucketOwnerEnforced"},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lambda account: account.make(
        f"{S3}LifecycleConfiguration:BucketLifecycleConfiguration",
        bucket=account.bucket().id,
        rules=[LIFECYCLE],
    ),
    "aws:s3/bucketPolicy:BucketPolicy": lambda account: account.make(
        f"{S3}Policy:BucketPolicy",
        bucket=account.bucket(bucket=(name := unique("policy"))).id,
        policy=allow(["s3:GetObject"], f"arn:aws:s3:::{name}/*", principal="cloudtrail.amazonaws.com"),
    ),
    "aws:cloudwatch/logGroup:LogGroup": lambda account: account.log_group(
        retentionInDays=7.0, tags={"a": "b"}
    ),
    "aws:iam/role:Role": lambda account: account.role(description="Reads", tags={"a": "b"}),
    "aws:iam/rolePolicy:RolePolicy": lambda account: account.make(
        "aws:iam/rolePolicy:RolePolicy", role=account.role().id, policy=allow(["s3:GetObject"], "*")
    ),
    "aws:iam/user:User": lambda account: account.user(tags={"a": "b"}),
    "aws:iam/userPolicy:UserPolicy": lambda account: account.make(
        "aws:iam/userPolicy:UserPolicy", user=account.user().id, policy=allow(["s3:GetObject"], "*")
    ),
    "aws:iam/accessKey:AccessKey": lambda account: account.make(
        "aws:iam/accessKey:AccessKey", user=account.user().id
    ),
    "aws:lambda/function:Function": lambda account: account.function(
        architectures=["arm64"],
        environment={"variables": {"TABLE_NAME": "Events"}},
        loggingConfig={"logFormat": "JSON", "applicationLogLevel": "INFO"},
        tracingConfig={"mode": "PassThrough"},
        tags={"a": "b"},
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": lambda account: account.mapping(
        batchSize=500.0,
        functionResponseTypes=["ReportBatchItemFailures"],
        metricsConfig={"metrics": ["EventCount"]},
        tags={"a": "b"},
    ),
    "aws:sns/topic:Topic": lambda account: account.topic(displayName="Alarms", tags={"a": "b"}),
    "aws:sns/topicSubscription:TopicSubscription": lambda account: account.make(
        "aws:sns/topicSubscription:TopicSubscription",
        topic=account.topic().id,
        protocol="email",
        endpoint="ops@example.com",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda account: account.alarm(
        alarmActions=[account.topic().id], tags={"a": "b"}
    ),
    "aws:cloudwatch/dashboard:Dashboard": lambda account: account.make(
        "aws:cloudwatch/dashboard:Dashboard",
        dashboardName=unique("dashboard"),
        dashboardBody='{"widgets": []}',
    ),
}


def encryption(account: Account) -> Made:
    by_default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/events"}
    return account.make(
        f"{S3}ServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        bucket=account.bucket().id,
        rules=[{"applyServerSideEncryptionByDefault": by_default, "bucketKeyEnabled": True}],
    )


def topic_policy(account: Account) -> Made:
    arn = account.topic().id
    policy = allow(["sns:Publish"], arn, principal="cloudwatch.amazonaws.com")
    return account.make("aws:sns/topicPolicy:TopicPolicy", arn=arn, policy=policy)


# Without ours, AWS has its own.
ALWAYS_THERE = [encryption, topic_policy]


@pytest.fixture(scope="module")
def connection(aws: LocalAws) -> Aws:
    """Shared, because making clients takes most of the time of a test."""
    return Aws("us-east-1", "test", "test", dict.fromkeys(SERVICES, aws.endpoint))


@pytest.fixture
def account(connection: Aws) -> Iterator[Account]:
    account = Account(connection)
    yield account
    account.remove_everything()


@pytest.mark.parametrize("make", OF_EACH_TYPE.values(), ids=OF_EACH_TYPE)
def test_is_made_as_asked_for_and_removed_for_good(account: Account, make: Callable[..., Made]) -> None:
    made = make(account)
    assert made.changes() == set()
    assert made.refresh() == made.state
    made.kind.remove(made.id, made.state)
    assert made.refresh() is None
    made.kind.remove(made.id, made.state)  # no error


@pytest.mark.parametrize("make", ALWAYS_THERE)
def test_is_made_as_asked_for_and_removed_to_what_was(account: Account, make: Callable[..., Made]) -> None:
    made = make(account)
    assert made.changes() == set()
    assert made.refresh() == made.state
    made.kind.remove(made.id, made.state)
    assert made.kind.changes(made.refresh() or {}, made.inputs)


class TestStream:
    def test_changes_in_place(self, account: Account) -> None:
        stream = account.stream(tags={"old": "1"})
        assert stream.change(shardCount=2.0, retentionPeriod=48.0, tags={"new": "2"}) == {
            "shardCount",
            "retentionPeriod",
            "tags",
        }
        found = account.aws.kinesis.describe_stream_summary(StreamName=stream["name"])
        assert found["StreamDescriptionSummary"]["OpenShardCount"] == 2
        assert found["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48
        assert stream["tags"] == {"new": "2"}

    def test_is_encrypted_and_no_more(self, account: Account) -> None:
        stream = account.stream()
        stream.change(encryptionType="KMS", kmsKeyId="alias/aws/kinesis")
        assert stream["encryptionType"] == "KMS"
        stream.change(encryptionType="NONE", kmsKeyId=None)
        assert stream["encryptionType"] == "NONE"


class TestTable:
    def test_changes_in_place_and_keeps_its_rows(self, account: Account) -> None:
        table = account.table()
        row = {"Username": {"S": "a"}, "Id": {"S": "1"}}
        account.aws.dynamodb.put_item(TableName=table.id, Item=row)
        table.change(
            ttl={"enabled": True, "attributeName": "ExpiresAt"},
            pointInTimeRecovery={"enabled": True},
            tags={"a": "b"},
        )
        found = account.aws.dynamodb.describe_time_to_live(TableName=table.id)["TimeToLiveDescription"]
        assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}
        assert account.aws.dynamodb.scan(TableName=table.id)["Items"] == [row]

    def test_stops_expiring_items(self, account: Account) -> None:
        table = account.table(ttl={"enabled": True, "attributeName": "ExpiresAt"})
        assert table.change(ttl={"enabled": False}) == {"ttl"}
        assert not table["ttl"]["enabled"]

    def test_is_not_removed_while_it_is_protected(self, account: Account) -> None:
        table = account.table(deletionProtectionEnabled=True)
        with pytest.raises(ClientError, match="protected"):
            table.kind.remove(table.id, table.state)
        table.change(deletionProtectionEnabled=False)


class TestBucket:
    def test_that_holds_objects_is_removed_only_by_force(self, account: Account) -> None:
        bucket = account.bucket()
        account.aws.s3.put_object(Bucket=bucket.id, Key="evidence")
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            bucket.kind.remove(bucket.id, bucket.state)
        bucket.state["forceDestroy"] = True
        bucket.kind.remove(bucket.id, bucket.state)
        assert bucket.refresh() is None

    def test_loses_its_last_tag(self, account: Account) -> None:
        bucket = account.bucket(tags={"a": "b"})
        assert bucket.change(tags=None) == {"tags"}
        assert bucket["tags"] == {}


class TestUnfinished:
    """What could not be finished is taken away, or the next deployment would find the name taken."""

    def test_bucket_without_its_tags_is_taken_away(self, account: Account, aws: LocalAws) -> None:
        name = unique("unfinished")
        aws.faults.set("s3:PutBucketTagging", error=1)
        with pytest.raises(ClientError):
            account.bucket(bucket=name, tags={"a": "b"})
        aws.faults.clear()
        assert name not in [one["Name"] for one in account.aws.s3.list_buckets()["Buckets"]]

    def test_stream_that_never_gets_ready_is_taken_away(self, account: Account, aws: LocalAws) -> None:
        name = unique("unfinished")
        aws.faults.set("kinesis:DescribeStreamSummary", error=1, times=3)
        with pytest.raises(ClientError):
            account.stream(name=name)
        aws.faults.clear()
        assert name not in account.aws.kinesis.list_streams()["StreamNames"]

    def test_update_goes_on_where_it_failed(self, account: Account, aws: LocalAws) -> None:
        stream = account.stream()
        aws.faults.set("kinesis:AddTagsToStream", error=1)
        with pytest.raises(ClientError):
            stream.change(shardCount=2.0, tags={"a": "b"})
        aws.faults.clear()
        assert stream.change() == {"shardCount", "tags"}, "by the state that the engine still has"
        assert (stream["shardCount"], stream["tags"]) == (2, {"a": "b"})


class TestFunction:
    def test_code_is_the_same_archive_for_the_same_files(self, account: Account, tmp_path: Path) -> None:
        (tmp_path / "app.py").write_text("old")
        archive = pulumi.AssetArchive({"handler": pulumi.FileArchive(str(tmp_path))})
        function = account.function(code=archive)
        first = zipped(function.inputs["code"])
        assert ZipFile(BytesIO(first)).namelist() == ["handler/app.py"]
        (tmp_path / "app.py").touch()
        assert zipped(function.inputs["code"]) == first
        assert function.change(code=archive) == set()
        (tmp_path / "app.py").write_text("new")
        assert function.change(code=archive) == {"sourceCodeHash"}

    def test_changes_in_place(self, account: Account) -> None:
        function = account.function()
        code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): return 1")})
        function.change(
            code=code,
            memorySize=512.0,
            timeout=60.0,
            environment={"variables": {"A": "1"}},
            tags={"a": "b"},
        )
        found = account.aws.lambda_.get_function_configuration(FunctionName=function.id)
        assert (found["MemorySize"], found["Timeout"], found["Environment"]["Variables"]) == (
            512,
            60,
            {"A": "1"},
        )
        answer = account.aws.lambda_.invoke(FunctionName=function.id)
        assert answer["Payload"].read() == b"1"

    def test_changed_by_hand_shows_and_is_mended(self, account: Account) -> None:
        function = account.function()
        account.aws.lambda_.update_function_configuration(FunctionName=function.id, MemorySize=1024)
        drifted = function.refresh()
        assert drifted is not None
        function.state = drifted
        assert function.changes() == {"memorySize"}
        function.change()
        assert function["memorySize"] == 128


class TestMapping:
    def test_is_refused_until_the_role_may_read_the_stream(self, account: Account) -> None:
        stream, function = account.stream(), account.function()
        wanted = {
            "functionName": function["arn"],
            "eventSourceArn": stream["arn"],
            "startingPosition": "LATEST",
        }
        with pytest.raises(ClientError, match="Cannot access stream"):
            account.make("aws:lambda/eventSourceMapping:EventSourceMapping", **wanted)
        role = function["role"].rpartition("/")[2]
        policy = allow(READ_STREAM, stream["arn"])
        account.make("aws:iam/rolePolicy:RolePolicy", role=role, policy=policy)
        mapping = account.make("aws:lambda/eventSourceMapping:EventSourceMapping", **wanted)
        assert mapping["state"] == "Enabled"

    def test_changes_in_place_and_keeps_its_identity(self, account: Account) -> None:
        mapping = account.mapping()
        uuid = mapping["uuid"]
        assert mapping.change(batchSize=10.0, enabled=False) == {"batchSize", "enabled"}
        found = account.aws.lambda_.get_event_source_mapping(UUID=uuid)
        assert (found["BatchSize"], found["State"]) == (10, "Disabled")


class TestPolicies:
    def test_widened_by_hand_shows_and_is_mended(self, account: Account) -> None:
        role = account.role()
        narrow = allow(["s3:GetObject"], "*")
        policy = account.make("aws:iam/rolePolicy:RolePolicy", role=role.id, policy=narrow, name="p")
        wide = allow(["s3:*"], "*")
        account.aws.iam.put_role_policy(RoleName=role.id, PolicyName="p", PolicyDocument=wide)
        drifted = policy.refresh()
        assert drifted is not None
        policy.state = drifted
        assert policy.change() == {"policy"}
        found = account.aws.iam.get_role_policy(RoleName=role.id, PolicyName="p")
        assert found["PolicyDocument"] == json.loads(narrow)


class TestAccessKey:
    def test_works_until_it_is_inactive(self, account: Account, aws: LocalAws) -> None:
        key = account.make("aws:iam/accessKey:AccessKey", user=account.user().id)
        sts = aws.client("sts", access_key=key.id, secret_key=key["secret"])
        assert sts.get_caller_identity()["Arn"].endswith(f":user/{key['user']}")
        key.change(status="Inactive")
        with pytest.raises(ClientError):
            sts.get_caller_identity()

    def test_secret_outlives_a_refresh(self, account: Account) -> None:
        key = account.make("aws:iam/accessKey:AccessKey", user=account.user().id)
        refreshed = key.refresh()
        assert refreshed is not None
        assert refreshed["secret"] == key["secret"]


class TestTags:
    @pytest.mark.parametrize("kind", ["table", "bucket", "log_group", "role", "user", "topic", "alarm"])
    def test_are_added_changed_and_taken_away(self, account: Account, kind: str) -> None:
        made = getattr(account, kind)(tags={"kept": "1", "changed": "2", "gone": "3"})
        wanted = {"kept": "1", "changed": "4", "added": "5"}
        assert made.change(tags=wanted) == {"tags"}
        assert made["tags"] == wanted
