"""Shows how to use local AWS, and its activity, for ``python -m local up``."""

import contextlib
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.aws.local_aws import LocalAws
from local.aws.mapping.poller import Progress
from local.aws.server import DEFAULT_PORT, REGION
from local.session import Session, aws_variables, exports
from local.x.server import CONSUMER_KEY, CONSUMER_SECRET

_INTERVAL = 1.0
_PROBLEM_CHARACTERS = 240  # three lines of a narrow terminal
_STACK_FILE = "Pulumi.local.yaml"


def instructions(aws: LocalAws, x_url: str, session: Session | None = None) -> RenderableType:
    """Describe how to use this AWS with the AWS CLI, Pulumi and the producer."""
    text = Text()

    def step(title: str, *lines: str) -> None:
        text.append(f"{title}\n", style="bold")
        for line in lines:
            text.append(f"  {line}\n")

    step(
        "AWS and X on this machine, in memory: everything ends with this command (Ctrl-C).",
        f"AWS {aws.endpoint}   X {x_url}   region {REGION}",
        f"log {aws.log}",
    )
    if session:
        step("The dev stack is deployed. In another terminal, in the project's folder", *session.commands())
        return text
    step("AWS CLI and SDKs", *exports(aws_variables(aws.endpoint)))
    pulumi = [f"pulumi up --stack local   ({_STACK_FILE} has the endpoints)"]
    if aws.port != DEFAULT_PORT:
        pulumi.insert(0, f"in {_STACK_FILE}, replace port {DEFAULT_PORT} by {aws.port}")
    step("Pulumi", *pulumi)
    step(
        "Producer, in its configuration",
        f'"aws_endpoint": "{aws.endpoint}"',
        f'"x_endpoint": "{x_url}"',
        f'"consumer_key": "{CONSUMER_KEY}", "consumer_secret": "{CONSUMER_SECRET}",',
        '"access_token_key": "unused", "access_token_secret": "unused"',
    )
    return text


@dataclass(frozen=True)
class Snapshot:
    """The account's content at a time (monotonic clock)."""

    time: float
    streams: dict[str, int]  # open shards
    mappings: list[Progress]
    tables: dict[str, int]  # items
    buckets: dict[str, str]  # objects
    records: dict[str, int]  # by stream, since it was created


class Display:
    """Shows the account until it is interrupted."""

    def __init__(self, aws: LocalAws, console: Console) -> None:
        self._aws = aws
        self._console = console
        self._kinesis, self._dynamodb, self._s3 = map(aws.client, ("kinesis", "dynamodb", "s3"))

    def run(self) -> None:
        """Show the account once a second, until interrupted.

        Raises:
            LocalAwsError: the server ended by itself.
        """
        before = None
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                self._aws.check()
                # A listed resource was deleted meanwhile, or the machine is too busy for an answer: read again.
                with contextlib.suppress(ClientError, BotoCoreError):
                    now = self._look()
                    live.update(render(now, before or now), refresh=True)
                    before = now
                time.sleep(_INTERVAL)

    def _look(self) -> Snapshot:
        streams = {}
        for name in self._kinesis.list_streams()["StreamNames"]:
            summary = self._kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
            streams[name] = summary["OpenShardCount"]
        tables = {}
        for name in self._dynamodb.list_tables()["TableNames"]:
            tables[name] = self._dynamodb.describe_table(TableName=name)["Table"]["ItemCount"]
        buckets = {}
        for bucket in self._s3.list_buckets()["Buckets"]:
            page = self._s3.list_objects_v2(Bucket=bucket["Name"])
            buckets[bucket["Name"]] = f"{page['KeyCount']:,}" + ("+" if page["IsTruncated"] else "")
        records: dict[str, int] = self._aws.request("GET", "/_local/records")
        return Snapshot(time.monotonic(), streams, self._aws.mappings(), tables, buckets, records)


def render(now: Snapshot, before: Snapshot) -> RenderableType:
    """Draw the account's content, and its growth since an earlier snapshot."""
    if not (now.streams or now.tables or now.buckets):
        return Text("Nothing is deployed yet.", style="dim")
    seconds = max(now.time - before.time, _INTERVAL)
    tables = (_streams(now, before, seconds), _tables(now, before, seconds), _buckets(now))
    problems = [Text(problem, style="red") for problem in _problems(now)]
    for problem in problems:
        problem.truncate(_PROBLEM_CHARACTERS, overflow="ellipsis")
    return Group(*(table for table in tables if table.row_count), *problems)


def _streams(now: Snapshot, before: Snapshot, seconds: float) -> Table:
    """Draw a row for each mapping of a stream, and one for a stream without a mapping."""
    delivered_before = {mapping.uuid: mapping.delivered for mapping in before.mappings}
    table = _table("Stream", "Shards", "Mapping", "Records/s", "Delivered", "Waiting", "Lag")
    for name, shards in now.streams.items():
        mappings = [mapping for mapping in now.mappings if _reads(mapping, name)]
        for mapping in mappings:
            rate = (mapping.delivered - delivered_before.get(mapping.uuid, 0)) / seconds
            table.add_row(name, str(shards), *_mapping_cells(mapping, rate, now.records.get(name, 0)))
        if not mappings:
            table.add_row(name, str(shards), Text("none", style="bold red"))
    return table


def _mapping_cells(mapping: Progress, rate: float, records: int) -> list[RenderableType]:
    state = "disabled" if not mapping.enabled else "failing" if _is_failing(mapping) else "ok"
    waiting = f"{max(0, records - mapping.delivered):,}" if mapping.from_oldest else ""
    return [
        Text(state, style="green" if state == "ok" else "bold red"),
        f"{rate:,.0f}",
        f"{mapping.delivered:,}",
        Text(waiting, style="" if state == "ok" else "bold red"),
        # The lag of a mapping that does not read is unknown.
        f"{mapping.lag:.1f} s" if state == "ok" or mapping.lag else "",
    ]


def _tables(now: Snapshot, before: Snapshot, seconds: float) -> Table:
    table = _table("Table", "Items", "Items/s")
    for name, items in now.tables.items():
        rate = (items - before.tables.get(name, items)) / seconds
        table.add_row(name, f"{items:,}", f"{rate:,.0f}")
    return table


def _buckets(now: Snapshot) -> Table:
    table = _table("Bucket", "Objects")
    for name, objects in now.buckets.items():
        table.add_row(name, objects)
    return table


def _problems(now: Snapshot) -> list[str]:
    return [
        f"{name}: {mapping.result}"
        for name in now.streams
        for mapping in now.mappings
        if _reads(mapping, name) and _is_failing(mapping)
    ]


def _reads(mapping: Progress, stream: str) -> bool:
    return mapping.stream_arn.endswith(f":stream/{stream}")


def _is_failing(mapping: Progress) -> bool:
    return mapping.result.startswith("PROBLEM")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1))
    table.add_column(first, ratio=2, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
