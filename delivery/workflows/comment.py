"""Writes the previews of a pull request as one comment, the same one at each push.

    python -m delivery.workflows.comment --pull-request 7 previews/dev.txt

Reads GITHUB_REPOSITORY and GITHUB_TOKEN. A report's stack is the name of its file.
"""

import argparse
import os
import sys
from pathlib import Path

from delivery.workflows.github import GithubError, Repository
from delivery.workflows.preview import NO_REPORT, as_markdown, read_report

MARKER = "<!-- pulumi preview -->"
MAX_COMMENT = 60_000


def main() -> int:
    """Write the comment."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.workflows.comment",
        description="Comment on a pull request.",
    )
    parser.add_argument("--pull-request", type=int, required=True)
    parser.add_argument(
        "reports",
        type=Path,
        nargs="+",
        help="files that `delivery.workflows.preview` wrote, named after the stacks",
    )
    options = parser.parse_args()
    reports = sorted(report for report in options.reports if report.is_file())
    sections = [
        as_markdown(report.stem, read_report(report), MAX_COMMENT // len(reports)) for report in reports
    ] or [NO_REPORT]
    try:
        repository = Repository.connect(os.environ["GITHUB_REPOSITORY"])
        repository.upsert_comment(options.pull_request, MARKER, "\n".join([MARKER, *sections]))
    except GithubError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
