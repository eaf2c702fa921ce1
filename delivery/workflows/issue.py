"""Opens an issue for the drift that a nightly preview found, or comments on the open one.

    python -m delivery.workflows.issue --stack prod --report preview.txt

Reads GITHUB_REPOSITORY, GITHUB_TOKEN, and GITHUB_SERVER_URL and GITHUB_RUN_ID for the link to the run.
"""

import argparse
import os
import sys
from pathlib import Path

from delivery.workflows.github import GithubError, Repository
from delivery.workflows.preview import as_markdown, read_report

LABEL = "drift"


def main() -> int:
    """Open the issue, or comment on it."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.workflows.issue", description="Open an issue for drift."
    )
    parser.add_argument("--stack", required=True)
    parser.add_argument(
        "--report", type=Path, required=True, help="file that `delivery.workflows.preview` wrote"
    )
    options = parser.parse_args()
    name = os.environ["GITHUB_REPOSITORY"]
    run = f"{os.environ['GITHUB_SERVER_URL']}/{name}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
    body = (
        f"The nightly preview of {options.stack} found changes ([run]({run})). Deploy main, or import what was changed "
        f"by hand into the program.\n\n{as_markdown(options.stack, read_report(options.report))}"
    )
    try:
        Repository.connect(name).upsert_issue(f"Drift in stack {options.stack}", LABEL, body)
    except GithubError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
