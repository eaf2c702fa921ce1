"""Each resource type against a real local AWS: created, read back, deleted."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.aws.local_aws import LocalAws
from tests.local.account import Account, CreatedResource, allow
from tests.local.conftest import unique

S3 = "aws:s3/bucket"
LIFECYCLE: dict[str, Any] = {
    "id": "expire",
    "status": "Enabled",
    "filter": {"prefix": ""},
    "expiration": {"days": 30.0},
    "noncurrentVersionExpiration": {"noncurrentDays": 365.0},
    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1.0},
}
OF_EACH_TYPE: dict[str, Callable[[Account], CreatedResource]] = {
    "aws:kinesis/stream:Stream": lambda account: account.stream(
        retentionPeriod=48.0, encryptionType="KMS", kmsKeyId="alias/aws/kinesis", tags={"a": "b"}
    ),
    "aws:kinesis/stream:Stream on demand": lambda account: account.create(
        "aws:kinesis/stream:Stream", streamModeDetails={"streamMode": "ON_DEMAND"}
    ),
    "aws:dynamodb/table:Table": lambda account: account.table(
        ttl={"enabled": True, "attributeName": "ExpiresAt"},
        pointInTimeRecovery={"enabled": True},
        serverSideEncryption={"enabled": True},
        tags={"a": "b"},
    ),
    "aws:kinesis/stream:Stream that is warm": lambda account: account.create(
        "aws:kinesis/stream:Stream", streamModeDetails={"streamMode": "ON_DEMAND"}, warmThroughputMibPs=30.0
    ),
    "aws:dynamodb/table:Table that is warm and has a ceiling": lambda account: account.table(
        onDemandThroughput={"maxWriteRequestUnits": 9000.0}, warmThroughput={"writeUnitsPerSecond": 8000.0}
    ),
    "aws:dynamodb/table:Table provisioned": lambda account: account.table(
        billingMode="PROVISIONED", readCapacity=5.0, writeCapacity=5.0
    ),
    "aws:s3/bucket:Bucket": lambda account: account.bucket(bucketPrefix="events-", tags={"a": "b"}),
    "aws:s3/bucket:Bucket in the namespace of the account": lambda account: account.bucket(
        bucket=f"{unique('events')}-000000000000-us-east-1-an", bucketNamespace="account-regional"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda account: account.create(
        f"{S3}PublicAccessBlock:BucketPublicAccessBlock", bucket=account.bucket().id, blockPublicAcls=True
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": lambda account: account.create(
        f"{S3}OwnershipControls:BucketOwnershipControls",
        bucket=account.bucket().id,
        rule={"objectOwnership": "BucketOwnerEnforced"},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lambda account: account.create(
        f"{S3}LifecycleConfiguration:BucketLifecycleConfiguration",
        bucket=account.bucket().id,
        rules=[LIFECYCLE],
    ),
    "aws:s3/bucketPolicy:BucketPolicy": lambda account: account.create(
        f"{S3}Policy:BucketPolicy",
        bucket=account.bucket(bucket=(name := unique("policy"))).id,
        policy=allow(["s3:GetObject"], f"arn:aws:s3:::{name}/*", principal="cloudtrail.amazonaws.com"),
    ),
    "aws:cloudwatch/logGroup:LogGroup": lambda account: account.log_group(
        retentionInDays=7.0, tags={"a": "b"}
    ),
    "aws:iam/role:Role": lambda account: account.role(tags={"a": "b"}),
    "aws:iam/rolePolicy:RolePolicy": lambda account: account.create(
        "aws:iam/rolePolicy:RolePolicy", role=account.role().id, policy=allow(["s3:GetObject"], "*")
    ),
    "aws:iam/role:Role with a boundary": lambda account: account.role(
        permissionsBoundary=account.policy().id
    ),
    "aws:iam/user:User with a boundary": lambda account: account.user(
        permissionsBoundary=account.policy().id
    ),
    "aws:iam/policy:Policy": lambda account: account.policy(tags={"a": "b"}),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": lambda account: account.create(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        url=f"https://{unique('issuer')}.example.com",
        clientIdLists=["sts.amazonaws.com"],
        tags={"a": "b"},
    ),
    "aws:kms/key:Key": lambda account: account.create(
        "aws:kms/key:Key",
        description="secrets",
        deletionWindowInDays=7.0,
        enableKeyRotation=True,
        tags={"a": "b"},
    ),
    "aws:kms/alias:Alias": lambda account: account.create(
        "aws:kms/alias:Alias",
        name=f"alias/{unique('key')}",
        targetKeyId=account.create("aws:kms/key:Key").id,
    ),
    "aws:iam/user:User": lambda account: account.user(tags={"a": "b"}),
    "aws:iam/userPolicy:UserPolicy": lambda account: account.create(
        "aws:iam/userPolicy:UserPolicy", user=account.user().id, policy=allow(["s3:GetObject"], "*")
    ),
    "aws:iam/accessKey:AccessKey": lambda account: account.create(
        "aws:iam/accessKey:AccessKey", user=account.user().id
    ),
    "aws:lambda/function:Function": lambda account: account.function(
        architectures=["arm64"],
        environment={"variables": {"TABLE_NAME": "Events"}},
        loggingConfig={"logFormat": "JSON", "applicationLogLevel": "INFO"},
        tracingConfig={"mode": "PassThrough"},
        tags={"a": "b"},
    ),
    "aws:lambda/function:Function with versions": lambda account: account.function(publish=True),
    "aws:lambda/alias:Alias": lambda account: account.create(
        "aws:lambda/alias:Alias",
        name="live",
        description="the version in use",
        functionName=account.function(publish=True)["name"],
        functionVersion="1",
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": lambda account: account.mapping(
        batchSize=500.0,
        functionResponseTypes=["ReportBatchItemFailures"],
        filterCriteria={"filters": [{"pattern": '{"data": {"lang": ["en"]}}'}]},
        metricsConfig={"metrics": ["EventCount"]},
        tags={"a": "b"},
    ),
    "aws:sns/topic:Topic": lambda account: account.topic(tags={"a": "b"}),
    "aws:sns/topicSubscription:TopicSubscription": lambda account: account.create(
        "aws:sns/topicSubscription:TopicSubscription",
        topic=account.topic().id,
        protocol="email",
        endpoint="ops@example.com",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda account: account.alarm(
        alarmActions=[account.topic().id], tags={"a": "b"}
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm with a warm-up": lambda account: account.alarm(
        warmUpConfiguration={"warmUpPeriodDurationInMinutes": 30.0}
    ),
    "aws:cloudwatch/dashboard:Dashboard": lambda account: account.create(
        "aws:cloudwatch/dashboard:Dashboard",
        dashboardName=unique("dashboard"),
        dashboardBody='{"widgets": []}',
    ),
}


def encryption(account: Account) -> CreatedResource:
    by_default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "alias/events"}
    return account.create(
        f"{S3}ServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        bucket=account.bucket().id,
        rules=[{"applyServerSideEncryptionByDefault": by_default, "bucketKeyEnabled": True}],
    )


def topic_policy(account: Account) -> CreatedResource:
    arn = account.topic().id
    policy = allow(["sns:Publish"], arn, principal="cloudwatch.amazonaws.com")
    return account.create("aws:sns/topicPolicy:TopicPolicy", arn=arn, policy=policy)


def versioning(account: Account) -> CreatedResource:
    return account.create(
        f"{S3}Versioning:BucketVersioning",
        bucket=account.bucket().id,
        versioningConfiguration={"status": "Enabled"},
    )


# Without ours, AWS has its own.
WITH_DEFAULT = [encryption, topic_policy, versioning]


@pytest.fixture
def account(aws: LocalAws) -> Iterator[Account]:
    with Account(aws) as account:
        yield account


@pytest.mark.parametrize("create", OF_EACH_TYPE.values(), ids=OF_EACH_TYPE)
def test_a_resource_is_created_as_declared_and_deleted_for_good(
    account: Account, create: Callable[..., CreatedResource]
) -> None:
    created = create(account)
    assert created.changes() == set()
    assert created.refresh() == created.state
    created.kind.delete(created.id, created.state)
    assert created.refresh() is None
    created.kind.delete(created.id, created.state)  # no error


@pytest.mark.parametrize("create", WITH_DEFAULT)
def test_a_setting_is_created_as_declared_and_deleted_to_its_default(
    account: Account, create: Callable[..., CreatedResource]
) -> None:
    created = create(account)
    assert created.changes() == set()
    assert created.refresh() == created.state
    created.kind.delete(created.id, created.state)
    assert created.kind.diff(created.refresh() or {}, created.inputs)
