"""`python -m benchmarks.operators --baseline TREE`: print the table of the operator's commands.

TREE is a checkout of the commit to compare with: `git worktree add --detach TREE 72039cf`.
"""

import argparse
import importlib
from pathlib import Path

from benchmarks.operators.runner import HEADER, Case, compare, compile_bytecode
from stack.project import PROJECT

MODULES = ("explore", "quarantine", "replay", "top")
"""Those of this folder that have cases."""


def main() -> None:
    """Print a row for each case."""
    cases: list[Case] = [
        case for module in MODULES for case in importlib.import_module(f"benchmarks.operators.{module}").CASES
    ]
    parser = argparse.ArgumentParser(description="The operator's commands beside those of an earlier build.")
    parser.add_argument("--baseline", type=Path, required=True, help="a checkout of the earlier build")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each build, in turn")
    parser.add_argument("--only", default="", metavar="TEXT", help="the cases whose name contains this")
    arguments = parser.parse_args()
    baseline = arguments.baseline.resolve()
    for tree in (baseline, PROJECT):
        compile_bytecode(tree)
    print(HEADER, flush=True)
    for case in cases:
        if arguments.only in case.name:
            print(compare(case, baseline, PROJECT, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
