"""Every policy holds against AWS's service authorization reference."""

import fnmatch
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from policy.reference import find_action, resource_types
from tests.infra.recorder import KEY, PREVIOUS_KEY, Deployed, deploy, deploy_bootstrap

GLOBAL_CONDITIONS = ("aws:securetransport", "aws:sourceaccount")
# The keys of a web identity are named after its provider (IAM User Guide, "Keys for AWS OIDC federation").
WEB_IDENTITY_CONDITIONS = tuple(f"token.actions.githubusercontent.com:{key}" for key in ("aud", "sub"))


STACKS: dict[str, Callable[[], Deployed]] = {
    "dev": deploy,
    "prod": lambda: deploy("prod"),
    "keys and tracing": lambda: deploy(kmsKeyArn=KEY, kmsKeyArnPrevious=PREVIOUS_KEY, functionTracing=True),
    "no user, provisioned": lambda: deploy(producerIdentity="policy", tableMode="provisioned"),
    "bootstrap": lambda: deploy_bootstrap(stacks=["dev"], kmsKeyArns=[KEY]),
}


@pytest.fixture(scope="module", params=list(STACKS.values()), ids=list(STACKS))
def statements(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Every statement of a stack's policies, by resource and Sid."""
    by_sid = {
        f"{resource.name}, {statement['Sid']}": statement
        for resource in request.param().resources
        for member in ("policy", "assumeRolePolicy")
        if isinstance(text := resource.inputs.get(member), str)
        for statement in json.loads(text)["Statement"]
    }
    assert len(by_sid) > 5
    return by_sid


def test_every_action_exists(statements: dict[str, dict[str, Any]]) -> None:
    for statement in statements.values():
        for action in statement["Action"]:
            if action != "s3:*":
                assert find_action(action), f"AWS has no action {action}"


def test_every_action_applies_to_its_resources(statements: dict[str, dict[str, Any]]) -> None:
    for where, statement in statements.items():
        for action in statement["Action"]:
            if action != "s3:*" and "Resource" in statement:
                check_resources(where, action, statement["Resource"])


def check_resources(where: str, action: str, resources: list[str]) -> None:
    if resources == ["*"]:
        return  # whether an action has no resources is for the policy no-wildcards
    patterns = [as_pattern(each["arn"]) for each in resource_types(action).values()]
    for resource in resources:
        # The mocks' ARNs have the partition, service and region of AWS's, but not always its resource part.
        head = ":".join(resource.split(":")[:3])
        assert any(fnmatch.fnmatch(head, ":".join(each.split(":")[:3])) for each in patterns), (
            f"{where}: {action} does not apply to {resource}"
        )


def test_every_condition_key_belongs_to_its_actions(statements: dict[str, dict[str, Any]]) -> None:
    for where, statement in statements.items():
        keys = {key for keys in statement.get("Condition", {}).values() for key in keys}
        for key in keys:
            if key.lower() not in GLOBAL_CONDITIONS + WEB_IDENTITY_CONDITIONS:
                for action in statement["Action"]:
                    assert belongs(key, action), f"{where}: {action} has no {key}"


def belongs(key: str, action: str) -> bool:
    """Tell whether a condition key is one of an action or of a resource type that it applies to."""
    detail = find_action(action)
    assert detail, f"AWS has no action {action}"
    known = set(detail["conditionKeys"])
    for each in detail["resourceTypes"]:
        known |= set(each["conditionKeys"])
    for type_ in resource_types(action).values():
        known |= set(type_["conditionKeys"])
    return any(fnmatch.fnmatch(key, as_pattern(name)) for name in known)


def as_pattern(text: str) -> str:
    """Return an ARN or a condition key of the reference as a pattern for `fnmatch`."""
    return re.sub(r"\$\{[^}]+\}", "*", text)
