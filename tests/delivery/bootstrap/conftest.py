"""The bootstrap program, run once a test process."""

import pytest

from tests.infra.recorder import KEY, Deployed, deploy_bootstrap


@pytest.fixture(scope="session")
def account() -> Deployed:
    """The program with its defaults, for a stack that uses a key of the account's own."""
    return deploy_bootstrap(kmsKeyArns=[KEY])
