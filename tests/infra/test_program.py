"""Properties of the stack as a whole."""

import re
from typing import Any

import pulumi
import pytest

from infra import settings
from stack.project import PROJECT, read_project
from tests.infra.recorder import Deployed, Secret, deploy

COMPONENTS = {
    "stream": "EventStream",
    "table": "EventTable",
    "quarantine": "Quarantine",
    "processor": "EventProcessor",
    "producer": "ProducerUser",
    "monitoring": "Monitoring",
}


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_outputs_have_the_names_that_the_producer_and_the_operator_read(stack: str) -> None:
    outputs = deploy(stack).outputs
    assert outputs.pop("aws_endpoint", None) == ("http://127.0.0.1:4566" if stack == "local" else None)
    assert outputs.pop("quarantine_bucket").startswith(f"{stack}-quarantine-")
    assert outputs == {
        "access_key": "producer-key-odd-id",
        "secret_access_key": Secret("secret of producer-key-odd"),
        "region": "us-east-1",
        "event_type": "tweet",
        "stream_name": f"{stack}-EventStream",
        "stream_arn": f"arn:aws:kinesis:us-east-1:123456789012:{stack}-EventStream",
        "max_record_kib": "1024",
        "table_name": f"{stack}-EventData",
        "function_name": f"{stack}-DDBEventProcessor",
        "dashboard_url": "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        f"#dashboards/dashboard/{stack}-EventPath",
        "alarm_topic_arn": f"arn:aws:sns:us-east-1:123456789012:{stack}-EventAlarms",
    }


def test_each_component_has_its_type_and_the_stack_as_parent(dev: Deployed) -> None:
    components = [each for each in dev.resources if not each.type.startswith("aws:")]
    assert {each.name: each.type for each in components} == {
        name: f"stream-processing:infra:{type_}" for name, type_ in COMPONENTS.items()
    }
    name = read_project()["name"]
    assert {each.parent for each in components} == {
        f"urn:pulumi:dev::{name}::pulumi:pulumi:Stack::{name}-dev"
    }


def test_each_resource_has_its_component_as_parent_and_in_its_name(dev: Deployed) -> None:
    for resource in dev.resources:
        if resource.type.startswith("aws:"):
            component = resource.parent.rsplit("::", 1)[1]
            assert component in COMPONENTS
            assert resource.name.startswith(f"{component}-")


def test_no_component_carries_an_alias(dev: Deployed) -> None:
    """No component was ever renamed; the AWS package adds aliases to some resources."""
    assert {each.aliases for each in dev.resources if not each.type.startswith("aws:")} == {0}


def test_every_taggable_resource_has_the_tags_of_project_stack_and_configuration() -> None:
    stack = deploy("dev", tags={"Team": "data"})
    tagged = [each for each in stack.resources if "tags" in each.inputs]
    assert {each.type.split(":")[-1] for each in tagged} == {
        "Stream",
        "Table",
        "Bucket",
        "LogGroup",
        "Role",
        "Function",
        "EventSourceMapping",
        "User",
        "Topic",
        "MetricAlarm",
    }
    for each in tagged:
        assert each.inputs["tags"] == {"Project": read_project()["name"], "Stack": "dev", "Team": "data"}


def test_a_permissions_boundary_bounds_every_identity_of_the_stack() -> None:
    arn = "arn:aws:iam::123456789012:policy/stream-processing-dev-boundary"
    bounded = deploy("dev", permissionsBoundaryArn=arn)
    identities = [*bounded.of("Role"), *bounded.of("User")]
    assert [each.inputs.get("permissionsBoundary") for each in identities] == [arn, arn]
    assert not [each for each in deploy("dev").resources if "permissionsBoundary" in each.inputs]


def test_the_program_names_neither_region_nor_partition() -> None:
    for module in [PROJECT / "__main__.py", *(PROJECT / "infra").glob("*.py")]:
        assert not re.search(r"arn:aws:|(us|eu|ap)-[a-z]+-\d", module.read_text()), module.name


def test_a_transform_of_the_stack_reaches_every_resource_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The documented way to tag a stack (`register_resource_transform`), which Pulumi's own mocks skip."""

    def tag(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if "tags" not in args.props:
            return None
        tags: Any = args.props["tags"]
        props = {**args.props, "tags": {**tags, "Team": "data"}}
        return pulumi.ResourceTransformResult(props, args.opts)

    load = settings.load

    def load_with_transform(parse: Any) -> Any:
        pulumi.runtime.register_resource_transform(tag)
        return load(parse)

    plain = deploy()
    monkeypatch.setattr(settings, "load", load_with_transform)
    tagged = deploy()
    expected = {
        each.urn: {**each.inputs["tags"], "Team": "data"} for each in plain.resources if "tags" in each.inputs
    }
    assert expected
    assert {each.urn: each.inputs["tags"] for each in tagged.resources if "tags" in each.inputs} == expected
    assert options(tagged) == options(plain)


def options(deployed: Deployed) -> dict[str, Any]:
    return {each.urn: (each.protect, each.ignored, each.depends_on) for each in deployed.resources}
