"""The production stack and the bootstrap program, run once a test process."""

import pytest

from tests.infra.recorder import KEY, deploy, deploy_bootstrap
from tests.policy.recorded import Resources, resources_of


@pytest.fixture(scope="session")
def prod() -> Resources:
    """The stack of `Pulumi.prod.yaml`."""
    return resources_of(deploy("prod"))


@pytest.fixture(scope="session")
def account() -> Resources:
    """The bootstrap program for two stacks, one with a key of its own."""
    return resources_of(deploy_bootstrap(stacks=["dev", "prod"], kmsKeyArns=[KEY]))
