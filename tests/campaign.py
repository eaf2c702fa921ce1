"""A campaign of faults: 100,000 tweets through the stack on local AWS while everything breaks, and none lost.

    python -m tests.campaign [--tweets 100000] [--minutes 10]

Records of every kind (the stream's own, X's v2 and v1.1, aggregated by the Kinesis Producer Library, poison) are
put while the faults below strike one after the other. When they have ended and the function has caught up, every
tweet must be a row, and every poison record in quarantine. The exit code is 1 if one is missing, or if the
function has not caught up in time.
"""

import argparse
import base64
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.handler.events import aggregate, tweet, v1_status, v2_post
from tests.ops.stack import DeployedStack

CONFIG = {"aws:region": "us-east-1", full_key("mappingBatchingWindow"): 0}
CALL_RECORDS = 250
AGGREGATED = 10
"""Tweets in an aggregated record."""
FAULT_SECONDS = 4.0
_CHECK_SECONDS = 2.0

Key = tuple[str, str]


@dataclass
class Sent:
    """The tweets and poison records that were put, and the number of records that held them."""

    tweets: set[Key] = field(default_factory=set)
    poison: set[bytes] = field(default_factory=set)
    records: int = 0


class Campaign:
    """A deployed stack under faults."""

    def __init__(self, stack: DeployedStack, deadline: float) -> None:
        self.stack = stack
        self.deadline = deadline
        self.sent = Sent()
        self.started = time.time()
        self._number = 0

    def put(self, count: int) -> None:
        """Put that many tweets, and a poison record for every hundred; retry what the stream throttles.

        Ends early at the deadline.
        """
        enough = len(self.sent.tweets) + count
        while len(self.sent.tweets) < enough and time.monotonic() < self.deadline:
            pending = [
                {"Data": self._next(), "PartitionKey": f"user{number}"} for number in range(CALL_RECORDS)
            ]
            while pending and time.monotonic() < self.deadline:
                try:
                    answer = self.stack.kinesis.put_records(
                        StreamName=self.stack.outputs["stream_name"], Records=pending
                    )
                except ClientError:  # the stream is being resharded
                    time.sleep(0.1)
                    continue
                pending = [
                    record
                    for record, result in zip(pending, answer["Records"], strict=True)
                    if "ErrorCode" in result
                ]
            self.sent.records += CALL_RECORDS

    def _next(self) -> bytes:
        """Make the next record: the kinds take turns, and every hundred tweets one is poison."""
        if len(self.sent.tweets) // 100 > len(self.sent.poison):
            payload = f"poison {len(self.sent.poison)}".encode()
            self.sent.poison.add(payload)
            return payload
        self._number += 1
        number, user = self._number, f"user{self._number % 500}"
        match number % 10:
            case 1:
                return self._encode(v2_post(id=str(number)), "ada", str(number))
            case 2:
                return self._encode(v1_status(id_str=str(number)), "ada", str(number))
            case 3:
                return aggregate(
                    *(
                        self._encode(tweet(username=user, id=f"{number}-{part}"), user, f"{number}-{part}")
                        for part in range(AGGREGATED)
                    )
                )
            case _:
                return self._encode(tweet(username=user, id=str(number)), user, str(number))

    def _encode(self, message: dict[str, Any], user: str, identifier: str) -> bytes:
        self.sent.tweets.add((user, identifier))
        return json.dumps(message).encode()

    # --- Faults: each lasts as long as its block ---------------------------------------------------------

    def faults(self) -> dict[str, Callable[[], AbstractContextManager[None]]]:
        """All faults, in the order in which they strike."""
        stack = self.stack
        return {
            "30 % of the items unprocessed": lambda: self._injected("dynamodb:BatchWriteItem", entries=0.3),
            "the table deleted, created again, and replayed": self._table_deleted,
            "500 for a third of the calls": lambda: self._injected("dynamodb:BatchWriteItem", error=0.33),
            "connections reset": lambda: self._injected("dynamodb:BatchWriteItem", reset=0.3),
            "answers lost": lambda: self._injected("dynamodb:BatchWriteItem", lost=0.3),
            "throttled": lambda: self._injected("dynamodb:BatchWriteItem", throttle=0.5),
            "calls that time out": lambda: self._injected("dynamodb:BatchWriteItem", delay=3.5),
            "a shard split": lambda: self._resharded(2),
            "the bucket throttled and broken": lambda: self._injected(
                "s3:PutObject", throttle=0.3, error=0.3
            ),
            "the bucket denied": lambda: stack.without("WriteQuarantine"),
            "the table denied": lambda: stack.without("WriteTable"),
            "a function that crashes": self._crashing,
            "shards merged": lambda: self._resharded(1),
            "invocations throttled": lambda: self._injected("lambda:InvokeFunction", throttle=0.5),
            "the mapping off and on": lambda: stack.mapping(Enabled=False),
        }

    @contextmanager
    def _injected(self, operation: str, **rates: float) -> Iterator[None]:
        self.stack.aws.faults.set(operation, **rates)
        yield
        self.stack.aws.faults.clear()

    @contextmanager
    def _crashing(self) -> Iterator[None]:
        """Take the name of the table away, without which the import of the function fails."""
        function = {"FunctionName": self.stack.outputs["function_name"]}
        settings = self.stack.lambda_.get_function_configuration(**function)["Environment"]["Variables"]
        broken = {name: value for name, value in settings.items() if name != "TABLE_NAME"}
        self.stack.lambda_.update_function_configuration(**function, Environment={"Variables": broken})
        yield
        self.stack.lambda_.update_function_configuration(**function, Environment={"Variables": settings})

    @contextmanager
    def _table_deleted(self) -> Iterator[None]:
        """Delete the table; then create it again, and bring its rows back as an operator does."""
        name = self.stack.outputs["table_name"]
        table = self.stack.dynamodb.describe_table(TableName=name)["Table"]
        self.stack.dynamodb.delete_table(TableName=name)
        yield
        self.stack.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=table["AttributeDefinitions"],
            KeySchema=table["KeySchema"],
        )
        with TemporaryDirectory() as folder:
            since = f"{int(time.time() - self.started) + 1}s"
            options = ["--from", since, "--rate", "100000", "--checkpoint", f"{folder}/replay.json"]
            replayed = self.stack.json("replay", *options, "--yes")
        print(f"  replayed {replayed['records']:,} records, {replayed['refused']:,} failed", flush=True)

    @contextmanager
    def _resharded(self, shards: int) -> Iterator[None]:
        name = self.stack.outputs["stream_name"]
        self.stack.kinesis.update_shard_count(
            StreamName=name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
        )
        yield

    # --- The count ----------------------------------------------------------------------------------------

    def missing(self) -> tuple[set[Key], set[bytes]]:
        """Return the tweets that are neither a row nor in quarantine, and the poison that is not in quarantine."""
        pages = self.stack.dynamodb.get_paginator("scan").paginate(
            TableName=self.stack.outputs["table_name"], ProjectionExpression="Username, Id"
        )
        rows = {(item["Username"]["S"], item["Id"]["S"]) for page in pages for item in page["Items"]}
        return self.sent.tweets - rows, self.sent.poison - self._quarantined()

    def _quarantined(self) -> set[bytes]:
        bucket = self.stack.outputs["quarantine_bucket"]
        bodies = [
            json.load(self.stack.s3.get_object(Bucket=bucket, Key=key)["Body"])
            for key in self.stack.objects()
            if key.startswith("records/")
        ]
        return {base64.b64decode(body["payload"]) for body in bodies}


def main() -> None:
    """Run the campaign, and print its counts."""
    parser = argparse.ArgumentParser(description="100,000 tweets while everything breaks; none may be lost.")
    parser.add_argument("--tweets", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10, help="time limit of the whole campaign")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.minutes * 60
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with LocalAws.start() as aws, TemporaryDirectory() as folder:
        outputs = deploy("dev", PROJECT, CONFIG, aws.endpoint).outputs
        campaign = Campaign(DeployedStack(aws, outputs, Path(folder)), deadline)
        complete = run(campaign, arguments.tweets)
    sys.exit(0 if complete else 1)


def run(campaign: Campaign, tweets: int) -> bool:
    """Put the tweets under faults, and wait until the function has caught up; return True if nothing is missing."""
    faults = campaign.faults()
    injected: Counter[str] = Counter()
    share = tweets // (len(faults) + 1)
    for name, fault in faults.items():
        print(f"{name} ...", flush=True)
        with fault():
            sending = threading.Thread(target=campaign.put, args=(share,))
            sending.start()
            time.sleep(FAULT_SECONDS)
            sending.join()
            injected.update(campaign.stack.aws.faults.injected())
    campaign.put(max(0, tweets - len(campaign.sent.tweets)))
    ended = time.monotonic()
    sent = campaign.sent
    print(f"{sum(injected.values()):,} faults injected: {dict(injected)}")
    print(
        f"{len(sent.tweets):,} tweets and {len(sent.poison):,} poison records in {sent.records:,} records",
        flush=True,
    )
    while any(left := campaign.missing()) and time.monotonic() < campaign.deadline:
        time.sleep(_CHECK_SECONDS)
    tweets_left, poison_left = left
    print(f"caught up {time.monotonic() - ended:.0f} s after the faults ended")
    print(f"{len(sent.tweets) - len(tweets_left):,} of {len(sent.tweets):,} tweets are rows")
    print(f"{len(sent.poison) - len(poison_left):,} of {len(sent.poison):,} poison records are in quarantine")
    if len(sent.tweets) < tweets:
        print(f"only {len(sent.tweets):,} of {tweets:,} tweets were sent in time")
        return False
    return not (tweets_left or poison_left)


if __name__ == "__main__":
    main()
