"""Measures what following a definition of the event costs the function.

`python -m benchmarks.schema` prints the tables of README.md: batches of tweets through this build and through that of
an earlier commit, whose parser was written for tweets alone, and orders beside code that was written by hand for them.
The contenders take turns in one run: the ratios mean something, milliseconds of two runs do not.
"""

import argparse
import base64
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from benchmarks.handler import records, stub
from event.item import exact_number, quote
from event.payload import decode
from event.record import normalize_time
from stack.project import PROJECT

if TYPE_CHECKING:
    from event.record import KinesisRecord

BASELINE = "72039cf"
"""The last commit whose function knew tweets only."""

TWEET_BYTES = (300, 2048)
BATCH = 500
ROUNDS = 25

WORKER = """
import contextlib, io, json, sys, time
sys.path.insert(0, sys.argv[1])
begun = time.process_time()
from handler import app
imported = time.process_time() - begun
class Context:
    function_name = "dev-DDBEventProcessor"
    def get_remaining_time_in_millis(self):
        return 60_000
print(json.dumps(imported), flush=True)
for line in sys.stdin:
    batch = json.loads(line)
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        assert app.lambda_handler({"Records": batch}, Context()) == {"batchItemFailures": []}
    print(json.dumps(time.process_time() - begun), flush=True)
"""


class Build:
    """The function of one build, in a process of its own, fed with batches."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.import_seconds = self._answer()

    def run(self, batch: list["KinesisRecord"]) -> float:
        """Return the CPU seconds of a batch."""
        print(json.dumps(batch), file=self._pipe(self._process.stdin), flush=True)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._pipe(self._process.stdin).close()
        self._process.wait()

    def _answer(self) -> float:
        seconds: float = json.loads(self._pipe(self._process.stdout).readline())
        return seconds

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe
        return pipe


def extract(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder."""
    archive = subprocess.run(
        ["git", "archive", commit, "event", "handler", "--", "."],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:  # a commit without the folder `event`
        archive = subprocess.run(
            ["git", "archive", commit, "handler"], cwd=PROJECT, capture_output=True, check=True
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def import_seconds(folder: Path) -> float:
    """Return the CPU seconds of an import in a fresh process."""
    build = Build(folder)
    build.close()
    return build.import_seconds


def median_ratio(pairs: list[tuple[float, float]]) -> float:
    """Return the median of first by second."""
    return statistics.median(first / second for first, second in pairs)


def print_tweets(baseline: Path, rounds: int) -> None:
    """Print the CPU time of batches of tweets, and of the import, of both builds."""
    imports = []
    for number in range(rounds):
        order = (PROJECT, baseline) if number % 2 else (baseline, PROJECT)
        cost = {folder: import_seconds(folder) for folder in order}
        imports.append((cost[PROJECT], cost[baseline]))
    print("| the function | CPU ms | of the baseline's |")
    print("|---|---:|---:|")
    print(
        f"| import | {statistics.median(new for new, _ in imports) * 1000:.0f} | {median_ratio(imports):.3f} |"
    )
    pair = Build(PROJECT), Build(baseline)
    for size in TWEET_BYTES:
        batch = records(BATCH, size)
        costs = []
        for number in range(rounds + 3):
            seconds = {build: build.run(batch) for build in (pair if number % 2 else pair[::-1])}
            if number >= 3:  # the first rounds open the connections
                costs.append((seconds[pair[0]], seconds[pair[1]]))
        median = statistics.median(new for new, _ in costs) * 1000
        print(f"| {BATCH} tweets of {size} bytes | {median:.1f} | {median_ratio(costs):.3f} |")
    for build in pair:
        build.close()


def measurement(number: int) -> "KinesisRecord":
    """Make a record of about 250 bytes with eight numbers."""
    message = (
        f'{{"customer_id":"c-{number}","order_id":"o-{number * 7}","status":"paid","total":{number}.90,'
        f'"tax":{number % 90}.19,"shipping":4.95,"discount":0,"items":{number % 9},"weight":1.250,"points":{number},'
        f'"rate":1.0837,"placed_at":"2026-11-23T14:41:28.000Z"}}'
    )
    return {
        "eventID": f"shardId-000000000000:{number}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream",
        "kinesis": {
            "data": base64.b64encode(message.encode()).decode(),
            "partitionKey": f"c-{number}",
            "sequenceNumber": str(number),
            "approximateArrivalTimestamp": time.time(),
        },
    }


def by_definition() -> Callable[["KinesisRecord"], object]:
    """Return the way of the product: a definition of orders with eight numbers."""
    from event.schema import Attribute, Schema, Type

    numbers = ("Total", "Tax", "Shipping", "Discount", "Items", "Weight", "Points", "Rate")
    event = Schema(
        noun="order",
        partition_key=Attribute("CustomerId", member="customer_id"),
        sort_key=Attribute("OrderId", member="order_id"),
        attributes=(
            Attribute("Status", member="status"),
            *(Attribute(name, Type.NUMBER, member=name.lower()) for name in numbers),
            Attribute("PlacedAt", Type.TIME, member="placed_at"),
        ),
    )
    return lambda record: event.build_write(record, event.parse(record), 86_400)


def by_hand(record: "KinesisRecord") -> object:
    """Do the same without a definition, with the same checks."""
    message = decode(record["kinesis"]["data"])
    if not isinstance(message, dict):
        raise ValueError(message)
    customer, order = _string(message, "customer_id"), _string(message, "order_id")
    if not customer or 4 * len(customer) > 2048 or not order or 4 * len(order) > 1024:
        raise ValueError(message)
    time = normalize_time(message.get("placed_at"))
    if time is None:
        raise ValueError(message)
    expires = int(record["kinesis"]["approximateArrivalTimestamp"]) + 86_400
    request = (
        f'{{"PutRequest":{{"Item":{{"CustomerId":{{"S":{quote(customer)}}},"OrderId":{{"S":{quote(order)}}},'
        f'"Status":{{"S":{quote(_string(message, "status"))}}},"Total":{{"N":"{_number(message, "total")}"}},'
        f'"Tax":{{"N":"{_number(message, "tax")}"}},"Shipping":{{"N":"{_number(message, "shipping")}"}},'
        f'"Discount":{{"N":"{_number(message, "discount")}"}},"Items":{{"N":"{_number(message, "items")}"}},'
        f'"Weight":{{"N":"{_number(message, "weight")}"}},"Points":{{"N":"{_number(message, "points")}"}},'
        f'"Rate":{{"N":"{_number(message, "rate")}"}},"PlacedAt":{{"S":{quote(time)}}},'
        f'"ExpiresAt":{{"N":"{expires}"}}}}}}}}'
    ).encode()
    if len(request) > 400 * 1024:
        raise ValueError(message)
    return record, (customer, order), request


def _string(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _number(message: dict[str, Any], name: str) -> int | Decimal:
    value = message.get(name)
    if type(value) is int and -(10**38) < value < 10**38:
        return value
    if type(value) is not Decimal:
        raise ValueError(name)
    return exact_number(value)


def print_orders(rounds: int) -> None:
    """Print the CPU time of orders by definition and by hand."""
    batch = [measurement(number) for number in range(5_000)]
    ways = {"by definition": by_definition(), "by hand": by_hand}
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.process_time()
            for record in batch:
                way(record)
            costs[name].append((time.process_time() - begun) / len(batch) * 1e6)
    ratio = median_ratio(list(zip(costs["by definition"], costs["by hand"], strict=True)))
    print("\n| an order of 250 bytes with 8 numbers | CPU µs |\n|---|---:|")
    for name, own in costs.items():
        print(f"| {name} | {statistics.median(own):.1f} |")
    print(f"\nBy definition: {ratio:.2f} times the CPU of the code written by hand.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what a definition of the event costs the function.")
    parser.add_argument("--baseline", default=BASELINE, help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="measured runs of each contender")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub():
        extract(arguments.baseline, Path(folder))
        print_tweets(Path(folder), arguments.rounds)
    print_orders(arguments.rounds)


if __name__ == "__main__":
    main()
