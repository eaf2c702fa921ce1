"""`make recipes`: change copies of this project as the documents say, and run the demo and the tests in each.

The words of the pages are what is applied: a page whose command or definition no longer works makes its recipe fail.
"""

import datetime
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from local.errors import NoEngineError
from local.pulumi.engine import Engine
from stack.project import ACCOUNT_SETTINGS, PROJECT, version

_VALUES = {
    "alarmEmail": "oncall@octo.dev",
    "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000",
    "kmsKeyArnPrevious": "arn:aws:kms:us-east-1:123456789012:key/1f7c2d2e-0000-4000-8000-000000000000",
    "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/stream-processing-dev-boundary",
    "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/tweets-in",
    "streamKeyArn": "arn:aws:kms:us-east-1:123456789012:key/2f7c2d2e-0000-4000-8000-000000000000",
}
_FIRST_RELEASE = "1.0.0"
_FIND_FIRST = f"git log --diff-filter=A --format=%H -- 'tests/engine/states/{_FIRST_RELEASE}.json*' | tail -1"
"""Prints the commit of the first release."""
_URL = "<URL of this repository>"
AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "A user"), ("EMAIL", "user@octo.dev"))
}


class RecipeError(Exception):
    """A page does not have what a recipe applies, or what it says failed."""


@dataclass(frozen=True)
class Recipe:
    """A change that a page describes.

    Attributes:
        apply: makes the changed project of a clone of this repository, and returns its folder.
        tests: what depends on the change, a minute's worth of `make test`.
    """

    apply: Callable[[Path], Path]
    tests: Sequence[str]


def bind_to_an_account(clone: Path) -> Path:
    """Set what an account has in both stacks, as `python -m delivery setup` and `pulumi config set` do."""
    for stack in ("dev", "prod"):
        _append(clone, stack, "".join(f"  {key}: {_VALUES[key]}\n" for key in ACCOUNT_SETTINGS))
    return clone


def rename(clone: Path) -> Path:
    """Give the project another name, and run the command of the error that the settings' old name leads to."""
    _append(clone, "dev", f"  stream-processing:alarmEmail: {_VALUES['alarmEmail']}\n")
    file = clone / "Pulumi.yaml"
    file.write_text(re.sub("(?m)^name: .*$", "name: my-stream", file.read_text()))
    problem = _find(clone, "troubleshooting.md", r"`(.*)` \| the project was renamed")
    rejected = _run([sys.executable, "-m", "ops", "cost", "--stack", "dev"], clone)
    if problem not in rejected.stderr:
        raise RecipeError(f"a setting under the old name is not answered by {problem!r}: {rejected.stderr}")
    fix = rejected.stderr.partition("Fix: ")[2].partition(" && pulumi ")[0]
    _run_lines(fix, clone)
    if left := list(clone.glob("*.bak")):
        raise RecipeError(f"{fix!r} leaves {', '.join(file.name for file in left)}")
    return clone


def add_an_event(clone: Path) -> Path:
    """Define the event of a page, and choose it."""
    page = "your-own-events.md"
    path = _find(clone, page, r"save it as `(event/types/\w+\.py)`")
    (clone / path).write_text(_find(clone, page, r"(?s)save it as .*?```python\n(.*?)```"))
    choice = _find_block(clone, page, "**2. Choose it.**")
    _append(clone, "dev", choice)
    chosen = choice.partition(": ")[2].strip()
    _run_lines(f"{sys.executable} -m local events {chosen} > /dev/null", clone)
    return clone


def use_as_template(clone: Path) -> Path:
    """Make a project with `pulumi new`, and leave the choice of a stack and the environment for later."""
    lines = _find_block(clone, "deploy.md", "`pulumi new` takes the repository")
    options = " --yes --generate-only --name my-stream"
    folder = clone.parent / "projects"
    folder.mkdir()
    engine = Engine.prepare(state=clone.parent / "state", project=folder)
    _run_lines(lines.replace(_URL, f"{clone}{options}"), folder, engine.environment())
    (project,) = folder.iterdir()
    return project


def upgrade_a_clone(clone: Path) -> Path:
    """Merge this release into a clone of the first one whose stack files were changed."""
    _tag_releases(clone)
    project = clone.parent / "project"
    _run_lines(f"git clone --quiet --branch v{_FIRST_RELEASE} {clone} {project}", clone.parent)
    _run_lines("git checkout --quiet -b main", project)
    file = project / "Pulumi.prod.yaml"
    file.write_text(re.sub("alarmEmail: .*", "alarmEmail: oncall@octo.dev", file.read_text()))
    _run_lines("git commit --quiet --all --message 'Choose our settings'", project)
    before_aws = _find_block(clone, "upgrade.md", "**A clone**").partition("make install")[0]
    if "CONFLICT" not in _run(["bash", "-ec", _this_release(before_aws)], project).stdout:
        raise RecipeError("the page says how to resolve a conflict in a stack file, but there is none")
    *resolve, set_again = _find_block(clone, "upgrade.md", "A stack file that you changed").splitlines()
    _run_lines("\n".join(resolve), project)
    _set(project, set_again)
    return project


def upgrade_a_project_of_its_own(clone: Path) -> Path:
    """Apply the difference between two releases to what `pulumi new` made of the first one."""
    _tag_releases(clone)
    project = clone.parent / "project"
    project.mkdir()
    _run_lines(f"git -C {clone} archive v{_FIRST_RELEASE} | tar -x", project)
    rename_file = project / "Pulumi.yaml"
    rename_file.write_text(re.sub("(?m)^name: .*$", "name: my-stream", rename_file.read_text()))
    _run_lines("git init --quiet && git add . && git commit --quiet --message 'Begin'", project)
    lines = _find_block(clone, "upgrade.md", "**A project that `pulumi new` made**")
    _run_lines(_this_release(lines).replace(_URL, str(clone)), project)
    return project


_SETTINGS = ("tests/stack", "tests/infra")
RECIPES: Mapping[str, Recipe] = {
    "account": Recipe(bind_to_an_account, _SETTINGS),
    "rename": Recipe(rename, _SETTINGS),
    "event": Recipe(add_an_event, ("tests/event", "tests/infra/test_archive.py")),
    "template": Recipe(use_as_template, _SETTINGS),
    "upgrade": Recipe(upgrade_a_clone, _SETTINGS),
    "upgrade-own": Recipe(upgrade_a_project_of_its_own, _SETTINGS),
}


def _append(project: Path, stack: str, lines: str) -> None:
    with (project / f"Pulumi.{stack}.yaml").open("a") as file:
        file.write(lines)


def _set(project: Path, command: str) -> None:
    """Set what a page's `pulumi config set KEY VALUE --stack NAME` sets, with a value that the key can have."""
    *pulumi, key, _value, _option, stack = command.split()
    if pulumi != ["pulumi", "config", "set"] or key not in _VALUES:
        raise RecipeError(f"this sets nothing of an account: {command}")
    _append(project, stack, f"  {key}: {_VALUES[key]}\n")


def _find(clone: Path, page: str, pattern: str) -> str:
    """Return what a pattern's group is on a page."""
    found = re.findall(pattern, (clone / "docs" / page).read_text())
    if len(found) != 1:
        raise RecipeError(f"docs/{page} has {len(found)} times what this recipe applies: {pattern}")
    text: str = found[0]
    return text


def _find_block(clone: Path, page: str, paragraph: str) -> str:
    """Return the indented block below a paragraph that begins with some words."""
    block = _find(clone, page, rf"\n{re.escape(paragraph)}[^\n]*(?:\n[^\n]+)*\n\n((?:    [^\n]*\n)+)")
    return "".join(f"{line[4:]}\n" for line in block.splitlines())


def _this_release(lines: str) -> str:
    """Replace the release that a page names by the one in preparation."""
    return lines.replace("v1.1.0", f"v{version()}")


def has_history(project: Path) -> bool:
    """Tell whether a project's history goes back to the first release, which had no page about upgrades.

    That of a clone or a fork does. That of a project which `pulumi new` made does not, whose remote may have its tag.
    """
    tagged = _run(["git", "rev-parse", "-q", "--verify", f"v{_FIRST_RELEASE}^{{commit}}"], project)
    first = (tagged if tagged.stdout else _run(["bash", "-c", _FIND_FIRST], project)).stdout.strip()
    contained = _run(["git", "merge-base", "--is-ancestor", first, "HEAD"], project)
    later = _run(["git", "cat-file", "-e", f"{first}:docs/upgrade.md"], project)
    return contained.returncode == 0 and later.returncode != 0


def _tag_releases(clone: Path) -> None:
    """Tag the release in preparation, and the first one if it is not: it recorded the state that it leaves."""
    _run_lines(f"git tag --force v{version()}", clone)
    _run_lines(
        f"git rev-parse -q --verify v{_FIRST_RELEASE} || git tag v{_FIRST_RELEASE} $({_FIND_FIRST})", clone
    )


def _run_lines(lines: str, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    ended = _run(["bash", "-euo", "pipefail", "-c", lines], folder, environment)
    if ended.returncode:
        raise RecipeError(f"{lines.strip()!r} failed: {ended.stdout}{ended.stderr}")


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env={**environment, **AUTHOR}, capture_output=True, text=True, check=False
    )


def recipe_of_the_day(day: datetime.date) -> str:
    """Return a recipe's name; each has its turn."""
    return sorted(RECIPES)[day.toordinal() % len(RECIPES)]


def run_recipe(recipe: Recipe, *, brief: bool) -> None:
    """Apply a recipe to a clone of the last commit; run the demo there, and the tests or those that depend on it.

    Raises:
        RecipeError: something of it failed.
        NoEngineError: it needs the Pulumi CLI, and there is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
        project = recipe.apply(clone)
        tests = ["make", "test"]
        if brief:
            tests = [".venv/bin/python", "-m", "pytest", "--quiet", *recipe.tests]
        for command in (["make", "demo"], tests):
            if subprocess.run(command, cwd=project, check=False).returncode:
                raise RecipeError(f"{shlex.join(command)} failed")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(RECIPES)))
@click.option("--today", is_flag=True, help="The recipe of the day only.")
@click.option("--brief", is_flag=True, help="Only the tests that depend on the change.")
def main(names: tuple[str, ...], today: bool, brief: bool) -> None:
    """Run the named recipes, or all of them, each in a clone of the last commit; this takes minutes each."""
    if today:
        names = (recipe_of_the_day(datetime.datetime.now(datetime.UTC).date()),)
    failed = []
    for name in names or RECIPES:
        click.secho(f"The recipe {name}", bold=True)
        try:
            run_recipe(RECIPES[name], brief=brief)
        except (RecipeError, NoEngineError) as error:
            failed.append(f"{name}: {error}")
    if failed:
        sys.exit("\n".join(["Failed:", *failed]))


if __name__ == "__main__":
    main()
