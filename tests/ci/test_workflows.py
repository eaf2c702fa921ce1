"""The workflows as data: who gets which credentials, and what is pinned."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parent.parent.parent
FILES = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in FILES}
# YAML reads the key `on` as true.
TRIGGERS = {name: set(workflow[True]) for name, workflow in WORKFLOWS.items()}


def jobs() -> Iterator[tuple[str, str, Any]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield name, job, content


def steps_with_credentials(job: Any) -> list[str]:
    return [
        step.get("run", "") for step in job.get("steps", []) if "AWS_ACCESS_KEY_ID" in step.get("env", {})
    ]


@pytest.mark.parametrize(
    ("workflow", "job", "content"), [pytest.param(*each, id="-".join(each[:2])) for each in jobs()]
)
def test_credentials_are_in_the_steps_that_need_them_and_in_no_other(
    workflow: str, job: str, content: Any
) -> None:
    assert "env" not in content
    for step in content.get("steps", []):
        if "configure-aws-credentials" in step.get("uses", ""):
            assert step["with"]["output-env-credentials"] is False
            assert step["with"]["output-credentials"] is True
            assert "preview_role_arn" in step["with"]["role-to-assume"] or content.get("environment")
    for command in steps_with_credentials(content):
        assert command.startswith(("python -m ci.preview ", "pulumi up "))
    permissions = WORKFLOWS[workflow]["permissions"] | content.get("permissions", {})
    writes = {name for name, level in permissions.items() if level == "write"}
    assert writes <= {
        ("preview", "preview"): {"id-token"},
        ("preview", "comment"): {"pull-requests"},
        ("drift", "drift"): {"id-token", "issues"},
    }.get((workflow, job), {"id-token"} if workflow.startswith("deploy") else set())


def test_code_of_a_pull_request_gets_no_deploy_role_and_no_token_that_writes() -> None:
    assert {name for name, triggers in TRIGGERS.items() if "pull_request" in triggers} == {"preview", "test"}
    assert not [
        name for name, triggers in TRIGGERS.items() if triggers & {"pull_request_target", "workflow_run"}
    ]
    preview = WORKFLOWS["preview"]["jobs"]
    assert "deploy_role_arn" not in yaml.safe_dump(WORKFLOWS["preview"])
    assert "pull_request_stacks" in preview["preview"]["strategy"]["matrix"]["stack"]
    checkout = preview["comment"]["steps"][0]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_a_stack_is_approved_between_its_preview_and_the_deployment_of_that_plan() -> None:
    stack = WORKFLOWS["deploy-stack"]["jobs"]
    assert "environment" not in stack["preview"]
    assert stack["up"]["environment"] == "${{ inputs.stack }}"
    assert stack["up"]["needs"] == "preview"
    [previewed] = steps_with_credentials(stack["preview"])
    [deployed] = steps_with_credentials(stack["up"])
    assert "--plan plan.json" in previewed
    assert "--plan plan.json" in deployed
    assert WORKFLOWS["deploy"]["jobs"]["prod"]["needs"] == "dev"


def test_the_cli_is_pinned_to_the_version_that_is_tested_here_and_that_the_projects_demand() -> None:
    [built] = re.findall(
        r"^\tgithub.com/pulumi/pulumi/pkg/v3 v(\S+)",
        (PROJECT / "tools/pulumi/go.mod").read_text(),
        re.MULTILINE,
    )
    setup = yaml.safe_load((PROJECT / ".github/actions/setup/action.yml").read_text())
    pins = [
        step["with"]["pulumi-version"] for step in setup["runs"]["steps"] if "pulumi/" in step.get("uses", "")
    ]
    assert pins == [built]
    for folder in (PROJECT, PROJECT / "bootstrap"):
        project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
        assert project["requiredPulumiVersion"] == f">={built} <4.0.0"
    uses = [step.get("uses", "") for _, _, job in jobs() for step in job.get("steps", [])]
    assert all(re.search(r"@v\d+$", each) or each.startswith("./") or not each for each in uses)


def test_the_scripts_of_the_workflows_need_nothing_that_is_not_in_the_standard_library() -> None:
    for script in sorted((PROJECT / "ci").glob("*.py")):
        imported = set(re.findall(r"^(?:from|import) (\w+)", script.read_text(), re.MULTILINE))
        assert imported <= sys.stdlib_module_names | {"ci"}, script.name


def test_the_oldest_and_the_newest_python_are_tested_on_linux_and_on_macos() -> None:
    matrix = WORKFLOWS["test"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"os": ["ubuntu-latest", "macos-latest"], "python": ["3.11", "3.14"]}
