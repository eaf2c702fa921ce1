"""Runs a command of two builds in turn, each time against services that were made anew."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.operators.stub import get_counts, in_process


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        name: the command, and what it meets.
        arguments: those of `python -m ops`, without the stack's.
        service: the function that makes the services, as `module:function`.
        outputs: the stack's; None for a command without one.
        work: number of objects, records or rows, by which calls and CPU time are divided.
        exit_codes: those that are no failure.
        compared: whether the baseline runs it too; some would take it hours. If not, one run is enough.
        check: raises AssertionError if the command's output is not what it should be.
        added: further arguments, of options that the baseline does not have.
    """

    name: str
    arguments: Sequence[str]
    service: str
    outputs: Mapping[str, object] | None = None
    work: int = 1
    exit_codes: Sequence[int] = (0,)
    compared: bool = True
    check: Callable[[str], None] = field(default=lambda _output: None)
    added: Sequence[str] = ()


class Cost(NamedTuple):
    """Usage of one run: wall and CPU seconds, peak memory in MiB, calls of AWS."""

    wall: float
    cpu: float
    peak: float
    calls: int


def compare(case: Case, baseline: Path, build: Path, rounds: int) -> str:
    """Run a case with both builds in turn; return its row of the table."""
    before: list[Cost] = []
    now: list[Cost] = []
    for number in range(rounds if case.compared else 1):
        sides = [(now, build)] + [(before, baseline)] * case.compared
        for costs, tree in sides if number % 2 else sides[::-1]:
            costs.append(run(case, tree, case.added if tree is build else ()))
    return row(case, before, now)


_BYTECODE = Path(tempfile.gettempdir(), "benchmark-bytecode")
"""What Python compiles of both builds, so that no run compiles it again, as an operator's second run does not."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": str(_BYTECODE)
}
"""Of a measured process."""
_IMPORT_ALL = """
import pkgutil
from importlib import import_module
import boto3
import ops
for module in pkgutil.walk_packages(ops.__path__, "ops."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
boto3.client("s3", region_name="us-east-1")
"""


def compile_bytecode(tree: Path) -> None:
    """Let Python compile what the commands of a tree import."""
    subprocess.run([sys.executable, "-c", _IMPORT_ALL], cwd=tree, env=ENVIRONMENT, check=True)


HEADER = """\
| | wall s | of the baseline's | CPU ms each | of the baseline's | calls each | MiB |
|---|---:|---:|---:|---:|---:|---:|"""


def row(case: Case, before: Sequence[Cost], now: Sequence[Cost]) -> str:
    """Return a row with medians: the figures of both builds, and the ratios of those of one round."""

    def figures(member: str, factor: float, digits: int) -> str:
        sides = [
            f"{statistics.median(getattr(cost, member) for cost in costs) * factor:,.{digits}f}"
            for costs in (before, now)
            if costs
        ]
        return " → ".join(sides)

    def ratio(member: str) -> str:
        pairs = zip(before, now, strict=False)
        ratios = [getattr(new, member) / getattr(old, member) for old, new in pairs]
        return f"{statistics.median(ratios):.3f}" if ratios else ""

    return (
        f"| {case.name} | {figures('wall', 1, 1)} | {ratio('wall')} | {figures('cpu', 1000 / case.work, 2)} "
        f"| {ratio('cpu')} | {figures('calls', 1 / case.work, 2)} | {figures('peak', 1, 0)} |"
    )


def run(case: Case, tree: Path, added: Sequence[str] = ()) -> Cost:
    """Run a case once with the code of a tree.

    Raises:
        AssertionError: the command failed, or its output is wrong.
    """
    with tempfile.TemporaryDirectory() as folder, in_process(case.service) as url:
        outputs, printed = Path(folder, "outputs.json"), Path(folder, "printed")
        outputs.write_text(json.dumps(case.outputs))
        stack = [] if case.outputs is None else ["--outputs", str(outputs), "--endpoint", url]
        command = ["-m", "ops", *case.arguments, *added, *stack]
        started = time.monotonic()
        pid = _start(command, tree, printed)
        _, status, usage = os.wait4(pid, 0)  # the usage of this process alone
        wall = time.monotonic() - started
        output = printed.read_text()
        assert os.waitstatus_to_exitcode(status) in case.exit_codes, output
        case.check(output)
        unit = 1 if sys.platform == "darwin" else 1024
        return Cost(
            wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20, get_counts(url).total()
        )


def _start(command: Sequence[str], tree: Path, printed: Path) -> int:
    """Start a command in a folder; return its process id."""
    script = f"cd '{tree}' && exec '{sys.executable}' \"$@\" > '{printed}' 2>&1"
    return os.posix_spawn("/bin/sh", ["sh", "-c", script, "sh", *command], ENVIRONMENT)
