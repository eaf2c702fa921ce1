"""A stack of its own, whose function has three versions."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.ops.conftest import CONFIG
from tests.ops.stack import DeployedStack
from tests.waiting import eventually


def publish(stack: DeployedStack, memory: int, deploys: bool = True) -> str:
    """Publish a version with so much memory, and make it live as `pulumi up` does; return its number."""
    function = stack.outputs["function_name"]
    stack.lambda_.update_function_configuration(FunctionName=function, MemorySize=memory)
    eventually(
        lambda: (
            stack.lambda_.get_function_configuration(FunctionName=function)["LastUpdateStatus"]
            == "Successful"
        )
    )
    version: str = stack.lambda_.publish_version(FunctionName=function)["Version"]
    if deploys:
        stack.lambda_.update_alias(
            FunctionName=function,
            Name="live",
            FunctionVersion=version,
            Description=f"Version {version}, set by pulumi up",
        )
    return version


def live(stack: DeployedStack) -> str:
    """The version that the alias names."""
    version: str = stack.lambda_.get_alias(FunctionName=stack.outputs["function_name"], Name="live")[
        "FunctionVersion"
    ]
    return version


@pytest.fixture
def versioned(deployed: DeployedStack, tmp_path: Path) -> Iterator[DeployedStack]:
    config = CONFIG | {full_key("alarms"): False}
    deployment = deploy(f"versions-{uuid.uuid4().hex[:6]}", PROJECT, config, deployed.aws.endpoint)
    stack = DeployedStack(deployed.aws, deployment.outputs, tmp_path)
    for memory in (384, 512):
        publish(stack, memory)
    yield stack
    deployment.destroy()
