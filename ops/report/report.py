"""`python -m ops report`: write the state of a stack as one HTML file, to send and attach."""

from heapq import nlargest
from pathlib import Path
from typing import Annotated, TypedDict

import click
from botocore.exceptions import ClientError

from ops.aws.default import stack_name
from ops.aws.error_codes import is_denied
from ops.aws.stack import Stack, stack_options
from ops.errors import OptionsError
from ops.health.checks import CHECKED_OUTPUTS
from ops.health.frame import Frame
from ops.health.watch import Watch
from ops.planning import prices
from ops.planning.cost import Cost, describe_cost, size_option
from ops.planning.estimate import Load
from ops.quarantine.presentation import describe
from ops.quarantine.selection import Totals, age, entries, open_bucket
from ops.report.page import Quarantine, Report, render
from ops.terminal.display import console, json_option, write_json

_MAX_OBJECTS = 20
_IDLE_RATE = 0.0001
"""Events per second of a stack whose metrics show none: a load must have some."""


class Written(TypedDict):
    """One document, beside the file."""

    file: str
    healthy: Annotated[bool, "as `status` says"]


@click.command(
    "report",
    epilog="""\b
Examples:
  python -m ops report --stack dev --html report.html
  python -m ops report --outputs outputs.json --html report.html --size 700

The file has a frame of `watch`, each check with its whole remedy, what is in quarantine by reason, and a month's
cost at the frame's mean rate. It loads nothing and runs no script, so that it can be attached to an issue or printed.
It shows what `watch` and `quarantine list` show, the newest events among it: only you may read it (mode 600) until
you send it. A file that exists is never replaced.

What you may not read, and a cost that needs a stack file which this project lacks, is named in its place. The exit
code is 0 once the file is written, whatever the stack's health: `status` has a code for that.
""",
)
@click.option(
    "--html",
    "file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write, which must not exist yet.",
)
@size_option
@json_option(Written)
@stack_options(*CHECKED_OUTPUTS, reads_only=True)
def command(stack: Stack, file: Path, size: int, as_json: bool) -> None:
    """Write the state of the stack as one HTML file, to send and attach."""
    if file.exists():
        raise click.UsageError(f"--html {file}: the file exists; choose another name.")
    if not file.parent.is_dir():
        raise click.UsageError(f"--html {file}: the folder {file.parent} does not exist; create it first.")
    report = make_report(stack, size)
    page = render(report)
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(page, encoding="utf-8")
    if as_json:
        write_json(Written(file=str(file), healthy=report.healthy))
    else:
        verdict = "healthy" if report.healthy else "not healthy"
        console().print(f"{stack.output('function_name')} is {verdict}: {file}", soft_wrap=True)


def make_report(stack: Stack, size: int) -> Report:
    """Read the state of a stack, from the sources of `watch`, `status`, `quarantine list` and `cost`.

    Args:
        stack: the stack.
        size: bytes of an event, for the cost.

    Raises:
        OptionsError: the stack's outputs cannot be loaded.
        botocore.exceptions.BotoCoreError: AWS cannot be reached.
        botocore.exceptions.ClientError: reading metrics, stream or table is not allowed.
    """
    frame = Watch(stack).look()
    return Report(frame, _read_quarantine(stack), _estimate(stack, Load(_mean_rate(frame), size)))


def _read_quarantine(stack: Stack) -> Quarantine | str:
    bucket, totals = open_bucket(stack), Totals()
    try:
        newest = nlargest(_MAX_OBJECTS, totals.counting(entries(bucket)), age)
        return Quarantine(totals.reasons, list(describe(bucket, newest)))
    except ClientError as error:
        if not is_denied(error):
            raise
        return f"The quarantine {bucket.name} cannot be read: {error}"


def _mean_rate(frame: Frame) -> float:
    """Return the events put a second, since the first period of the frame that has any."""
    put = frame.series["put"]
    if not put:
        return _IDLE_RATE
    seconds = max(frame.period, frame.taken - put.points[0][0])
    return max(_IDLE_RATE, round(put.total / seconds, 4))


def _estimate(stack: Stack, load: Load) -> Cost | str:
    try:
        return describe_cost(stack_name(stack.output("function_name")), load, prices.load())
    except OptionsError as error:
        return str(error)
