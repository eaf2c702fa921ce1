"""`python -m ops status`: show on one screen whether the stack is healthy."""

import sys
from typing import Annotated, TypedDict

import click
from rich.table import Table
from rich.text import Text

from ops.aws.stack import Stack, stack_options
from ops.health.check import STYLES, Check, State, wrap_remedy
from ops.health.checks import CHECKED_OUTPUTS, run_checks
from ops.health.metrics import MINUTES
from ops.terminal.display import console, json_option, write_json
from stack.printing import printable


class Health(TypedDict):
    """One document."""

    healthy: Annotated[bool, "whether no check is `bad` or `unknown`, as the exit code says"]
    checks: list[Check]


@click.command(
    epilog="""\b
Examples:
  python -m ops status --stack dev
  python -m ops status --outputs outputs.json --json | jq '.checks[] | select(.state != "ok")'
  python -m ops status > /dev/null || echo "unhealthy"

The exit code is 1 if a check is bad, or impossible for lack of a permission. A metric without data is
neither: nothing was processed. Metrics cover the last five minutes; a figure that is older than three
minutes says so, and is `old` where it says nothing about now. Stored counts writes, each of which
may replace a row: DynamoDB does not tell.
""",
)
@json_option(Health)
@stack_options(*CHECKED_OUTPUTS, reads_only=True)
def command(stack: Stack, as_json: bool) -> None:
    """Show on one screen whether the stack is healthy."""
    checks = run_checks(stack)
    wrong = [check for check in checks if check.unhealthy]
    if as_json:
        write_json(Health(healthy=not wrong, checks=checks))
    else:
        _show(stack, checks, wrong)
    if wrong:
        sys.exit(1)


def _show(stack: Stack, checks: list[Check], wrong: list[Check]) -> None:
    names, states = max(len(each.name) for each in checks), max(len(each.state) for each in checks)
    for check in checks:
        line = Table(box=None, pad_edge=False, show_header=False)
        line.add_column(width=names, no_wrap=True)
        line.add_column(width=states, no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(check.name, Text(check.state, STYLES[check.state]), Text(printable(check.text)))
        console().print(line)
        for remedy in wrap_remedy(check.next, console().width):
            console().print(remedy, style="bold" if check.unhealthy else None, soft_wrap=True)
    console().print()
    console().print(f"Metrics cover the last {MINUTES} minutes.", style="dim")
    where = f"{stack.output('function_name')} in {stack.output('region')}"
    if not wrong:
        console().print(f"Healthy: {where}.", style="green")
        return
    bad = [check.name for check in wrong if check.state is State.BAD]
    unknown = [check.name for check in wrong if check.state is State.UNKNOWN]
    verdict = f"Not healthy ({', '.join(dict.fromkeys(bad))})" if bad else "Health unknown"
    missing = f"; unknown: {', '.join(unknown)}" if unknown else ""
    console().print(f"{verdict}: {where}{missing}.", style="bold red" if bad else "bold magenta")
