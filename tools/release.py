"""Makes a release: `make release VERSION=1.1.0`.

Checks the tree, the version and the changelog, runs `make check`, `test` and `recipes`, takes `.dev0` off the version,
dates the changelog, records the state that the release leaves, commits and tags, and begins the next version. Nothing
is pushed.
"""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import click

from stack.project import PROJECT

BRANCH: Final = "main"
GROUPS: Final = ("Added", "Changed", "Fixed", "Upgrade notes")
"""The headings of a release in the changelog, in their order."""
_UNRELEASED: Final = "## Unreleased\n"
_VERSION: Final = re.compile(r'(?m)^version = "([^"]+)"')


class ReleaseError(click.ClickException):
    """Something that a release needs is missing; nothing was changed."""


@click.command()
@click.argument("version")
def main(version: str) -> None:
    """Make the release VERSION of this repository."""
    release(PROJECT, version, datetime.now(UTC).date())


def release(project: Path, version: str, today: date) -> None:
    """Make a release.

    Raises:
        ReleaseError: the tree, the version or the changelog is not that of a release, or a check fails.
    """
    check(project, version)
    for target in ("check", "test", "recipes"):
        _make(project, target)
    if _git(project, "status", "--porcelain"):
        raise ReleaseError("The tests have changed the tree: `git status` shows what.")
    set_version(project, version)
    _edit(project / "CHANGELOG.md", _UNRELEASED, f"## {version} ({today})\n")
    try:
        _make(project, "record-state")
    except ReleaseError:
        _git(project, "restore", ".")
        raise
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "--message", f"Release {version}")
    _git(project, "tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    _begin_next(project, version)
    click.echo(f"Release {version} is tagged here. To publish it: git push origin {BRANCH} v{version}")


def check(project: Path, version: str) -> None:
    """Check that a release can be made of what is committed.

    Raises:
        ReleaseError: it cannot; the message says why.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"{version} is no version: give one such as 1.1.0.")
    present = read_version(project)
    if present != f"{version}.dev0":
        raise ReleaseError(f"pyproject.toml has the version {present}, which does not become {version}.")
    branch = _git(project, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != BRANCH:
        raise ReleaseError(f"This is the branch {branch}: a release is made on {BRANCH}.")
    if _git(project, "status", "--porcelain"):
        raise ReleaseError("The tree is not clean: commit or remove what `git status` shows.")
    if _git(project, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"The tag v{version} exists already.")
    check_changelog((project / "CHANGELOG.md").read_text(), version)


def check_changelog(text: str, version: str) -> None:
    """Check that a changelog has something unreleased, under each heading once and in order, and not this version.

    Raises:
        ReleaseError: it has not.
    """
    sections = re.split(r"(?m)^## ", text)[1:]
    titles = [section.partition("\n")[0] for section in sections]
    if titles[:1] != ["Unreleased"]:
        raise ReleaseError("CHANGELOG.md does not begin with the section Unreleased.")
    if any(title.partition(" ")[0] == version for title in titles):
        raise ReleaseError(f"CHANGELOG.md has a section {version} already.")
    groups = re.findall(r"(?m)^### (.*)$", sections[0])
    if not groups or groups != [group for group in GROUPS if group in groups]:
        raise ReleaseError(
            f"Unreleased in CHANGELOG.md has the headings {', '.join(groups) or 'none'}: "
            f"each of {', '.join(GROUPS)} at most once, in this order."
        )


def read_version(project: Path) -> str:
    """Return the version in `pyproject.toml`."""
    found = _VERSION.search((project / "pyproject.toml").read_text())
    return found[1] if found else "(none)"


def set_version(project: Path, version: str) -> None:
    """Write the version to `pyproject.toml`."""
    _edit(project / "pyproject.toml", f'version = "{read_version(project)}"', f'version = "{version}"')


def _begin_next(project: Path, version: str) -> None:
    """Commit the next minor version, in preparation, with an empty section of the changelog."""
    major, minor, _ = version.split(".")
    following = f"{major}.{int(minor) + 1}.0.dev0"
    set_version(project, following)
    _edit(project / "CHANGELOG.md", f"## {version} (", f"{_UNRELEASED}\n## {version} (")
    _git(project, "commit", "--quiet", "--all", "--message", f"Begin {following.removesuffix('.dev0')}")


def _edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))


def _make(project: Path, target: str) -> None:
    if subprocess.run(["make", target], cwd=project, check=False).returncode:
        raise ReleaseError(f"`make {target}` failed: nothing was released.")


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
