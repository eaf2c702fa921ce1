"""The grants of a stack's roles on its resources.

The actions are those of the API calls that AWS's provider makes for this stack:
`tests/delivery/bootstrap/actions.tsv` names the calls and the source of each, and a test compares the two. The ARNs
are those of `__main__.py`.
"""

from collections.abc import Sequence

import pulumi

from delivery.bootstrap.permissions import Account, Condition, Grant
from infra.iam import via_service

SCALING_ROLE = (
    "aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)


def stack_grants(
    account: Account, stack: str, boundary_arn: pulumi.Input[str], kms_key_arns: Sequence[str]
) -> list[Grant]:
    """Return what the provider does with the resources of one stack."""
    return [
        *_data_grants(account, stack),
        *_function_grants(account, stack),
        *_identity_grants(account, stack, boundary_arn),
        *_monitoring_grants(account, stack),
        *_key_grants(account, kms_key_arns),
    ]


def _data_grants(account: Account, stack: str) -> list[Grant]:
    bucket = account.quarantine_arn(stack)
    # The id of a target is random, so its tag names its stack. A new target has no tag yet: hence "if exists".
    targets = [account.arn("application-autoscaling", "scalable-target/*")]
    own_target = {"StringEqualsIfExists": {"aws:ResourceTag/Stack": stack}}
    return [
        Grant(
            sid="Stream",
            resources=[account.arn("kinesis", f"stream/{stack}-EventStream")],
            reads=["kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream"],
            writes=[
                "kinesis:AddTagsToStream",
                "kinesis:CreateStream",
                "kinesis:DecreaseStreamRetentionPeriod",
                "kinesis:DeleteStream",
                "kinesis:IncreaseStreamRetentionPeriod",
                "kinesis:RemoveTagsFromStream",
                "kinesis:UpdateMaxRecordSize",
                "kinesis:UpdateStreamWarmThroughput",
            ],
        ),
        # Evaluated with the stream and with the key.
        Grant(
            sid="StreamEncryption",
            resources=[account.arn("kinesis", f"stream/{stack}-EventStream"), account.arn("kms", "key/*")],
            writes=["kinesis:StartStreamEncryption"],
        ),
        # AWS has no resource type for these, so no ARN would match.
        Grant(
            sid="Streams",
            resources=["*"],
            reads=["kinesis:DescribeLimits"],
            writes=[
                "kinesis:DisableEnhancedMonitoring",
                "kinesis:EnableEnhancedMonitoring",
                "kinesis:UpdateShardCount",
                "kinesis:UpdateStreamMode",
            ],
        ),
        Grant(
            sid="Table",
            resources=account.table_arns(stack),
            reads=[
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeTable",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:ListTagsOfResource",
            ],
            writes=[
                "dynamodb:CreateTable",
                "dynamodb:DeleteTable",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive",
            ],
        ),
        Grant(
            sid="FindScaling",
            resources=["*"],
            reads=[
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
            ],
        ),
        Grant(
            sid="Scaling",
            resources=targets,
            writes=[
                "application-autoscaling:DeleteScalingPolicy",
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:RegisterScalableTarget",
            ],
            condition={
                "StringEquals": {
                    "application-autoscaling:scalable-dimension": "dynamodb:table:WriteCapacityUnits",
                    "application-autoscaling:service-namespace": "dynamodb",
                },
                **own_target,
            },
        ),
        Grant(
            sid="ScalingTags",
            resources=targets,
            reads=["application-autoscaling:ListTagsForResource"],
            writes=["application-autoscaling:TagResource", "application-autoscaling:UntagResource"],
            condition=own_target,
        ),
        Grant(
            sid="ScalingRole",
            resources=[account.global_arn("iam", f"role/{SCALING_ROLE}")],
            writes=["iam:CreateServiceLinkedRole"],
            condition={
                "StringEquals": {"iam:AWSServiceName": "dynamodb.application-autoscaling.amazonaws.com"}
            },
        ),
        Grant(
            sid="Quarantine",
            resources=[bucket],
            reads=[
                "s3:GetAccelerateConfiguration",
                "s3:GetBucketAcl",
                "s3:GetBucketCORS",
                "s3:GetBucketLogging",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPolicy",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketRequestPayment",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetBucketWebsite",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
                "s3:ListTagsForResource",
            ],
            writes=[
                "s3:CreateBucket",
                "s3:DeleteBucket",
                "s3:DeleteBucketPolicy",
                "s3:ListBucketVersions",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:TagResource",
                "s3:UntagResource",
            ],
        ),
        Grant(
            sid="EmptyQuarantine",
            resources=[pulumi.Output.concat(bucket, "/*")],
            writes=["s3:DeleteObject", "s3:DeleteObjectVersion"],
        ),
    ]


def _function_grants(account: Account, stack: str) -> list[Grant]:
    function = account.arn("lambda", f"function:{stack}-DDBEventProcessor")
    # With its versions and alias, in one ARN: a role's policies have 10,240 characters. No other stack's function has
    # a name that begins so (`STACK_NAME`).
    versions = pulumi.Output.concat(function, "*")
    mappings = [account.arn("lambda", "event-source-mapping:*")]
    of_function: Condition = {"ArnLike": {"lambda:FunctionArn": versions}}
    log_group = account.arn("logs", f"log-group:/aws/lambda/{stack}-DDBEventProcessor")
    return [
        # Calls for one version are evaluated with its number: the provider's, and those of `ops prune`.
        Grant(
            sid="Function",
            resources=[versions],
            reads=[
                "lambda:GetAlias",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionConfiguration",
                "lambda:ListTags",
                "lambda:ListVersionsByFunction",
            ],
            writes=[
                "lambda:CreateAlias",
                "lambda:CreateFunction",
                "lambda:DeleteAlias",
                "lambda:DeleteFunction",
                "lambda:PublishVersion",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateAlias",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ],
        ),
        # A mapping has no ARN before it is created.
        Grant(
            sid="CreateMapping",
            resources=["*"],
            writes=["lambda:CreateEventSourceMapping"],
            condition=of_function,
        ),
        Grant(
            sid="Mapping",
            resources=mappings,
            writes=["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
            condition=of_function,
        ),
        # Without the function: tags have no such condition key, and a deleted mapping has no function.
        Grant(
            sid="AnyMapping",
            resources=mappings,
            reads=["lambda:GetEventSourceMapping", "lambda:ListTags"],
            writes=["lambda:TagResource", "lambda:UntagResource"],
        ),
        Grant(sid="FindLog", resources=["*"], reads=["logs:DescribeLogGroups"]),
        Grant(
            sid="Log",
            resources=[log_group, pulumi.Output.concat(log_group, ":*")],
            reads=["logs:ListTagsForResource"],
            writes=[
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DisassociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
        ),
    ]


def _identity_grants(account: Account, stack: str, boundary_arn: pulumi.Input[str]) -> list[Grant]:
    """Grants on the identities of the stack: without the boundary, neither is created nor given a policy."""
    role = [account.global_arn("iam", f"role/{stack}-DDBEventProcessor")]
    user = [account.global_arn("iam", f"user/{stack}-EventProducer")]
    bounded: Condition = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn}}
    return [
        Grant(
            sid="FunctionRole",
            resources=role,
            reads=[
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListRolePolicies",
                "iam:ListRoleTags",
            ],
            writes=["iam:DeleteRole", "iam:TagRole", "iam:UntagRole"],
        ),
        Grant(
            sid="BoundedFunctionRole",
            resources=role,
            writes=[
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:UpdateAssumeRolePolicy",
            ],
            condition=bounded,
        ),
        Grant(
            sid="PassFunctionRole",
            resources=role,
            writes=["iam:PassRole"],
            condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
        Grant(
            sid="Producer",
            resources=user,
            reads=[
                "iam:GetUser",
                "iam:GetUserPolicy",
                "iam:ListAccessKeys",
                "iam:ListGroupsForUser",
                "iam:ListUserTags",
            ],
            writes=[
                "iam:CreateAccessKey",
                "iam:DeleteAccessKey",
                "iam:DeleteUser",
                "iam:TagUser",
                "iam:UntagUser",
            ],
        ),
        Grant(
            sid="BoundedProducer",
            resources=user,
            writes=[
                "iam:CreateUser",
                "iam:DeleteUserPolicy",
                "iam:PutUserPermissionsBoundary",
                "iam:PutUserPolicy",
            ],
            condition=bounded,
        ),
        Grant(
            sid="ProducerPolicy",
            resources=[account.global_arn("iam", f"policy/{stack}-PutEvents")],
            reads=["iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyTags", "iam:ListPolicyVersions"],
            writes=[
                "iam:CreatePolicy",
                "iam:CreatePolicyVersion",
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ],
        ),
    ]


def _monitoring_grants(account: Account, stack: str) -> list[Grant]:
    topic = account.arn("sns", f"{stack}-EventAlarms")
    return [
        Grant(
            sid="Topic",
            # A subscription's ARN is that of its topic and an identifier.
            resources=[topic, pulumi.Output.concat(topic, ":*")],
            reads=["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource"],
            writes=[
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:Unsubscribe",
                "sns:UntagResource",
            ],
        ),
        # CloudWatch evaluates it with all alarms of the account.
        Grant(
            sid="FindAlarms",
            resources=[account.arn("cloudwatch", "alarm:*")],
            reads=["cloudwatch:DescribeAlarms"],
        ),
        Grant(
            sid="Alarms",
            resources=[
                account.arn("cloudwatch", f"alarm:{stack}-*"),
                # Those of Application Auto Scaling, which creates them with the permissions of its caller.
                account.arn("cloudwatch", f"alarm:TargetTracking-table/{stack}-EventData-*"),
            ],
            reads=["cloudwatch:ListTagsForResource"],
            writes=[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
        ),
        Grant(
            sid="Dashboard",
            resources=[account.global_arn("cloudwatch", f"dashboard/{stack}-EventPath")],
            reads=["cloudwatch:GetDashboard"],
            writes=["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"],
        ),
    ]


def _key_grants(account: Account, kms_key_arns: Sequence[str]) -> list[Grant]:
    grants = [
        Grant(sid="FindKeys", resources=["*"], reads=["kms:ListAliases"]),
        # To list the keys, not to use them.
        Grant(sid="DescribeKeys", resources=[account.arn("kms", "key/*")], reads=["kms:DescribeKey"]),
    ]
    if kms_key_arns:
        grants.append(
            Grant(
                sid="StackKeys",
                resources=kms_key_arns,
                writes=[
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                condition=via_service("dynamodb", account.region),
            )
        )
    return grants
