"""Exemptions say why, and end when nothing needs them any longer."""

import pytest

from policy import pack
from policy.exemptions import EXEMPTIONS, Exemption
from stack.project import PROJECT
from tests.infra.recorder import deploy
from tests.policy.recorded import Resources, resources_of, violations

STACKS = frozenset(file.name.split(".")[1] for file in PROJECT.glob("Pulumi.*.yaml"))


@pytest.fixture(scope="module")
def committed() -> dict[str, Resources]:
    """What each committed stack registers."""
    return {stack: resources_of(deploy(stack)) for stack in STACKS}


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda exemption: exemption.policy)
def test_without_the_exemption_a_committed_stack_breaks_the_policy(
    committed: dict[str, Resources], monkeypatch: pytest.MonkeyPatch, exemption: Exemption
) -> None:
    assert exemption.reason
    stacks = exemption.stacks or STACKS
    for stack in stacks:
        assert violations(exemption.policy, committed[stack]) == []
    monkeypatch.setattr(pack, "EXEMPTIONS", [each for each in EXEMPTIONS if each is not exemption])
    for stack in stacks:
        found = violations(exemption.policy, committed[stack])
        assert found, f"the stack {stack} no longer needs its exemption from {exemption.policy}"
        for resource in exemption.resources:
            assert any(message.startswith(resource) for message in found)


def test_an_exemption_covers_its_policy_its_stacks_and_its_resources_only(
    committed: dict[str, Resources],
) -> None:
    exemption = Exemption(
        policy="log-retention",
        stacks=frozenset({"dev"}),
        resources=frozenset({"stream-stream"}),
        reason="an example",
    )
    covered = [
        (policy.name, resource.stack, resource.name)
        for resources in committed.values()
        for resource in resources
        for policy in pack.POLICIES
        if exemption.covers(policy.name, resource)
    ]
    assert covered == [("log-retention", "dev", "stream-stream")]


def test_production_is_exempt_from_nothing_by_its_name() -> None:
    assert not [each for each in EXEMPTIONS if "prod" in each.stacks]
