"""`pulumi new` makes a project of one's own from the repository."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local.aws.local_aws import LocalAws
from stack.project import PROJECT
from tests.engine.stack import PROGRAM, Project


@pytest.fixture
def project(tmp_path: Path, aws: LocalAws) -> Project:
    """The program in a folder of its own, whose Python processes are started as a person's are."""
    return Project(tmp_path, aws)


def test_a_new_project_reads_the_settings_of_its_stack_files_under_its_own_name(project: Project) -> None:
    template = project.folder.parent / "template"
    template.mkdir()
    for name in (*PROGRAM, "Pulumi.dev.yaml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, template / name)
    shutil.rmtree(project.folder)
    project.folder.mkdir()

    def pulumi(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(project.engine.cli), *arguments],
            cwd=project.folder,
            env=project.engine.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    created = pulumi("new", str(template), "--name", "my-stream", "--yes", "--generate-only")
    assert created.returncode == 0, created.stderr
    quick_start = created.stdout.partition("Your new project is ready to go!")[2]
    commands = re.findall(r"(?m)^(make|source|pulumi) (\S+)", quick_start)
    assert commands[0] == ("make", "demo")
    (heading,) = re.findall(r'README\.md, "(.+)"', quick_start)
    assert f"\n## {heading}\n" in (PROJECT / "README.md").read_text()
    made = yaml.safe_load((project.folder / "Pulumi.yaml").read_text())
    assert made["name"] == "my-stream"
    assert "template" not in made

    (project.folder / ".venv").symlink_to(PROJECT / ".venv")
    pulumi("stack", "init", "dev")
    # On AWS a person would run `pulumi up` now; here the endpoints of local AWS come first.
    file = project.folder / "Pulumi.dev.yaml"
    settings = yaml.safe_load(file.read_text())
    assert settings["config"]["my-stream:tags"] == {"Environment": "dev"}  # the CLI adds the project's name
    local = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text())["config"]
    provider = {key: value for key, value in local.items() if key.startswith("aws:")}
    provider["aws:endpoints"] = [dict.fromkeys(provider["aws:endpoints"][0], project.aws.endpoint)]
    file.write_text(yaml.safe_dump(settings | {"config": settings["config"] | provider}))
    shown = pulumi("preview", "--non-interactive")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "to create" in shown.stdout
    assert pulumi("config", "get", "my-stream:tags").stdout.strip() == '{"Environment":"dev"}'


def test_git_ignores_the_environment_that_an_older_python_host_makes_in_the_project(tmp_path: Path) -> None:
    shutil.copy(PROJECT / ".gitignore", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    status = ["git", "status", "--porcelain"]
    assert subprocess.check_output(status, cwd=tmp_path, text=True) == "?? .gitignore\n"
