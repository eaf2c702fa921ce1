"""Measures how fast the function drains one shard, and what a million records cost, at several sizes of memory.

`python -m benchmarks.catch_up` prints the table of README.md. A child process with the share of a vCPU that
the memory buys handles batches one after the other, as a mapping with a parallelization factor of 1 sends them: it
decodes the event's JSON, as Lambda's runtime does, and calls the function. DynamoDB is a stub that answers
after 5 ms, over TLS. What lies between two invocations on AWS (the poller, some milliseconds) is not included.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import statistics
import sys
import time

from benchmarks.handler import Context, records, stub
from benchmarks.quota import FULL_VCPU_MB, run_with_memory
from event.limits import SHARD_READ_BYTES
from ops.planning import prices

TWEET_BYTES = (512, 2048)
MEMORY = (128, 256, 512, 1024, 1769)
BATCH_SIZE = 500
SECONDS = 3.0


def drain(size: int) -> None:
    """Handle batches for some seconds; print the seconds that a batch takes."""
    from handler import app

    event = json.dumps({"Records": records(BATCH_SIZE, size)})

    def invoke() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            assert app.lambda_handler(json.loads(event), Context()) == {"batchItemFailures": []}

    invoke()  # opens the connections
    started, batches = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < SECONDS:
        invoke()
        batches += 1
    print(elapsed / batches)


def main() -> None:
    """Print the table; medians of the rounds, which take the sizes in turn."""
    parser = argparse.ArgumentParser(description="Records/s that one shard drains, by the function's memory.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drain", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drain:
        drain(arguments.drain)
        return
    known = prices.load()
    command = [sys.executable, "-m", "benchmarks.catch_up", "--drain"]
    seconds: dict[tuple[int, int], list[float]] = {}
    with stub():
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for _ in range(arguments.rounds):
            for size, memory in itertools.product(TWEET_BYTES, MEMORY):
                measured = float(run_with_memory(memory, [*command, str(size)]))
                seconds.setdefault((size, memory), []).append(measured)
    print(
        "| tweet, bytes | memory, MB | vCPU | batch, ms | records/s | of the shard's limit | cents a million |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for (size, memory), measurements in seconds.items():
        batch = statistics.median(measurements)
        invocations = 1_000_000 / BATCH_SIZE
        dollars = known["lambda-request"].of(invocations)
        dollars += known["lambda-arm64"].of(invocations * batch * memory / 1024)
        rate = BATCH_SIZE / batch
        print(
            f"| {size:,} | {memory:,} | {min(1, memory / FULL_VCPU_MB):.2f} | {batch * 1000:.0f} "
            f"| {rate:,.0f} | {rate * size / SHARD_READ_BYTES:.1f} | {dollars * 100:.2f} |"
        )


if __name__ == "__main__":
    main()
