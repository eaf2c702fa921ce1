"""Measures the whole path on this machine: time to the first row, tweets a second, CPU and memory of each process.

    python -m benchmarks.path [--tweets 20000] [--runs 3]

Runs the demo's command, with X and then with a file of tweets, and looks at it from outside: at the table
through the API, at the processes through /proc (Linux only). Each run of the demo must succeed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.producer import write_tweets
from local.aws.server import REGION, ROOT_KEY
from local.session import STACK
from stack.project import PROJECT

_TABLE = f"{STACK}-EventData"
_TICK_SECONDS = 0.05
_SAMPLE_SECONDS = 0.25
_START_TIMEOUT_SECONDS = 60
_PARTS = (
    ("local.aws.ministack.server", "AWS: all services, IAM on"),
    ("local demo", "demo: X, mapping, deployment"),
    ("producer", "producer"),
    ("ops", "operator's commands"),
)
_FUNCTION = "function"


@dataclass
class Run:
    """Measurements of one run; times in seconds since the command was started."""

    steps: dict[str, float] = field(default_factory=lambda: {"import": 0.0})
    """The time at which the demo announced each step."""
    first_row: float = 0.0
    rows_at_first: int = 0
    last_row: float = 0.0
    rows: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    """CPU seconds of each part from the start of the producer to the last row."""
    memory: dict[str, float] = field(default_factory=dict)
    """MB of each part when all together had most."""

    @property
    def rate(self) -> float:
        """Rows per second between the first sample with rows and the first with all of them."""
        return (self.rows - self.rows_at_first) / (self.last_row - self.first_row)


def main() -> None:
    """Print a table for each of the two sources."""
    parser = argparse.ArgumentParser(description="The whole path: first row, throughput, CPU, memory.")
    parser.add_argument("--tweets", type=int, default=20_000, help="tweets in the file")
    parser.add_argument("--runs", type=int, default=3, help="runs with each source")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tweets = Path(folder) / "tweets.jsonl"
        write_tweets(tweets, arguments.tweets)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for _ in range(arguments.runs):
            show("X, 1,000 tweets/s", observe())
            from_file = observe("--source", "file", "--file", str(tweets), rows=arguments.tweets)
            show(f"file, {arguments.tweets:,} tweets, {from_file.rate:,.0f} rows/s", from_file)


def show(source: str, run: Run) -> None:
    """Print the time to the first row, and what each part used."""
    print(f"\n{source}: first row after {run.first_row:.1f} s, {sum(run.memory.values()):.0f} MB at most")
    begun = [(step, at) for step, at in run.steps.items() if at < run.first_row]
    ends = [at for _, at in begun[1:]] + [run.first_row]
    print("  " + ", ".join(f"{step} {end - at:.1f} s" for (step, at), end in zip(begun, ends, strict=True)))
    for part in run.memory | run.cpu:
        print(f"  {part:30}{run.cpu.get(part, 0):6.2f} CPU s{run.memory.get(part, 0):6.0f} MB")


def observe(*arguments: str, rows: int | None = None) -> Run:
    """Run the demo to its end.

    Args:
        arguments: of the command.
        rows: the number to wait for; None: until the demo ends.
    """
    run = Run()
    started = time.monotonic()
    with demo(run, *arguments) as (process, endpoint), sampled(process.pid, run):
        table = client(endpoint)
        before: dict[int, float] = {}
        used: dict[int, tuple[str, float]] = {}  # also by processes that have ended
        while process.poll() is None and (rows is None or run.rows < rows):
            count, now = items(table), time.monotonic() - started
            used |= cpu_seconds(process.pid)
            if "stream" not in run.steps:
                before = {each: seconds for each, (_, seconds) in used.items()}
            if count > run.rows:
                if not run.rows:
                    run.first_row, run.rows_at_first = now, count
                run.rows, run.last_row, run.cpu = count, now, defaultdict(float)
                for each, (part, seconds) in used.items():
                    run.cpu[part] += seconds - before.get(each, 0.0)
            time.sleep(_TICK_SECONDS)
        assert process.wait() == 0, "the demo failed"
    return run


@contextmanager
def demo(run: Run, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the command; return it with the endpoint of its AWS, once printed."""
    command = [sys.executable, "-m", "local", "demo", *arguments]
    started = time.monotonic()
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        endpoint: Queue[str] = Queue()

        def read() -> None:
            assert process.stdout
            for line in process.stdout:
                if answer := re.search(r"AWS answers at (\S+),", line):
                    endpoint.put(answer[1])
                elif step := re.match(r"\w+", line):
                    run.steps[step[0].lower()] = time.monotonic() - started

        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield process, endpoint.get(timeout=_START_TIMEOUT_SECONDS)
        finally:
            process.terminate()
            reading.join()


def client(endpoint: str) -> Any:
    """Return the root's client of the table, created after the demo's own so as not to compete."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        config=Config(retries={"total_max_attempts": 1}),  # at the end no server answers
    )


def items(dynamodb: Any) -> int:
    """Count the table's rows; 0 before it is created and after it is destroyed."""
    with suppress(ClientError, BotoCoreError):
        return int(dynamodb.describe_table(TableName=_TABLE)["Table"]["ItemCount"])
    return 0


# --- Processes -----------------------------------------------------------------------------------------


@contextmanager
def sampled(demo_pid: int, run: Run) -> Iterator[None]:
    """Sample the memory of all processes in the background, and keep the maximum."""
    stopping = threading.Event()

    def sample() -> None:
        while not stopping.wait(_SAMPLE_SECONDS):
            memory: dict[str, float] = defaultdict(float)
            for process, part in family(demo_pid).items():
                memory[part] += proportional_megabytes(process)
            if sum(memory.values()) > sum(run.memory.values()):
                run.memory = dict(memory)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def family(demo_pid: int) -> dict[int, str]:
    """Return the demo's processes, each with its part."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *_ = _fields(stat)
            if state != "Z":  # ended, and without a command that names its part
                children[int(parent)].append(int(stat.parent.name))
    parts, new = {}, [demo_pid]
    while new:
        process = new.pop()
        parts[process] = _part(process)
        new += children[process]
    return parts


def cpu_seconds(demo_pid: int) -> dict[int, tuple[str, float]]:
    """Return the demo's processes, each with its part and its usage so far."""
    used = {}
    for process, part in family(demo_pid).items():
        with suppress(OSError):
            fields = _fields(Path(f"/proc/{process}/stat"))
            used[process] = part, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def proportional_megabytes(process: int) -> float:
    """Return the memory in RAM, with shared pages divided among the processes (proc(5), "Pss")."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
    return 0.0


def _fields(stat: Path) -> list[str]:
    """Return the fields of proc(5) "stat" after the command's name; the first is the state."""
    return stat.read_text().rpartition(")")[2].split()


def _part(process: int) -> str:
    command = ""
    with suppress(OSError):
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return next((part for module, part in _PARTS if f"-m {module} " in command), _FUNCTION)


if __name__ == "__main__":
    main()
