"""Nothing is open to the public."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.documents import Statement, resource_statements
from policy.resource import Resource, companions, of_types

PUBLIC: Mapping[str, tuple[str, Sequence[Any], str]] = {
    "aws:lambda/functionUrl:FunctionUrl": ("authorizationType", ["NONE"], 'authorization_type="AWS_IAM"'),
    "aws:rds/instance:Instance": ("publiclyAccessible", [True], "publicly_accessible=False"),
    "aws:s3/bucketAcl:BucketAcl": (
        "acl",
        ["authenticated-read", "public-read", "public-read-write"],
        'acl="private"',
    ),
}
"""A property that opens a resource, the values that do, and how the program closes it."""

NARROWING = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "kms:calleraccount",
}
"""Condition keys that tell who asks ("Blocking public access to your Amazon S3 storage", Amazon S3 User Guide)."""

BLOCKS = "blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"


def no_public_access(resource: Resource) -> Iterator[str]:
    """Check that neither a policy nor a property lets everybody in."""
    for statement in resource_statements(resource):
        if statement.allows and "*" in statement.principals and not _is_narrowed(statement):
            yield (
                f"{resource.name} lets everybody in (statement {statement.title}). Fix: name the "
                "principals, or add a condition on aws:SourceAccount."
            )
    if (
        resource.type == "aws:lambda/permission:Permission"
        and resource.get("principal") == "*"
        and not any(resource.get(limit) for limit in ("principalOrgId", "sourceAccount", "sourceArn"))
    ):
        yield f"{resource.name} lets everybody invoke the function. Fix: name the principal."
    if resource.type in PUBLIC:
        name, values, fix = PUBLIC[resource.type]
        if resource.get(name) in values:
            yield f"{resource.name} is public ({name} is {resource.get(name)}). Fix: set {fix}."


def private_buckets(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Check that each bucket has a public access block, with all four of its settings on."""
    for bucket in of_types(resources, {"aws:s3/bucket:Bucket"}):
        blocks = companions(
            resources, bucket, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "bucket"
        )
        if not any(all(block.get(name) is True for name in BLOCKS) for block in blocks):
            yield (
                bucket,
                f"{bucket.name} can become public. Fix: give it a BucketPublicAccessBlock with all four settings on, "
                "or call make_private (infra/private_bucket.py), which does.",
            )


def _is_narrowed(statement: Statement) -> bool:
    return any(
        operator.startswith(("String", "Arn"))
        and "Not" not in operator
        and not operator.endswith("IfExists")
        and key in NARROWING
        and all(str(value).strip("*") for value in values)
        for operator, keys in statement.condition.items()
        for key, values in keys.items()
    )
