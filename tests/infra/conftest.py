"""The committed stacks, run once a test process."""

import pytest

from tests.infra.recorder import Deployed, deploy


@pytest.fixture(scope="session")
def dev() -> Deployed:
    """The stack of `Pulumi.dev.yaml`."""
    return deploy("dev")


@pytest.fixture(scope="session")
def prod() -> Deployed:
    """The stack of `Pulumi.prod.yaml`."""
    return deploy("prod")
