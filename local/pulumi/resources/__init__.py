"""The resource types of the aws provider that the programs use: one module a service, calls by boto3.

`deploy.py` drives them without an engine, `plugin.py` under the real one.
"""

from collections.abc import Mapping

from local.pulumi.provider.resource import Resource
from local.pulumi.resources import (
    appautoscaling,
    cloudwatch,
    dynamodb,
    iam,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    sns,
)

RESOURCES: Mapping[str, type[Resource]] = {
    kind.token: kind
    for kind in (
        kinesis.Stream,
        dynamodb.Table,
        appautoscaling.Target,
        appautoscaling.Policy,
        s3.Bucket,
        s3.BucketPublicAccessBlock,
        s3.BucketOwnershipControls,
        s3.BucketVersioning,
        s3.BucketServerSideEncryptionConfiguration,
        s3.BucketLifecycleConfiguration,
        s3.BucketPolicy,
        logs.LogGroup,
        iam.Role,
        iam.RolePolicy,
        iam.User,
        iam.UserPolicy,
        iam.Policy,
        iam.AccessKey,
        iam.OpenIdConnectProvider,
        kms.Key,
        kms.Alias,
        lambda_.Function,
        lambda_.Alias,
        lambda_.EventSourceMapping,
        sns.Topic,
        sns.TopicPolicy,
        sns.TopicSubscription,
        cloudwatch.MetricAlarm,
        cloudwatch.Dashboard,
    )
}
"""Every implemented type, by its Pulumi token."""
