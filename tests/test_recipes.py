"""The recipes apply what the documents say, so that a page that no longer works is noticed."""

import datetime
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.outputs import BUILT_CLI
from stack.project import PROJECT
from tests.recipes import AUTHOR, RECIPES, RecipeError, has_history, recipe_of_the_day

needs_history = pytest.mark.skipif(not has_history(PROJECT), reason="they need the history from 1.0.0 on")
HAS_CLI = shutil.which("pulumi") or shutil.which("pulumi", path=str(BUILT_CLI))
WITH_A_PAGE = [
    "rename",
    "event",
    pytest.param("template", marks=pytest.mark.skipif(not HAS_CLI, reason="it needs the Pulumi CLI")),
    "upgrade",
    "upgrade-own",
]
BREAK = {
    "rename": ("troubleshooting.md", "is a setting of another project", "is a setting of somebody"),
    "event": ("your-own-events.md", "eventType: charge", "eventType: change"),
    "template": ("deploy.md", "    pulumi new", "    pulumi make"),
    "upgrade": ("upgrade.md", "--theirs", "--them"),
    "upgrade-own": ("upgrade.md", "git diff --binary", "git diff"),
}
"""What somebody might write on the page of each recipe, by mistake."""


def git(folder: Path, *arguments: str) -> str:
    """Run Git; return what it prints."""
    environment = {**os.environ, **AUTHOR}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the files of now, committed."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(PROJECT), str(clone))
    git(clone, "rm", "--quiet", "-r", ".")
    for name in git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if (PROJECT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone / name)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Now")
    return clone


@needs_history
@pytest.mark.parametrize("name", WITH_A_PAGE)
def test_a_recipe_applies_what_its_page_says(name: str, clone: Path) -> None:
    project = RECIPES[name].apply(clone)
    assert (project / "Makefile").exists()
    assert not list(project.rglob("*.rej"))
    assert "<<<<<<<" not in "".join(file.read_text() for file in project.glob("Pulumi.*yaml"))


@needs_history
@pytest.mark.parametrize("name", WITH_A_PAGE)
def test_a_recipe_fails_when_its_page_is_broken(name: str, clone: Path) -> None:
    page, right, wrong = BREAK[name]
    file = clone / "docs" / page
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    with pytest.raises(RecipeError):
        RECIPES[name].apply(clone)


def test_each_recipe_has_its_day() -> None:
    days = [datetime.date(2026, 11, 23) + datetime.timedelta(number) for number in range(len(RECIPES))]
    assert {recipe_of_the_day(day) for day in days} == set(RECIPES)
