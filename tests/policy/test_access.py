"""Nothing is open to the public."""

import json
from typing import Any

import pytest

from policy.access import BLOCKS
from tests.policy.recorded import Resources, added, changed, violations, without

OPEN = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (OPEN, 1),
        (OPEN | {"Principal": {"AWS": ["*"]}}, 1),
        (OPEN | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, 1),
        (OPEN | {"Condition": {"StringNotEquals": {"aws:SourceAccount": "123456789012"}}}, 1),
        (OPEN | {"Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}}}, 1),
        (OPEN | {"Condition": {"StringLike": {"aws:SourceAccount": "*"}}}, 1),
        (OPEN | {"Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}}}, 0),
        (OPEN | {"Condition": {"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::clicks"]}}}, 0),
        (OPEN | {"Principal": {"Service": "cloudwatch.amazonaws.com"}}, 0),
        (OPEN | {"Effect": "Deny"}, 0),
    ],
)
def test_a_policy_that_lets_everybody_in_is_found(
    prod: Resources, statement: dict[str, Any], found: int
) -> None:
    assert violations("no-public-access", prod) == []
    document = json.dumps({"Statement": [statement]})
    for name in ("quarantine-policy", "monitoring-topic-policy"):
        message = (
            f"{name} lets everybody in (statement 1). Fix: name the principals, or add a condition on "
            "aws:SourceAccount."
        )
        assert violations("no-public-access", changed(prod, name, policy=document)) == [message] * found
    assert (
        len(violations("no-public-access", changed(prod, "processor-role", assumeRolePolicy=document)))
        == found
    )


@pytest.mark.parametrize(
    ("type_", "public", "private"),
    [
        (
            "aws:lambda/functionUrl:FunctionUrl",
            {"authorizationType": "NONE"},
            {"authorizationType": "AWS_IAM"},
        ),
        (
            "aws:lambda/permission:Permission",
            {"principal": "*"},
            {"principal": "*", "sourceAccount": "123456789012"},
        ),
        (
            "aws:lambda/permission:Permission",
            {"principal": "*"},
            {"principal": "s3.amazonaws.com"},
        ),
        ("aws:rds/instance:Instance", {"publiclyAccessible": True}, {"publiclyAccessible": False}),
        ("aws:s3/bucketAcl:BucketAcl", {"acl": "public-read"}, {"acl": "private"}),
    ],
)
def test_a_property_that_opens_a_resource_is_found(
    prod: Resources, type_: str, public: dict[str, Any], private: dict[str, Any]
) -> None:
    assert len(violations("no-public-access", added(prod, type_, **public))) == 1
    assert violations("no-public-access", added(prod, type_, **private)) == []


@pytest.mark.parametrize("block", BLOCKS)
def test_a_bucket_whose_block_leaves_something_open_can_become_public(prod: Resources, block: str) -> None:
    assert violations(
        "private-buckets", changed(prod, "quarantine-public-access-block", **{block: False})
    ) == [
        "quarantine-bucket can become public. Fix: give it a BucketPublicAccessBlock with all four settings on, or "
        "call make_private (infra/private_bucket.py), which does."
    ]


def test_every_bucket_of_both_programs_has_a_block_of_its_own(prod: Resources, account: Resources) -> None:
    assert violations("private-buckets", prod) == violations("private-buckets", account) == []
    assert len(violations("private-buckets", without(prod, "quarantine-public-access-block"))) == 1
    assert len(violations("private-buckets", added(prod, "aws:s3/bucket:Bucket"))) == 1
