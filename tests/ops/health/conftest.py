"""What the tests of `status` and `watch` share."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.ops.conftest import CONFIG
from tests.ops.stack import DeployedStack


@pytest.fixture
def fresh(deployed: DeployedStack, tmp_path: Path) -> Iterator[DeployedStack]:
    """A stack of its own, in which nothing has gone wrong, and whose name no metric has yet."""
    # Local AWS evaluates an alarm on the metrics of all stacks: this one goes without.
    config = CONFIG | {full_key("alarms"): False}
    deployment = deploy(f"fresh-{uuid.uuid4().hex[:6]}", PROJECT, config, deployed.aws.endpoint)
    yield DeployedStack(deployed.aws, deployment.outputs, tmp_path)
    deployment.destroy()
