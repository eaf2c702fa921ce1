"""`make release` checks, records, commits and tags; what is not ready changes nothing."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from stack.project import PROJECT
from tools.release import ReleaseError, check_changelog, read_version, release

DAY = date(2026, 12, 1)
CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n### Added\n- this\n\n### Fixed\n- that\n\n## 1.0.0 (2026-11-23)\n"
)
MAKEFILE = """\
check test recipes:
\t@test ! -e fails-$@ && echo $@ >> made
record-state:
\t@test ! -e fails-$@ && grep '^version' pyproject.toml > state
"""


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose next release is 1.1.0."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Mira")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "mira@octo.dev")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.1.0.dev0" # read\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / ".gitignore").write_text("made\nfails-*\n")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_a_release_is_checked_recorded_dated_and_tagged_and_the_next_version_begins(repository: Path) -> None:
    release(repository, "1.1.0", DAY)
    assert (repository / "made").read_text().split() == ["check", "test", "recipes"]
    assert git(repository, "log", "--format=%s") == "Begin 1.2.0\nRelease 1.1.0\nBegin"
    assert git(repository, "rev-parse", "v1.1.0^{commit}") == git(repository, "rev-parse", "HEAD~1")
    released = git(repository, "show", "v1.1.0:CHANGELOG.md")
    assert released == CHANGELOG.replace("Unreleased", "1.1.0 (2026-12-01)").strip()
    assert git(repository, "show", "v1.1.0:state") == 'version = "1.1.0" # read'
    assert read_version(repository) == "1.2.0.dev0"
    assert "## Unreleased\n\n## 1.1.0 (2026-12-01)\n\n### Added" in (repository / "CHANGELOG.md").read_text()
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("version", "prepare", "message"),
    [
        ("1.1", [], "1.1 is no version"),
        ("1.2.0", [], "version 1.1.0.dev0, which does not become 1.2.0"),
        ("1.1.0", ["touch", "left"], "The tree is not clean"),
        ("1.1.0", ["git", "checkout", "--quiet", "-b", "topic"], "This is the branch topic"),
        ("1.1.0", ["git", "tag", "v1.1.0"], "The tag v1.1.0 exists already"),
        ("1.1.0", ["touch", "fails-test"], "`make test` failed"),
        ("1.1.0", ["touch", "fails-record-state"], "`make record-state` failed"),
    ],
)
def test_what_is_not_ready_is_named_and_nothing_is_released(
    repository: Path, version: str, prepare: list[str], message: str
) -> None:
    if prepare:
        subprocess.run(prepare, cwd=repository, check=True)
    with pytest.raises(ReleaseError, match=message):
        release(repository, version, DAY)
    assert git(repository, "log", "--format=%s") == "Begin"
    assert git(repository, "diff") == ""
    assert read_version(repository) == "1.1.0.dev0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("## 1.0.0 (2026-11-23)\n", "does not begin with the section Unreleased"),
        ("## Unreleased\n", "has the headings none"),
        ("## Unreleased\n### Fixed\n### Added\n", "has the headings Fixed, Added"),
        ("## Unreleased\n### Added\n### Added\n", "has the headings Added, Added"),
        ("## Unreleased\n### Added\n## 1.1.0 (2026-12-01)\n", "has a section 1.1.0 already"),
    ],
)
def test_a_changelog_that_is_not_ready_is_rejected(text: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        check_changelog(text, "1.1.0")


def test_the_changelog_of_this_repository_is_ready_for_the_version_in_preparation() -> None:
    version = read_version(PROJECT)
    if version.endswith(".dev0") and "## Unreleased\n\n## " not in (PROJECT / "CHANGELOG.md").read_text():
        check_changelog((PROJECT / "CHANGELOG.md").read_text(), version.removesuffix(".dev0"))
