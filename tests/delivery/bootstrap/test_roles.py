"""The roles of a stack: their trust policies, and the provider, boundary and key beside them."""

import json
from typing import Any

import pulumi
import pytest

from tests.infra.recorder import ACCOUNT, Deployed, deploy_bootstrap

GITHUB = "token.actions.githubusercontent.com"


def trust(stack: Deployed, role: str) -> Any:
    """The only statement of a role's trust policy."""
    [statement] = json.loads(stack.named(role).inputs["assumeRolePolicy"])["Statement"]
    return statement


def trusting(provider_arn: str, *subjects: str) -> dict[str, Any]:
    return {
        "Sid": "GitHub",
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Condition": {
            "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": list(subjects)}
        },
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_only_the_environment_of_the_stack_assumes_its_deploy_role(account: Deployed, stack: str) -> None:
    assert trust(account, f"{stack}-deploy") == trusting(
        account.arn("github"), f"repo:octo/tweets:environment:{stack}"
    )


def test_code_of_a_pull_request_previews_dev_and_never_production(account: Deployed) -> None:
    main = "repo:octo/tweets:ref:refs/heads/main"
    provider = account.arn("github")
    assert trust(account, "dev-preview") == trusting(provider, main, "repo:octo/tweets:pull_request")
    assert trust(account, "prod-preview") == trusting(provider, main)


def test_no_subject_that_a_role_trusts_has_a_wildcard() -> None:
    stack = deploy_bootstrap(branch="release/2", pullRequestStacks=[])
    for role in stack.of("Role"):
        subjects = trust(stack, role.name)["Condition"]["StringEquals"][f"{GITHUB}:sub"]
        assert not [each for each in subjects if "*" in each or "?" in each or "pull_request" in each]
    assert trust(stack, "dev-preview")["Condition"]["StringEquals"][f"{GITHUB}:sub"] == [
        "repo:octo/tweets:ref:refs/heads/release/2"
    ]


def test_a_repository_with_ids_in_its_subject_is_trusted_by_them_alone() -> None:
    stack = deploy_bootstrap(subject="repo:octo@1234/tweets@5678")
    provider = stack.arn("github")
    assert trust(stack, "prod-deploy") == trusting(provider, "repo:octo@1234/tweets@5678:environment:prod")
    assert trust(stack, "dev-preview") == trusting(
        provider,
        "repo:octo@1234/tweets@5678:ref:refs/heads/main",
        "repo:octo@1234/tweets@5678:pull_request",
    )


def test_a_role_has_one_policy_and_no_other_way_in(account: Deployed) -> None:
    roles = {role.inputs["name"]: role.name for role in account.of("Role")}
    assert set(roles) == {
        f"stream-processing-{stack}-{use}" for stack in ("dev", "prod") for use in ("deploy", "preview")
    }
    policies = account.of("RolePolicy")
    assert sorted(each.inputs["role"] for each in policies) == sorted(roles)
    kinds = {each.type for each in account.resources if each.type.startswith("aws:iam/")}
    assert kinds == {
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    }


def test_the_provider_accepts_tokens_for_aws_only(account: Deployed) -> None:
    provider = account.one("OpenIdConnectProvider").inputs
    assert (provider["url"], provider["clientIdLists"]) == (f"https://{GITHUB}", ["sts.amazonaws.com"])


def test_an_existing_provider_is_used_and_not_managed() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"
    stack = deploy_bootstrap(
        githubProvider="existing",
        github_provider={"arn": arn, "clientIdLists": ["https://github.com/octo", "sts.amazonaws.com"]},
    )
    assert stack.of("OpenIdConnectProvider") == []
    assert trust(stack, "dev-deploy")["Principal"] == {"Federated": arn}


def test_an_existing_provider_that_does_not_accept_tokens_for_aws_is_rejected() -> None:
    with pytest.raises(pulumi.RunError, match="add-client-id-to-open-id-connect-provider"):
        deploy_bootstrap(
            githubProvider="existing",
            github_provider={"arn": "arn:of:it", "clientIdLists": ["https://github.com/octo"]},
        )


def test_each_stack_has_a_key_of_its_own_that_rotates_and_is_protected(account: Deployed) -> None:
    for stack in ("dev", "prod"):
        key = account.named(f"{stack}-key")
        assert key.protect
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 30
        assert account.named(f"{stack}-key-alias").inputs == {
            "name": f"alias/stream-processing-{stack}",
            "targetKeyId": f"{stack}-key-id",
        }


def test_the_outputs_are_those_that_the_workflows_and_the_setup_read(account: Deployed) -> None:
    outputs = dict(account.outputs)
    stacks = outputs.pop("stacks")
    assert outputs == {
        "repository": "octo/tweets",
        "branch": "main",
        "region": "us-east-1",
        "state_bucket": f"stream-processing-state-{ACCOUNT}-us-east-1",
        "stack_names": ["dev", "prod"],
        "pull_request_stacks": ["dev"],
    }
    assert stacks == {
        stack: {
            "deploy_role_arn": account.arn(f"{stack}-deploy"),
            "preview_role_arn": account.arn(f"{stack}-preview"),
            "permissions_boundary_arn": account.arn(f"{stack}-boundary"),
            "backend_url": f"s3://stream-processing-state-{ACCOUNT}-us-east-1/{stack}?region=us-east-1",
            "secrets_provider": f"awskms://alias/stream-processing-{stack}?region=us-east-1",
        }
        for stack in ("dev", "prod")
    }
