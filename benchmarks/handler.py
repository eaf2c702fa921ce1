"""Measures a batch: CPU and wall time of the function and of boto3's own ways, peak memory, import time.

`python -m benchmarks.handler` prints the table of README.md. Every call is answered after 5 ms, over TLS, by a stub
in another process. The contenders take turns in one run, since the speed of a shared machine moves by a factor
of two within seconds: the ratios of one run mean something, milliseconds of two runs do not.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

    from event.record import KinesisRecord

SECONDS_A_CALL = 0.005
BATCH_SIZES = (100, 500, 1000)
BYTES_A_TWEET = 2048

IMPORT_OF_BOTO3_ALONE = """
import time
begun = time.process_time()
import boto3
boto3.client("dynamodb")
print(f"import of boto3 and one client: {(time.process_time() - begun) * 1000:.0f} CPU ms")
"""


class Context:
    """The part of Lambda's context that the function uses."""

    function_name = "dev-DDBEventProcessor"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Cost(NamedTuple):
    """Milliseconds for each 1,000 records."""

    cpu: float
    wall: float


Contender = Callable[[list["KinesisRecord"]], object]


def records(count: int, size: int = BYTES_A_TWEET) -> list["KinesisRecord"]:
    """Make a batch of tweets with different keys, every payload of `size` bytes."""
    return [
        {
            "eventID": f"shardId-000000000000:{number}",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream",
            "kinesis": {
                "data": base64.b64encode(_payload(number, size)).decode(),
                "partitionKey": f"user{number}",
                "sequenceNumber": str(number),
                "approximateArrivalTimestamp": time.time(),
            },
        }
        for number in range(count)
    ]


def _payload(number: int, size: int) -> bytes:
    tweet = {
        "username": f"user{number}",
        "id": str(1_800_000_000_000_000_000 + number),
        "created_at": "2026-11-23T14:41:28.000Z",
        "text": "",
        "lang": "en",
        "source": "x",
    }
    room = size - len(json.dumps(tweet, separators=(",", ":")))
    sentence = 'A café near the river says "open", rain or shine \N{UMBRELLA}\n'
    tweet["text"] = (sentence * (room // len(sentence.encode()) + 1)).encode()[:room].decode(errors="ignore")
    return json.dumps(tweet, separators=(",", ":"), ensure_ascii=False).encode()


def contenders() -> dict[str, Contender]:
    """Return three ways to write the same records, read by the same parser, to the same table."""
    import boto3
    from botocore.config import Config

    from event.types.tweet import EVENT
    from handler import app

    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    client = boto3.client("dynamodb", config=Config(parameter_validation=False))
    pool = ThreadPoolExecutor(8)

    def batch_writer(batch: list["KinesisRecord"]) -> None:
        with table.batch_writer(overwrite_by_pkeys=["Username", "Id"]) as writer:
            for username, identifier, timestamp, message in map(EVENT.parse, batch):
                writer.put_item(
                    Item={"Username": username, "Id": identifier, "Timestamp": timestamp, "Message": message}
                )

    def eight_threads(batch: list["KinesisRecord"]) -> None:
        tweets = {EVENT.key(tweet): tweet for tweet in map(EVENT.parse, batch)}
        requests: list[WriteRequestTypeDef] = [
            {
                "PutRequest": {
                    "Item": {
                        "Username": {"S": username},
                        "Id": {"S": identifier},
                        "Timestamp": {"S": timestamp},
                        "Message": {"S": message},
                    }
                }
            }
            for username, identifier, timestamp, message in tweets.values()
        ]

        def write(start: int) -> None:
            client.batch_write_item(RequestItems={os.environ["TABLE_NAME"]: requests[start : start + 25]})

        for _ in pool.map(write, range(0, len(requests), 25)):
            pass

    def function(batch: list["KinesisRecord"]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            assert app.lambda_handler({"Records": batch}, Context()) == {"batchItemFailures": []}

    return {"batch_writer": batch_writer, "client, eight threads": eight_threads, "the function": function}


def cost(contender: Contender, batch: list["KinesisRecord"]) -> Cost:
    """Measure one run."""
    cpu, wall = time.process_time(), time.perf_counter()
    contender(batch)
    scale = 1_000_000 / len(batch)
    return Cost((time.process_time() - cpu) * scale, (time.perf_counter() - wall) * scale)


def print_speed(rounds: int) -> None:
    """Print, for each batch size and contender, medians, and the medians of the ratios to batch_writer."""
    ways = contenders()
    print("| batch | writer | CPU ms | wall ms | CPU, of batch_writer's | wall, of batch_writer's |")
    print("|---:|---|---:|---:|---:|---:|")
    for size in BATCH_SIZES:
        batch = records(size)
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                measured = cost(way, batch)
                if number:  # the first round opens the connections
                    costs[name].append(measured)
        for name, own in costs.items():
            ratios = [
                (a.cpu / b.cpu, a.wall / b.wall) for a, b in zip(own, costs["batch_writer"], strict=True)
            ]
            middle = [
                statistics.median(column) for column in (*zip(*own, strict=True), *zip(*ratios, strict=True))
            ]
            print(
                f"| {size} | {name} | {middle[0]:.0f} | {middle[1]:.0f} | {middle[2]:.2f} | {middle[3]:.2f} |"
            )


def print_footprint() -> None:
    """Print the CPU time to import the function in a fresh process, and its peak memory after a full batch."""
    begun = time.process_time()
    from handler import app

    imported = (time.process_time() - begun) * 1000
    with contextlib.redirect_stdout(io.StringIO()):
        app.lambda_handler({"Records": records(BATCH_SIZES[-1])}, Context())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"import of handler.app, both included: {imported:.0f} CPU ms; peak memory: {peak:.0f} MB")


def main() -> None:
    """Serve, measure, print."""
    parser = argparse.ArgumentParser(description="Measure the function beside boto3's batch_writer.")
    parser.add_argument(
        "--rounds", type=int, default=7, help="measured runs of each contender and batch size"
    )
    parser.add_argument("--footprint", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.footprint:
        print_footprint()
        return
    # Imports are inside the functions, so that the footprint's process has the function's and no others.
    with stub():
        for _ in range(3):
            subprocess.run([sys.executable, "-c", IMPORT_OF_BOTO3_ALONE], check=True)
            subprocess.run([sys.executable, "-m", "benchmarks.handler", "--footprint"], check=True)
        print_speed(arguments.rounds)


@contextlib.contextmanager
def stub(answer: bytes = b'{"UnprocessedItems":{}}') -> Iterator[None]:
    """Serve a stub of a service over TLS, DynamoDB's unless told otherwise, and set the environment as Lambda does."""
    from local.stubs.http import constant_answer, make_certificate

    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        with constant_answer(answer, SECONDS_A_CALL, certificate) as url:
            os.environ |= {
                "AWS_CA_BUNDLE": str(certificate),
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_SESSION_TOKEN": "token",
                "AWS_DEFAULT_REGION": "us-east-1",
                "EVENT_TYPE": "tweet",
                "TABLE_NAME": "dev-EventData",
                "QUARANTINE_BUCKET": "dev-quarantine",
            }
            yield


if __name__ == "__main__":
    main()
