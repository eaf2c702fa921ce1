"""One local AWS and one server of forks per test process, one project folder per test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws.local_aws import LocalAws
from stack.outputs import BUILT_CLI
from tests.engine.stack import LIBRARIES, Project
from tests.forks import Forks


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out without a CLI; `make test-engine` builds one.

    Each run of it takes seconds, and some tests make a dozen: they have longer than others to end.
    """
    for item in items:
        if item.nodeid.startswith("tests/engine/"):
            item.add_marker(pytest.mark.timeout(1800))
    if not (shutil.which("pulumi") or shutil.which("pulumi", path=str(BUILT_CLI))):
        items[:] = [item for item in items if not item.nodeid.startswith("tests/engine/")]


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """An account that the tests of this process share, and that `project` empties after each."""
    with LocalAws.start() as running:
        yield running


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The server of the engine's Python processes; the tests of the README and of the template start real ones."""
    with Forks(tmp_path_factory.mktemp("forks"), LIBRARIES) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, aws: LocalAws, forks: Forks) -> Iterator[Project]:
    """The program in a folder of its own; what it deployed is gone afterwards, because local AWS polls it for ever."""
    yield Project(tmp_path, aws, forks)
    aws.reset()
