"""Shows how to use local AWS, and its activity, for ``python -m local up``."""

import contextlib
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.aws import LocalAws
from local.mapping.poller import Progress
from local.server import DEFAULT_PORT, REGION, ROOT_KEY

_INTERVAL = 1.0
_STACK_FILE = "Pulumi.local.yaml"


def instructions(aws: LocalAws, x_url: str) -> RenderableType:
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
    step(
        "AWS CLI and SDKs",
        f"export AWS_ENDPOINT_URL={aws.endpoint} AWS_REGION={REGION}",
        f"export AWS_ACCESS_KEY_ID={ROOT_KEY} AWS_SECRET_ACCESS_KEY={ROOT_KEY}",
    )
    pulumi = [f"pulumi up --stack local   ({_STACK_FILE} has the endpoints)"]
    if aws.port != DEFAULT_PORT:
        pulumi.insert(0, f"in {_STACK_FILE}, replace port {DEFAULT_PORT} by {aws.port}")
    step("Pulumi", *pulumi)
    step(
        "Producer, in its configuration",
        f'"aws_endpoint": "{aws.endpoint}"',
        f'"x_endpoint": "{x_url}"',
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
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                self._aws.check()
                with contextlib.suppress(ClientError):  # something listed was deleted meanwhile: read again
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
        return Snapshot(time.monotonic(), streams, self._aws.mappings(), tables, buckets)


def render(now: Snapshot, before: Snapshot) -> RenderableType:
    """Draw the account's content, and its growth since an earlier snapshot."""
    if not (now.streams or now.tables or now.buckets):
        return Text("Nothing is deployed yet.", style="dim")
    seconds = max(now.time - before.time, _INTERVAL)
    delivered = {mapping.uuid: mapping.delivered for mapping in before.mappings}
    streams = _table("Stream", "Shards", "Records/s", "Delivered", "Lag", "Last result")
    for name, shards in now.streams.items():
        readers = [mapping for mapping in now.mappings if mapping.stream_arn.endswith(f":stream/{name}")]
        for mapping in readers:
            rate = (mapping.delivered - delivered.get(mapping.uuid, 0)) / seconds
            lag = f"{mapping.lag:.1f} s"
            streams.add_row(name, str(shards), f"{rate:,.0f}", f"{mapping.delivered:,}", lag, mapping.result)
        if not readers:
            streams.add_row(name, str(shards), "", "", "", "no event source mapping")
    tables = _table("Table", "Items", "Items/s")
    for name, items in now.tables.items():
        rate = (items - before.tables.get(name, items)) / seconds
        tables.add_row(name, f"{items:,}", f"{rate:,.0f}")
    buckets = _table("Bucket", "Objects")
    for name, objects in now.buckets.items():
        buckets.add_row(name, objects)
    return Group(*(table for table in (streams, tables, buckets) if table.row_count))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1))
    table.add_column(first, ratio=2, no_wrap=True)
    for name in others:
        if name == "Last result":
            table.add_column(name, ratio=1)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table
