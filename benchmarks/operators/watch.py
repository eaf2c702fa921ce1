"""`ops watch` on a terminal, beside a stream of 16 full shards: how long a look takes, and what it costs.

    python -m benchmarks.operators.watch --baseline TREE [--rounds 3] [--rate 1000] [--seconds 60]

It never ends by itself, so it has a table of its own. Each look reads each shard once.
"""

import argparse
import functools
import json
import os
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.operators.runner import ENVIRONMENT, compile_bytecode
from benchmarks.operators.stub import get_counts, in_process
from local.stubs.http import Answer
from local.stubs.stream import OUTPUTS, Stream
from stack.project import PROJECT

_SHARDS = 16
_OUTPUTS = {**OUTPUTS, "mapping_id": "", "alarm_topic_arn": "", "access_key": "", "producer_user": ""}
_IN_TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"


def services(rate: int) -> Answer:
    """Return 16 shards that get so many records a second each."""
    return Stream(_SHARDS, rate, 120).answer


full = functools.partial(services, 1000)
quiet = functools.partial(services, 1)


class Usage(NamedTuple):
    """Seconds of a look, share of a core, MB read from the stream in a minute, peak MiB."""

    look: float
    core: float
    read: float
    peak: float


def watch(tree: Path, service: str, seconds: float) -> Usage:
    """Let the code of a tree watch a stream for some time."""
    with tempfile.TemporaryDirectory() as folder, in_process(service) as url:
        outputs = Path(folder, "outputs.json")
        outputs.write_text(json.dumps(_OUTPUTS))
        command = ["timeout", "--foreground", "--signal", "INT", str(seconds), sys.executable, "-m", "ops"]
        command += ["watch", "--interval", "3600", "--outputs", str(outputs), "--endpoint", url]
        script = f"cd '{tree}' && exec '{sys.executable}' -c '{_IN_TERMINAL}' \"$@\" < /dev/null > /dev/null"
        pid = os.posix_spawn(
            "/bin/sh", ["sh", "-c", script, "sh", *command], {**ENVIRONMENT, "TERM": "xterm"}
        )
        _, _, usage = os.wait4(pid, 0)  # with that of the processes under it
        with urllib.request.urlopen(f"{url}/_read") as answer:  # noqa: S310  -- loopback
            read = json.load(answer)["read"]
        looks = get_counts(url)["GetRecords"] / _SHARDS
        cpu = usage.ru_utime + usage.ru_stime
        return Usage(seconds / looks, cpu / seconds, read / 1e6 / seconds * 60, usage.ru_maxrss / 1024)


def main() -> None:
    """Print a row for the earlier build and one for this."""
    parser = argparse.ArgumentParser(description="What a look of `ops watch` takes, beside an earlier build.")
    parser.add_argument("--baseline", type=Path, required=True, help="a checkout of the earlier build")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each build, in turn")
    parser.add_argument("--seconds", type=float, default=60, help="length of a run")
    arguments = parser.parse_args()
    baseline = arguments.baseline.resolve()
    for tree in (baseline, PROJECT):
        compile_bytecode(tree)
    print(
        "| 16 shards, records/s each | look, s | of a core | MB read a minute | MiB |\n|---|---:|---:|---:|---:|"
    )
    for name in ("full", "quiet"):
        runs: dict[Path, list[Usage]] = {baseline: [], PROJECT: []}
        for _ in range(arguments.rounds):
            for tree, usages in runs.items():
                usages.append(watch(tree, f"benchmarks.operators.watch:{name}", arguments.seconds))
        for tree, usages in runs.items():
            print(f"| {name}, {'this' if tree == PROJECT else 'before'} | {_medians(usages)} |", flush=True)


def _medians(usages: Sequence[Usage]) -> str:
    look, core, read, peak = map(statistics.median, zip(*usages, strict=True))
    return f"{look:.1f} | {core:.0%} | {read:.1f} | {peak:.0f}"


if __name__ == "__main__":
    main()
