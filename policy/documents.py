"""Policy documents of IAM and of resources, read as IAM reads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.resource import Resource

OF_IDENTITIES = {
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
}
OF_RESOURCES = {
    "aws:dynamodb/resourcePolicy:ResourcePolicy",
    "aws:kinesis/resourcePolicy:ResourcePolicy",
    "aws:kms/key:Key",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:lambda/resourcePolicy:ResourcePolicy",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sqs/queue:Queue",
    "aws:sqs/queuePolicy:QueuePolicy",
}
"""The types whose property `policy` is a document."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a document; each of its members is a list, whether or not the document writes one."""

    title: str
    allows: bool
    principals: Sequence[str]
    actions: Sequence[str]
    resources: Sequence[str]
    inverted: bool
    condition: Mapping[str, Mapping[str, Sequence[str]]]


def identity_statements(resource: Resource) -> Iterator[Statement]:
    """Yield the statements of what an identity is allowed; of a role, those written into it."""
    if resource.type in OF_IDENTITIES:
        yield from _parse(resource.get("policy"))
    for inline in resource.get("inlinePolicies") or ():
        yield from _parse(inline.get("policy"))


def resource_statements(resource: Resource) -> Iterator[Statement]:
    """Yield the statements of who may use a resource; of a role, who may assume it."""
    if resource.type in OF_RESOURCES:
        yield from _parse(resource.get("policy"))
    yield from _parse(resource.get("assumeRolePolicy"))


def _parse(document: Any) -> Iterator[Statement]:
    """Yield the statements of a document: JSON text, or the SDK's object, or None."""
    content = json.loads(document) if isinstance(document, str) and document else document or {}
    for number, each in enumerate(_as_list(content.get("Statement")), start=1):
        principal = each.get("Principal")
        yield Statement(
            title=each.get("Sid") or str(number),
            allows=each.get("Effect") == "Allow",
            principals=[
                name
                for names in (principal.values() if isinstance(principal, Mapping) else [principal])
                for name in _as_list(names)
            ],
            actions=_as_list(each.get("Action")),
            resources=_as_list(each.get("Resource")),
            inverted=any(member in each for member in ("NotAction", "NotPrincipal", "NotResource")),
            condition={
                operator: {key.lower(): _as_list(value) for key, value in keys.items()}
                for operator, keys in each.get("Condition", {}).items()
            },
        )


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
