"""Lets a producer put events on a stack of its own on local AWS, and looks at what becomes of them."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from local.aws.local_aws import LocalAws
from local.aws.metrics import embedded
from local.aws.server import REGION, ROOT_KEY
from local.demo.replay import Row, read_rows
from local.pulumi.deploy import Deployment, deploy
from local.session import STACK, Session, read_config
from local.stubs.http import make_certificate
from local.x import samples
from stack.project import PROJECT, full_key
from tools.producers.catalog import Producer, Target
from tools.producers.tls import terminate_tls

_AGGREGATED = b"\xf3\x89\x9a\xc2"
"""The first bytes of an aggregated record ("KPL Aggregated Record Format")."""

_CONFIG = {full_key("alarms"): False}  # nobody would get them
_FIRST_ID = 1_890_000_000_000_000_000
_PUT_SECONDS = 120
_STALL_SECONDS = 30
_TICK_SECONDS = 0.1


class ProducerError(Exception):
    """A producer failed, or the function stands still; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """What became of a producer's events.

    Attributes:
        records: on the stream.
        aggregated: how many of them the KPL's format has.
        partition_keys: how many different ones they have.
        received, stored, duplicates, quarantined: as the function counted them.
        rows: of the table, whole.
    """

    records: int
    aggregated: int
    partition_keys: int
    received: int
    stored: int
    duplicates: int
    quarantined: int
    rows: set[Row]

    def find_fault(self, expected: set[Row], events: int) -> str:
        """Say how this differs from the rows of so many events, all stored; empty if it does not."""
        if missing := len(expected - self.rows):
            return f"{missing:,} missing or different"
        if len(self.rows) != events:
            return f"for {events:,} events"
        if self.quarantined or self.received != self.stored + self.duplicates:
            return f"the counts do not add up, {self.quarantined:,} in quarantine"
        return ""


def make_events(count: int) -> list[tuple[str, bytes]]:
    """Make posts of X with ids of their own, and the author's id as the partition key."""
    posts = samples.load()
    events = []
    for number in range(count):
        post = posts[number % len(posts)]
        identifier = str(_FIRST_ID + number)
        data = post["data"] | {"id": identifier, "edit_history_tweet_ids": [identifier]}
        events.append((data.get("author_id", "unknown"), orjson.dumps(post | {"data": data})))
    return events


def put(producer: Producer, events: Sequence[tuple[str, bytes]]) -> Outcome:
    """Let a producer put events, until the function has handled them all.

    Raises:
        ProducerError: the producer failed, or the function stands still.
        LocalError: local AWS cannot run, or the stack cannot be deployed.
    """
    with LocalAws.start() as aws:
        deployment = deploy(STACK, PROJECT, read_config() | _CONFIG, aws.endpoint)
        lines = [b"%s\t%s\n" % (key.encode(), event) for key, event in events]
        if not producer.with_keys:
            lines = [event + b"\n" for _, event in events]
        with _target(aws, deployment) as target:
            _run(producer, target, aws, b"".join(lines))
        records = list(_read_records(aws, deployment.outputs["stream_name"]))
        _wait(aws, len(records))
        counts = _read_counts(aws, deployment.outputs["function_name"])
        return Outcome(
            records=len(records),
            aggregated=sum(record["Data"].startswith(_AGGREGATED) for record in records),
            partition_keys=len({record["PartitionKey"] for record in records}),
            received=counts["Received"],
            stored=counts["Stored"],
            duplicates=counts["Duplicates"],
            quarantined=counts["Quarantined"],
            rows=read_rows(aws, deployment.outputs["table_name"]),
        )


@contextmanager
def _target(aws: LocalAws, deployment: Deployment) -> Iterator[Target]:
    """Serve the endpoint with TLS too until the block ends, with a certificate made for it."""
    certificate = make_certificate(aws.directory)
    with terminate_tls(aws.port, certificate) as port:
        yield Target(
            stream=deployment.outputs["stream_name"],
            tls_port=port,
            certificate=certificate.with_name("public.pem"),
            config=Session(aws, None, deployment).config,
        )


def _run(producer: Producer, target: Target, aws: LocalAws, lines: bytes) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": aws.endpoint,
    }
    try:
        result = subprocess.run(
            target.fill(producer.command),
            cwd=PROJECT,
            env=environment,
            input=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PUT_SECONDS,
            check=False,
            process_group=aws.pid,  # what it leaves behind ends with local AWS
        )
    except subprocess.TimeoutExpired as error:
        output = (error.output or b"").decode(errors="replace").strip()
        raise ProducerError(f"{producer.title} has not ended after {_PUT_SECONDS} s:\n{output}") from None
    if result.returncode:
        output = result.stdout.decode(errors="replace").strip()
        raise ProducerError(f"{producer.title} ended with {result.returncode}:\n{output}")


def _wait(aws: LocalAws, records: int) -> None:
    """Wait until the mapping has handled so many records."""
    handled, deadline = 0, time.monotonic() + _STALL_SECONDS
    while handled < records:
        if time.monotonic() > deadline:
            raise ProducerError(
                f"the function handled {handled:,} of {records:,} records, then none for {_STALL_SECONDS} s"
            )
        time.sleep(_TICK_SECONDS)
        aws.check()
        before, handled = handled, sum(mapping.delivered for mapping in aws.mappings())
        if handled > before:
            deadline = time.monotonic() + _STALL_SECONDS


def _read_records(aws: LocalAws, stream: str) -> Iterator[dict[str, Any]]:
    kinesis = aws.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            yield from answer["Records"]
            iterator = answer["NextShardIterator"]


def _read_counts(aws: LocalAws, function: str) -> Counter[str]:
    """Add up what the function counted, from its log."""
    counts: Counter[str] = Counter()
    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/{function}", filterPattern="CloudWatchMetrics")
    )
    for event in pages.search("events[]"):
        for series, value in embedded(event["message"]):
            counts[series.name] += int(value)
    return counts
