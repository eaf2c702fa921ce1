"""A day at a steady rate: does the memory of any process grow?

    python -m tests.day [--minutes 30] [--rate 500]
    python -m tests.day --simulated [--hours 24]

The first puts tweets through local AWS by the real producer, with `ops watch` on a terminal beside it, and reads the
memory of each process (Linux only). The exit code is 1 if one has grown by more than a tenth after a third of the
time, or if tweets waited, which takes memory: this machine is too slow then. AWS itself is left out: it keeps the
stream in memory, as long as its retention. The second runs the parts of the simulation on a virtual clock, and checks
its laws.
"""

import argparse
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from benchmarks.path import family, proportional_megabytes
from local.aws.local_aws import LocalAws
from local.pulumi.deploy import deploy
from stack.project import PROJECT
from tests.ops.stack import tweet

_SAMPLE_SECONDS = 5.0
_KEYS = 10_000
"""Tweets that take turns, so that the table does not grow."""
_ALLOWED_GROWTH = 1.10
_MAX_WAITING_SECONDS = 10
"""Of tweets that the producer has read and not put."""
_AWS, _HERE = "AWS: all services, IAM on", "mapping and this script"


def main() -> None:
    """Run a day, in real or in virtual time."""
    parser = argparse.ArgumentParser(description="A steady rate for a long time; memory must not grow.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=500, help="tweets per second")
    parser.add_argument(
        "--simulated", action="store_true", help="a virtual clock, and an event in ten seconds"
    )
    parser.add_argument("--hours", type=int, default=24, help="of the virtual clock")
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    passed = simulate(arguments.hours) if arguments.simulated else run(arguments.minutes, arguments.rate)
    sys.exit(0 if passed else 1)


def run(minutes: float, rate: int) -> bool:
    """Put tweets for some minutes; return whether no process grew in the last two thirds of them."""
    samples: dict[str, list[float]] = defaultdict(list)
    with LocalAws.start() as aws, TemporaryDirectory() as folder:
        outputs = deploy("dev", PROJECT, {"aws:region": "us-east-1"}, aws.endpoint).outputs
        ended = time.monotonic() + minutes * 60
        with (
            producing(outputs, aws.endpoint, rate, Path(folder)),
            watching(outputs, aws.endpoint, Path(folder)),
        ):
            while time.monotonic() < ended:
                time.sleep(_SAMPLE_SECONDS)
                for part, megabytes in memory().items():
                    samples[part].append(megabytes)
        put, waited = progress(Path(folder))
    print(f"{put:,} tweets put; MB in three thirds of {minutes:g} minutes at {rate} tweets/s:")
    grown = [part for part, values in samples.items() if grew(part, values)]
    was_slow = waited > _MAX_WAITING_SECONDS * rate
    if was_slow:
        print(f"  Up to {waited:,} tweets waited: this machine is too slow for that rate.")
    return not grown and not was_slow


def grew(part: str, megabytes: list[float]) -> bool:
    """Print the memory of a process in each third; return whether the last maximum is above the second's."""
    third = len(megabytes) // 3
    peaks = [max(megabytes[start : start + third]) for start in (0, third, 2 * third)]
    has_grown = part != _AWS and peaks[2] > _ALLOWED_GROWTH * peaks[1]
    print(f"  {part:30}" + "".join(f"{peak:7.0f}" for peak in peaks) + ("  grows" if has_grown else ""))
    return has_grown


def memory() -> Mapping[str, float]:
    """Return the megabytes of each part of the system."""
    used: dict[str, float] = defaultdict(float)
    for process, part in family(os.getpid()).items():
        used[_HERE if process == os.getpid() else part] += proportional_megabytes(process)
    return used


@contextmanager
def producing(outputs: Mapping[str, object], endpoint: str, rate: int, folder: Path) -> Iterator[None]:
    """Let the producer put tweets at a rate."""
    config = folder / "config.json"
    config.write_text(json.dumps({**outputs, "aws_endpoint": endpoint}))
    command = [sys.executable, "-m", "producer", "--source", "file", "-", "--rate", str(rate)]
    command += ["--config", str(config), "--spool", str(folder / "spool")]
    with (folder / "producer.log").open("w") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=log, stderr=log)
    feeder = threading.Thread(target=feed, args=(process,), daemon=True)
    feeder.start()
    try:
        yield
        assert process.poll() is None, (folder / "producer.log").read_text()
    finally:
        process.terminate()
        process.wait()


def progress(folder: Path) -> tuple[int, int]:
    """Return how many tweets the producer has put, and how many waited at most."""
    lines = map(json.loads, (folder / "producer.log").read_text().splitlines())
    counts = [line for line in lines if line["message"] == "progress"]
    return counts[-1]["sent"], max(line["waiting"] for line in counts)


def feed(process: "subprocess.Popen[bytes]") -> None:
    """Write tweets until the producer ends; it reads no faster than its rate."""
    assert process.stdin
    lines = [tweet(f"user{number % 500}", number) + b"\n" for number in range(_KEYS)]
    with suppress(BrokenPipeError):
        while True:
            process.stdin.writelines(lines)


@contextmanager
def watching(outputs: Mapping[str, object], endpoint: str, folder: Path) -> Iterator[None]:
    """Let `ops watch` redraw a terminal each second."""
    file = folder / "outputs.json"
    file.write_text(json.dumps(outputs))
    command = [sys.executable, "-m", "ops", "watch", "--outputs", str(file), "--endpoint", endpoint]
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command, cwd=PROJECT, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"}
    )
    os.close(its)
    threading.Thread(target=_discard, args=(ours,), daemon=True).start()
    try:
        yield
        assert process.poll() is None, "watch has ended"
    finally:
        process.terminate()
        process.wait()


def _discard(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 65_536):
            pass


def simulate(hours: int) -> bool:
    """Let an event arrive every ten seconds of some virtual hours; return whether every law holds."""
    from tests.simulation import laws, scheduler
    from tests.simulation.history import Arrival
    from tests.simulation.laboratory import laboratory, live
    from tests.simulation.test_simulation import QUIET

    arrivals = [Arrival(10.0 * number, f"user{number % 50}", number, 1) for number in range(hours * 360)]
    with laboratory(), mock.patch.object(scheduler, "MAX_STEPS", sys.maxsize):
        world = live(1, QUIET, arrivals)
    violations = laws.violations(world)
    print(f"{len(world.table.rows):,} of {len(arrivals):,} events are rows", *violations, sep="\n")
    return not violations and len(world.table.rows) == len(arrivals)


if __name__ == "__main__":
    main()
