"""Previews a stack in a workflow, and saves the CLI's output as a report for the reviewers.

    python -m delivery.workflows.preview --stack dev --report preview.txt [--plan plan.json] [--expect-no-changes]

The exit code, also as the step's output `exit-code`, is that of `pulumi preview`: 7 if it found changes and none were
expected, any other but 0 if it failed, also because a policy is broken (docs/policies.md). It is also 1 if a table, a
stream or a bucket would be replaced or deleted, unless the pull request has the label `replaces-data`; on main this is
the one that the commit came with, for which GITHUB_REPOSITORY, GITHUB_SHA and GITHUB_TOKEN are read. The standard
library only, because a workflow's scripts run with the Python of GitHub's runner.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.workflows.github import GithubError, Repository

HOLD_DATA = {"aws:dynamodb/table:Table", "aws:kinesis/stream:Stream", "aws:s3/bucket:Bucket"}
LABEL = "replaces-data"
POLICY_PACK = "policy/pulumi-analyzer-stream-processing"
NO_REPORT = "The preview failed before it wrote a report: its log says why."
INDENT = " " * 4
LEFT_OUT = f"\n{INDENT}... left out ...\n{INDENT}"
MEANINGS = {
    0: "The preview of {stack} succeeded.",
    6: "There is no stack {stack} in the backend: python -m delivery stack {stack}",
    7: "The stack {stack} differs from the program: the report says in what.",
}
"""Messages for the CLI's exit codes (its `cmd/exit_codes.go`); any other is a failure."""
FAILED = "The preview of {stack} failed with exit code {code}: the end of its report says why."
LOSES_DATA = (
    "The stack {stack} would lose data: {resources} would be replaced or deleted. If nobody needs the data (redrive or "
    f"purge what is in quarantine), give the pull request the label {LABEL}, and run this again."
)


def main() -> int:
    """Run the preview; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.workflows.preview", description="Preview a stack in a workflow."
    )
    parser.add_argument("--stack", required=True)
    parser.add_argument("--report", type=Path, required=True, help="file for what the CLI writes")
    parser.add_argument("--plan", type=Path, help="file for the plan, for `pulumi up --plan`")
    parser.add_argument(
        "--expect-no-changes", action="store_true", help="fail if there are changes, or drift"
    )
    options = parser.parse_args()

    command = ["pulumi", "preview", "--stack", options.stack, "--refresh", "--diff", "--non-interactive"]
    command += ["--color", "never", "--suppress-progress"]
    with tempfile.TemporaryDirectory() as folder:
        plan: Path = options.plan or Path(folder) / "plan.json"
        if options.expect_no_changes:
            command.append("--expect-no-changes")
        else:
            command += ["--save-plan", str(plan), "--policy-pack", POLICY_PACK]
        report, code = _run(command)
        print(report, end="")
        lost = [] if code or options.expect_no_changes else lost_resources(json.loads(plan.read_text()))
    meaning = MEANINGS.get(code, FAILED).format(stack=options.stack, code=code)
    if lost and not _may_lose_data():
        code, meaning = 1, LOSES_DATA.format(stack=options.stack, resources=", ".join(lost))
        report += f"\n{meaning}\n"
    options.report.write_text(report)
    print(meaning, file=sys.stderr)
    _append("GITHUB_STEP_SUMMARY", f"{meaning}\n\n{as_markdown(options.stack, report)}")
    _append("GITHUB_OUTPUT", f"exit-code={code}\n")
    return code


def lost_resources(plan: Mapping[str, Any]) -> list[str]:
    """Return those resources with data that a plan of the CLI replaces or deletes, each with its type."""
    found = []
    for urn, planned in plan["resourcePlans"].items():
        *_, types, name = urn.split("::", 3)
        kind = types.rpartition("$")[2]
        if kind in HOLD_DATA and {"delete", "replace", "delete-replaced"} & set(planned["steps"]):
            found.append(f"{name} ({kind})")
    return found


def _may_lose_data() -> bool:
    """Tell whether the pull request that this run is about has the label; no, if there is none."""
    file = os.environ.get("GITHUB_EVENT_PATH")
    event = json.loads(Path(file).read_text()) if file else {}
    try:
        if "pull_request" in event:
            pull_requests = [event["pull_request"]]
        elif event:
            repository = Repository.connect(os.environ["GITHUB_REPOSITORY"])
            pull_requests = repository.pull_requests(os.environ["GITHUB_SHA"])
        else:
            pull_requests = []
    except GithubError as error:
        print(error, file=sys.stderr)
        return False
    return any(label["name"] == LABEL for each in pull_requests for label in each["labels"])


def _append(variable: str, text: str) -> None:
    """Append to the file that a variable of a workflow names, if it does."""
    if name := os.environ.get(variable):
        with Path(name).open("a") as file:
            file.write(text)


def _run(command: list[str]) -> tuple[str, int]:
    """Return what a command wrote, and its exit code, which is 127 if there is no such command."""
    try:
        ended = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        return f"`{command[0]}` is not on PATH.\n", 127
    return ended.stdout, ended.returncode


def read_report(report: Path) -> str:
    """Return the text of a report, or that there is none."""
    try:
        return report.read_text(errors="replace")
    except FileNotFoundError:
        return NO_REPORT


def as_markdown(stack: str, report: str, limit: int = 60_000) -> str:
    """Return a report as a section of Markdown of up to `limit` characters, its middle left out beyond that.

    Nothing in a report ends an indented block. It would end a fence, or demand one longer than all of its backticks.
    """
    heading = "### `pulumi preview` of `{}`\n\n".format(re.sub(r"[`\s]", "?", stack))
    block = textwrap.indent(report.rstrip(), INDENT, lambda _: True)
    room = limit - len(heading) - 1
    if len(block) > room:
        half = max(0, room - len(LEFT_OUT)) // 2
        block = block[:half] + LEFT_OUT + block[len(block) - half :]
    return f"{heading}{block}\n"


if __name__ == "__main__":
    sys.exit(main())
