"""The workflows as data: the credentials of each step, and the pinned versions."""

import os
import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from delivery.cli import CHECK
from delivery.workflows.preview import POLICY_PACK
from stack.project import PROJECT

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
        assert command.startswith(
            ("python -m delivery.workflows.preview ", "pulumi up ", "python -m ops prune ")
        )
    permissions = WORKFLOWS[workflow]["permissions"] | content.get("permissions", {})
    writes = {name for name, level in permissions.items() if level == "write"}
    assert writes <= {
        ("preview", "preview"): {"id-token"},
        ("preview", "comment"): {"pull-requests"},
        ("drift", "drift"): {"id-token", "issues"},
    }.get((workflow, job), {"id-token"} if workflow.startswith("deploy") else set())


@pytest.mark.parametrize("workflow", ["preview", "deploy-stack"])
def test_secrets_are_required_before_the_credentials_of_a_preview(workflow: str) -> None:
    steps = WORKFLOWS[workflow]["jobs"]["preview"]["steps"]
    commands = [step.get("run", step.get("uses", "")).partition(" --stack")[0] for step in steps]
    required = commands.index("python -m delivery.workflows.require_secrets")
    [credentials] = [index for index, each in enumerate(commands) if "configure-aws-credentials" in each]
    assert required < credentials < commands.index("python -m delivery.workflows.preview")


def test_a_deployment_keeps_the_policies_that_its_preview_kept() -> None:
    deployed, _ = steps_with_credentials(WORKFLOWS["deploy-stack"]["jobs"]["up"])
    assert f" --policy-pack {POLICY_PACK} " in deployed
    assert os.access(PROJECT / POLICY_PACK, os.X_OK)


def test_a_deployment_ends_with_the_deletion_of_old_versions() -> None:
    _, pruned = steps_with_credentials(WORKFLOWS["deploy-stack"]["jobs"]["up"])
    assert pruned == 'python -m ops prune --stack "$STACK" --yes'


def test_the_drift_workflow_opens_an_issue_only_when_the_preview_found_changes() -> None:
    steps = WORKFLOWS["drift"]["jobs"]["drift"]["steps"]
    [look] = [step for step in steps if step.get("id") == "preview"]
    assert look["run"].endswith(" --expect-no-changes")
    [report] = [step for step in steps if "delivery.workflows.issue" in step.get("run", "")]
    assert report["if"] == "failure() && steps.preview.outputs.exit-code == '7'"
    assert "--report preview.txt" in look["run"]
    assert "--report preview.txt" in report["run"]


def test_a_pull_request_is_previewed_or_told_why_not() -> None:
    jobs = WORKFLOWS["preview"]["jobs"]
    first = """fromJSON(vars.BOOTSTRAP || '{"pull_request_stacks":[]}').pull_request_stacks[0]"""
    origin = "github.event.pull_request.head.repo.full_name"
    assert jobs["preview"]["if"] == f"{first} != null && {origin} == github.repository"
    assert jobs["explain"]["if"] == f"{first} == null || {origin} != github.repository"


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


def test_a_preview_knows_the_label_that_lets_data_go() -> None:
    assert "labeled" in WORKFLOWS["preview"][True]["pull_request"]["types"]
    on_main = WORKFLOWS["deploy-stack"]["jobs"]["preview"]
    [step] = [each for each in on_main["steps"] if "delivery.workflows.preview" in each.get("run", "")]
    assert step["env"]["GITHUB_TOKEN"] == "${{ github.token }}"
    # A workflow that is called has no more permissions than its caller's job.
    for job in (on_main, *WORKFLOWS["deploy"]["jobs"].values()):
        assert job["permissions"]["pull-requests"] == "read"


def test_a_stack_is_approved_between_its_preview_and_the_deployment_of_that_plan() -> None:
    stack = WORKFLOWS["deploy-stack"]["jobs"]
    assert "environment" not in stack["preview"]
    assert stack["up"]["environment"] == "${{ inputs.stack }}"
    assert stack["up"]["needs"] == "preview"
    [previewed] = steps_with_credentials(stack["preview"])
    deployed, _ = steps_with_credentials(stack["up"])
    assert "--plan plan.json" in previewed
    assert "--plan plan.json" in deployed
    saved, loaded = (
        [
            step["with"]
            for step in stack[job]["steps"]
            if f"actions/{action}-artifact@" in step.get("uses", "")
        ]
        for job, action in (("preview", "upload"), ("up", "download"))
    )
    assert saved[0]["name"] == loaded[0]["name"] == "plan-${{ inputs.stack }}"
    assert saved[0]["path"] == "plan.json"
    deploy = WORKFLOWS["deploy"]["jobs"]
    assert deploy["prod"]["needs"] == "dev"
    dev_is_done = "(needs.dev.result == 'success' || needs.dev.result == 'skipped')"
    assert deploy["prod"]["if"].startswith(f"!cancelled() && {dev_is_done} && contains(")


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
    assert pins == ["${{ inputs.pulumi-version }}"]
    assert setup["inputs"]["pulumi-version"]["default"] == built
    named = {
        (name, step["with"]["pulumi-version"])
        for name, _, job in jobs()
        for step in job.get("steps", [])
        if step.get("uses") == "./.github/actions/setup" and "with" in step
    }
    assert named == {("test", "${{ matrix.pulumi }}")}, "a deployment uses the pinned one"
    for folder in (PROJECT, PROJECT / "delivery" / "bootstrap"):
        project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
        assert project["requiredPulumiVersion"] == f">={built} <4.0.0"
    uses = [step.get("uses", "") for _, _, job in jobs() for step in job.get("steps", [])]
    uses += [step.get("uses", "") for step in setup["runs"]["steps"]]
    assert all(re.search(r"@v\d+$", each) or each.startswith("./") or not each for each in uses)


def test_the_oldest_cli_that_the_projects_allow_and_a_newer_one_are_tested() -> None:
    allowed = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["requiredPulumiVersion"]
    oldest, below = re.findall(r"[\d.]+", allowed)
    tested, newer = WORKFLOWS["test"]["jobs"]["plugin"]["strategy"]["matrix"]["pulumi"]

    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    assert tested == oldest
    assert number(oldest) < number(newer) < number(below)


def test_the_newest_boto3_is_tested_without_what_pins_an_older_one() -> None:
    (step,) = [step["run"] for step in WORKFLOWS["test"]["jobs"]["newest"]["steps"] if "run" in step]
    assert step == "make test-newest"
    recipe = (PROJECT / "Makefile").read_text().split("\ntest-newest:")[1].split("\n\n")[0]
    local = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["local"]
    assert [each.partition("==")[0] for each in local] == re.findall(r"pip uninstall --quiet (.+)", recipe)
    assert "pip install --quiet --upgrade boto3 botocore" in recipe


def test_the_scripts_of_the_workflows_need_nothing_that_is_not_in_the_standard_library() -> None:
    for script in sorted((PROJECT / "delivery" / "workflows").glob("*.py")):
        imported = set(re.findall(r"^(?:from|import) (\w+)", script.read_text(), re.MULTILINE))
        assert imported <= sys.stdlib_module_names | {"delivery"}, script.name


def test_the_check_that_a_ruleset_requires_passes_only_if_every_job_of_the_tests_passed() -> None:
    jobs = WORKFLOWS["test"]["jobs"]
    [(name, required)] = [(name, job) for name, job in jobs.items() if job.get("name", name) == CHECK]
    assert set(required["needs"]) == set(jobs) - {name}
    assert required["if"] == "always()"
    [step] = required["steps"]
    results = [f"contains(needs.*.result, '{result}')" for result in ("failure", "cancelled", "skipped")]
    assert step == {"if": " || ".join(results), "run": "exit 1"}


def test_the_oldest_and_the_newest_python_are_tested_on_linux_and_on_macos() -> None:
    matrix = WORKFLOWS["test"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix == {"os": ["ubuntu-latest", "macos-latest"], "python": ["3.11", "3.14"]}
