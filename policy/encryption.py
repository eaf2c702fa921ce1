"""Encryption at rest and in transit."""

from collections.abc import Iterator, Mapping, Sequence

from policy.documents import Statement, resource_statements
from policy.resource import Resource, companions, of_types

AT_REST: Mapping[str, tuple[Sequence[str], str]] = {
    "aws:dynamodb/table:Table": (
        ("serverSideEncryption", "enabled"),
        "server_side_encryption with enabled=True",
    ),
    "aws:ebs/volume:Volume": (("encrypted",), "encrypted=True"),
    "aws:efs/fileSystem:FileSystem": (("encrypted",), "encrypted=True"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        ("serverSideEncryption", "enabled"),
        "server_side_encryption with enabled=True",
    ),
    "aws:kinesis/stream:Stream": (("encryptionType",), 'encryption_type="KMS" and kms_key_id'),
    "aws:opensearch/domain:Domain": (("encryptAtRest", "enabled"), "encrypt_at_rest with enabled=True"),
    "aws:rds/cluster:Cluster": (("storageEncrypted",), "storage_encrypted=True"),
    "aws:rds/instance:Instance": (("storageEncrypted",), "storage_encrypted=True"),
    "aws:sns/topic:Topic": (("kmsMasterKeyId",), "kms_master_key_id"),
}
"""The property that encrypts, and how the program sets it. S3, SQS and CloudWatch Logs encrypt without being told."""

GUARDED: Mapping[str, tuple[str, str, str]] = {
    "aws:s3/bucket:Bucket": ("aws:s3/bucketPolicy:BucketPolicy", "bucket", "s3:*"),
    "aws:sns/topic:Topic": ("aws:sns/topicPolicy:TopicPolicy", "arn", "sns:Publish"),
    "aws:sqs/queue:Queue": ("aws:sqs/queuePolicy:QueuePolicy", "queueUrl", "sqs:*"),
}
"""What a policy can close to plain HTTP: the policy's type, its property for the resource, the actions to deny."""


def encryption_at_rest(resource: Resource) -> Iterator[str]:
    """Check that what holds data encrypts it, where AWS does not do so by itself."""
    if resource.type in AT_REST:
        path, fix = AT_REST[resource.type]
        if resource.get(*path) in (None, "", "NONE", False):
            yield f"{resource.name} is not encrypted at rest. Fix: set {fix}."


def tls_only(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Check that the policy of each bucket, topic and queue denies requests without TLS ("aws:SecureTransport")."""
    for resource in of_types(resources, {"aws:sns/topicSubscription:TopicSubscription"}):
        if resource.get("protocol") == "http":
            yield resource, f'{resource.name} delivers without TLS. Fix: set protocol="https".'
    guards = [
        (each, companions(resources, each, *GUARDED[each.type][:2])) for each in of_types(resources, GUARDED)
    ]
    # Those without any policy first: in a preview, the text of another may be unknown, which ends the check.
    for resource, policies in sorted(guards, key=lambda guard: bool(guard[1])):
        type_, _, action = GUARDED[resource.type]
        if not any(
            _denies_http(statement, action) for each in policies for statement in resource_statements(each)
        ):
            yield (
                resource,
                f"{resource.name} accepts requests without TLS. Fix: give it a {type_.rpartition(':')[2]} that denies "
                f'everybody {action} if aws:SecureTransport is "false", as deny_without_tls of infra/iam.py does.',
            )


def _denies_http(statement: Statement, action: str) -> bool:
    return (
        not (statement.allows or statement.inverted)
        and statement.principals == ["*"]
        and any(each.lower() in ("*", action.lower()) for each in statement.actions)
        and _is_without_tls(statement.condition)
        and (action != "s3:*" or _covers_bucket(statement.resources))
    )


def _covers_bucket(resources: Sequence[str]) -> bool:
    """Tell whether a statement is about a bucket and its objects: the ARN of neither covers the other."""
    return "*" in resources or {each.endswith("/*") for each in resources} == {True, False}


def _is_without_tls(condition: Mapping[str, Mapping[str, Sequence[object]]]) -> bool:
    return {
        operator: {key: [str(value).lower() for value in values] for key, values in keys.items()}
        for operator, keys in condition.items()
    } == {"Bool": {"aws:securetransport": ["false"]}}
