"""The resources that the real programs register, as the policies see them, and changes that break a promise."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from policy.pack import POLICIES
from policy.resource import Resource
from tests.infra.recorder import Deployed

Resources = Sequence[Resource]


def resources_of(deployed: Deployed) -> Resources:
    """Return what a program registered."""
    return [
        Resource(
            urn=each.urn,
            type=each.type,
            name=each.name,
            props=each.inputs,
            protected=each.protect,
            sources=each.depends_on_by_input,
        )
        for each in deployed.resources
    ]


def added(
    resources: Resources, type_: str, *, sources: Iterable[str] = (), via: str = "", **props: Any
) -> Resources:
    """Return the resources with one more, `added`, whose property `via` comes from the resources named `sources`."""
    urns = {each.urn for each in resources if each.name in sources}
    urn = f"urn:pulumi:prod::stream-processing::{type_}::added"
    return [*resources, Resource(urn=urn, type=type_, name="added", props=props, sources={via: urns})]


def changed(resources: Resources, name: str, **props: Any) -> Resources:
    """Return the resources, one of them with other properties; None takes one away."""
    assert name in {each.name for each in resources}
    return [replace(each, props={**each.props, **props}) if each.name == name else each for each in resources]


def without(resources: Resources, name: str) -> Resources:
    """Return the resources, one of them not."""
    assert name in {each.name for each in resources}
    return [each for each in resources if each.name != name]


def violations(policy: str, resources: Resources) -> list[str]:
    """Return the messages of a policy."""
    [found] = [each for each in POLICIES if each.name == policy]
    return [message for _, message in found.violations(resources)]
