"""Runs a command of two builds in turn, each time against services that were made anew."""

import json
import os
import signal
import statistics
import sys
import tempfile
import threading
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
        outputs: the stack's.
        work: number of objects, records or rows, by which calls and CPU time are divided.
        seconds: after so many a command that never ends is interrupted.
        exit_codes: those that are no failure.
        check: raises AssertionError if the command's output is not what it should be.
    """

    name: str
    arguments: Sequence[str]
    service: str
    outputs: Mapping[str, object]
    work: int = 1
    seconds: float | None = None
    exit_codes: Sequence[int] = (0,)
    check: Callable[[str], None] = field(default=lambda _output: None)


class Cost(NamedTuple):
    """Usage of one run: wall and CPU seconds, peak memory in MiB, calls of AWS."""

    wall: float
    cpu: float
    peak: float
    calls: int


def compare(case: Case, baseline: Path, build: Path, rounds: int) -> str:
    """Run a case with both builds in turn; return its row of the table."""
    costs: list[tuple[Cost, Cost]] = []
    for number in range(rounds):
        order = (baseline, build) if number % 2 else (build, baseline)
        cost = {tree: run(case, tree) for tree in order}
        costs.append((cost[baseline], cost[build]))
    return row(case, costs)


HEADER = """\
| | wall s | of the baseline's | CPU ms each | of the baseline's | calls each | MiB |
|---|---:|---:|---:|---:|---:|---:|"""


def row(case: Case, costs: Sequence[tuple[Cost, Cost]]) -> str:
    """Return a row with medians: of the new build's figures behind the baseline's, and of the ratios."""
    before, now = (
        Cost(*map(statistics.median, zip(*side, strict=True))) for side in zip(*costs, strict=True)
    )

    def ratio(member: str) -> str:
        return f"{statistics.median(getattr(new, member) / getattr(old, member) for old, new in costs):.3f}"

    return (
        f"| {case.name} | {before.wall:.1f} → {now.wall:.1f} | {ratio('wall')} "
        f"| {before.cpu * 1000 / case.work:.2f} → {now.cpu * 1000 / case.work:.2f} | {ratio('cpu')} "
        f"| {before.calls / case.work:.2f} → {now.calls / case.work:.2f} "
        f"| {before.peak:.0f} → {now.peak:.0f} |"
    )


def run(case: Case, tree: Path) -> Cost:
    """Run a case once with the code of a tree.

    Raises:
        AssertionError: the command failed, or its output is wrong.
    """
    with tempfile.TemporaryDirectory() as folder, in_process(case.service) as url:
        outputs, printed = Path(folder, "outputs.json"), Path(folder, "printed")
        outputs.write_text(json.dumps(case.outputs))
        command = ["-m", "ops", *case.arguments, "--outputs", str(outputs), "--endpoint", url]
        started = time.monotonic()
        pid = _start(command, tree, printed)
        if case.seconds:
            threading.Timer(case.seconds, os.kill, (pid, signal.SIGINT)).start()
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
    return os.posix_spawn("/bin/sh", ["sh", "-c", script, "sh", *command], os.environ)
