"""GitHub on loopback, as a workflow finds it."""

from collections.abc import Iterator

import pytest

from local.stubs.http import serving
from tests.doubles.github import REPOSITORY, TOKEN, Github


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Github]:
    """An empty repository."""
    repository = Github()
    with serving(repository.answer) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
        monkeypatch.setenv("GITHUB_RUN_ID", "42")
        yield repository
