"""Previews a stack in a workflow, and keeps what the CLI wrote for those who review it.

    python -m ci.preview --stack dev --report preview.txt [--plan plan.json] [--expect-no-changes]

The exit code is that of `pulumi preview`: not 0 if it failed, or if changes were found where none were expected. The
standard library only, because a workflow's scripts run with whatever Python is there.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

NO_REPORT = "The preview failed before it wrote a report: its log says why."


def main() -> int:
    """Run the preview; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.preview", description="Preview a stack in a workflow."
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
    command += ["--save-plan", str(options.plan)] if options.plan else []
    command += ["--expect-no-changes"] if options.expect_no_changes else []
    report, code = _run(command)
    options.report.write_text(report)
    print(report, end="")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a") as page:
            page.write(as_markdown(options.stack, report))
    return code


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
    """Return what `main` kept."""
    try:
        return report.read_text(errors="replace")
    except FileNotFoundError:
        return NO_REPORT


def as_markdown(stack: str, report: str, limit: int = 60_000) -> str:
    """Return a report as a section of Markdown that it cannot break out of, its middle left out beyond `limit`.

    GitHub refuses comments of more than 65,536 characters.
    """
    if len(report) > limit:
        report = f"{report[: limit // 2]}\n... left out ...\n{report[-limit // 2 :]}"
    fence = "`" * 3
    while fence in report:
        fence += "`"
    return f"### `pulumi preview` of {stack}\n\n{fence}\n{report.rstrip()}\n{fence}\n"


if __name__ == "__main__":
    sys.exit(main())
