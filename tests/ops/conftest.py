"""One local AWS with the deployed program for each test process."""

import uuid
from collections.abc import Iterator

import pytest

from local.aws.local_aws import LocalAws
from local.pulumi.deploy import deploy
from ops.aws import default
from stack.project import PROJECT, full_key
from tests.forks import Forks
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually

CONFIG = {
    "aws:region": "us-east-1",
    # Nobody wants to wait: a batch goes at once, and is discarded after its first failure.
    full_key("mappingBatchingWindow"): 0,
    full_key("mappingMaximumRetries"): 0,
}


@pytest.fixture(scope="session", autouse=True)
def nothing_remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave out the stack that the developer who runs the tests has remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "FILE", tmp_path_factory.mktemp("remembered") / "default.json")
        for variable in default.VARIABLES.values():
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[DeployedStack]:
    """The stack, shared by the tests of this process: they tell their tweets apart by `user`."""
    with LocalAws.start() as aws:
        deployment = deploy("dev", PROJECT, CONFIG, aws.endpoint)
        stack = DeployedStack(aws, deployment.outputs, tmp_path_factory.mktemp("stack"), forks)
        with stack.mapping(BisectBatchOnFunctionError=False):  # a batch is discarded whole, as by its age
            stack.put(tweet("first"))
            eventually(lambda: stack.rows("first"))
            yield stack


@pytest.fixture
def stack(deployed: DeployedStack) -> Iterator[DeployedStack]:
    """The stack with an empty quarantine."""
    deployed.settle()
    yield deployed
    deployed.aws.faults.clear()


@pytest.fixture
def user() -> str:
    """The name of a user of this test alone."""
    return f"user-{uuid.uuid4().hex[:8]}"
