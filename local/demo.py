"""`make demo`: the whole path on this machine, each step with the command that does it on AWS.

The program, the producer, the function and the operator's commands are the real ones; AWS and X are doubles
on loopback. The exit code is 1 if a check fails.
"""

import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import ClientError
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from local.aws import LocalAws
from local.demo_replay import check_same_rows, empty_table, read_rows
from local.demo_tree import ResourceTree
from local.errors import DemoError, DeploymentError, LocalAwsError
from local.inventory import inventory
from local.session import PROJECT, STACK, Session
from local.x import XServer

if TYPE_CHECKING:
    from local.deploy import Deployment

TERM = "#LanternNight"
TWEETS = 3000
POISONOUS = 2
RATE = 1000
"""Posts per second: four times what one connection to X delivers, to keep the demo short."""
_STALL_SECONDS = 60
_TICK_SECONDS = 0.1


@click.command()
@click.option("--source", type=click.Choice(["x", "file"]), default="x", show_default=True)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of tweets.",
)
@click.option("--keep", is_flag=True, help="Keep everything running at the end, until Ctrl-C.")
def demo(source: str, path: Path | None, keep: bool) -> None:
    """Show the whole path of a tweet on this machine, from deploying to destroying.

    Example: python -m local demo --source file --file tweets.jsonl
    """
    if (source == "file") != (path is not None):
        raise click.UsageError("--source file needs --file PATH, and --file needs --source file")
    console = Console(highlight=False)
    started = time.monotonic()
    try:
        with _prepared(console) as demonstration:
            demonstration.run(path, keep=keep)
    except DemoError as error:
        console.print(f"[bold red]Check failed:[/] {error}")
        sys.exit(1)
    except LocalAwsError as error:
        console.print(f"[bold red]Error:[/] {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started has stopped.")
        sys.exit(130)
    console.print(f"\n[bold green]All checks passed[/] in {time.monotonic() - started:.0f} seconds.")


@contextmanager
def _prepared(console: Console) -> Iterator["Demonstration"]:
    """Run local AWS and local X until the block ends."""
    with ExitStack() as stack:
        _announce(
            console,
            "Start AWS and X on this machine, in memory, on loopback",
            "nothing to do: both are there",
        )
        with _uninterrupted():
            # Importing the program takes as long as starting the server.
            importing = threading.Thread(target=_import_program)
            importing.start()
            aws = stack.enter_context(LocalAws.start())
            x = stack.enter_context(XServer(count=TWEETS, rate=RATE, poisonous=POISONOUS))
            importing.join()
        console.print(f"  AWS answers at {aws.endpoint}, X at {x.url}")
        yield Demonstration(console, aws, x)


def _import_program() -> None:
    """Import the deployment and everything that the program imports."""
    modules = sorted((PROJECT / "infra").glob("[!_]*.py"))
    for name in ("local.deploy", *(f"infra.{module.stem}" for module in modules)):
        importlib.import_module(name)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay interrupts until the block ends.

    An interrupt in the middle of an import may leave an import lock held, on which another thread would then
    wait forever.
    """
    held_back: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: held_back.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held_back:
        raise KeyboardInterrupt


def _announce(console: Console, what: str, on_aws: str) -> None:
    console.print(f"\n[bold cyan]{what}[/]")
    console.print(f"  [dim]on AWS:[/] {on_aws}", soft_wrap=True)


class Demonstration:
    """The steps after the start; each raises DemoError if its check fails."""

    def __init__(self, console: Console, aws: LocalAws, x: XServer) -> None:
        self.console = console
        self.aws = aws
        self.x = x
        self.session: Session
        self._streaming_since = 0.0

    def run(self, path: Path | None, *, keep: bool) -> None:
        deployment = self.deploy()
        try:
            self.configure(deployment)
            summary = self.stream(path)
            self.explore()
            self.show_health()
            self.account_for(deployment, summary)
            self.show_least_privilege(deployment)
            self.show_quarantine(deployment)
            self.show_replay(deployment)
            if keep:
                self.wait()
        finally:
            self.destroy(deployment)
        left = inventory(self.aws)
        if left:
            raise DemoError(f"the account still has, after destroy: {', '.join(left)}")
        self.console.print("  the account is empty")

    def deploy(self) -> "Deployment":
        """Run the program, and show the resources as they are created."""
        from local.deploy import deploy

        self._step("Deploy the dev stack from __main__.py", f"pulumi up --stack {STACK}")
        tree = ResourceTree(STACK)
        try:
            with Live(tree, console=self.console, refresh_per_second=10):
                return deploy(
                    STACK, PROJECT, PROJECT / f"Pulumi.{STACK}.yaml", self.aws.endpoint, on_event=tree.show
                )
        except DeploymentError as error:
            raise DemoError(str(error)) from error

    def configure(self, deployment: "Deployment") -> None:
        """Write the stack's outputs and the X half to the producer's configuration."""
        self._step(
            "Configure the producer from the stack outputs",
            "pulumi stack output --json --show-secrets > producer/config.json",
        )
        self.session = Session(self.aws, self.x.url, deployment)
        for name, value in sorted(self.session.outputs.items()):
            self.console.print(f"  {name:18} {value}", soft_wrap=True, markup=False)

    def stream(self, path: Path | None) -> dict[str, Any]:
        """Run the producer until the function has handled its tweets; return its summary."""
        if path:
            arguments = ["--source", "file", str(path.resolve())]
            expected = sum(1 for line in path.open("rb") if line.strip())
        else:
            arguments = ["--track", TERM, "--limit", str(TWEETS)]
            expected = TWEETS
        self._step(
            f"Stream {expected:,} tweets: producer, stream, function, table",
            f"python -m producer {shlex.join(arguments)}",
        )
        self._streaming_since = time.monotonic()
        log = self.aws.directory / "producer.log"
        with log.open("wb") as stderr:
            producer = subprocess.Popen(
                [sys.executable, "-m", "producer", "--config", str(self.session.config), *arguments],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                process_group=self.aws.pid,  # ends with local AWS, however this process ends
            )
        try:
            summary = self._watch(producer, log, expected)
        finally:
            if producer.poll() is None:
                producer.terminate()
                producer.wait()
        self.console.print(f"  producer: {summary['text']}", soft_wrap=True)
        return summary

    def _watch(self, producer: "subprocess.Popen[bytes]", log: Path, expected: int) -> dict[str, Any]:
        """Show the progress of producer and function until both are done; return the producer's summary."""
        columns = (
            TextColumn("  {task.description:14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
        )
        until = time.monotonic() + _STALL_SECONDS
        summary: dict[str, Any] | None = None
        delivered = 0
        with Progress(*columns, console=self.console) as progress:
            put = progress.add_task("on the stream", total=expected, note="")
            handled = progress.add_task("by the function", total=expected, note="")
            while summary is None or delivered < summary["sent"]:
                if time.monotonic() > until:
                    raise DemoError(
                        f"the function handled {delivered:,} records, then none for {_STALL_SECONDS} seconds"
                    )
                time.sleep(_TICK_SECONDS)
                self.aws.check()
                mappings = self.aws.mappings()
                before, delivered = delivered, sum(mapping.delivered for mapping in mappings)
                if delivered > before:
                    until = time.monotonic() + _STALL_SECONDS
                lag = max((mapping.lag for mapping in mappings), default=0.0)
                if summary is None and producer.poll() is not None:
                    summary = _summary(producer.returncode, log)
                    progress.update(put, total=summary["sent"])
                    progress.update(handled, total=summary["sent"])
                progress.update(
                    put, completed=summary["sent"] if summary else max(self.x.delivered, delivered)
                )
                progress.update(handled, completed=delivered, note=f"lag {lag:.1f} s")
        return summary

    def explore(self) -> None:
        """Show the operator's view of the table."""
        self._step("Explore the table", f"python -m ops explore --stack {STACK} --limit 5")
        self._operate("explore", "--limit", "5")
        self.console.print()
        self._operate("explore", "--user", self._someone(), "--limit", "3")

    def show_health(self) -> None:
        """Show the operator's view of the stack."""
        self._step("Check the stack's health", f"python -m ops status --stack {STACK}")
        # With a record in quarantine an alarm may be firing, and then the stack is not healthy.
        self._operate("status", expected=(0, 1))

    def account_for(self, deployment: "Deployment", summary: dict[str, Any]) -> None:
        """Check that every tweet sent is a row, a repeat of one, or in quarantine, by reading the stream."""
        self._step("Account for every tweet", "the dashboard at dashboard_url shows the same counts")
        records = list(self._records(deployment.outputs["stream_name"]))
        distinct = {(record["username"], record["id"]) for record in records}
        rows = self._rows(deployment.outputs["table_name"])
        objects = self._quarantined(deployment.outputs["quarantine_bucket"])
        repeats = len(records) - len(distinct)
        self.console.print(
            f"  sent {summary['sent']:,} = {len(rows):,} rows + {repeats:,} repeats of a row"
            f" + {len(objects):,} in quarantine"
        )
        if len(records) != summary["sent"]:
            raise DemoError(
                f"{summary['sent']:,} tweets were acknowledged, but {len(records):,} are on the stream"
            )
        if summary["received"] != summary["sent"] + summary["spooled"] + summary["rejected"]:
            raise DemoError(f"the producer's summary does not add up: {summary['text']}")
        if not rows <= distinct or len(rows) + len(objects) != len(distinct):
            raise DemoError("the rows and the quarantine do not match what was sent")

    def show_least_privilege(self, deployment: "Deployment") -> None:
        """Check that the producer's key is denied everything else."""
        self._step("Check that the producer's key can do nothing else", "the same calls get the same answers")
        keys = {
            "access_key": deployment.outputs["access_key"],
            "secret_key": deployment.outputs["secret_access_key"],
        }
        kinesis = self.aws.client("kinesis", **keys)
        dynamodb = self.aws.client("dynamodb", **keys)
        stream, table = deployment.outputs["stream_name"], deployment.outputs["table_name"]
        record = {"Data": b"{}", "PartitionKey": "demo"}
        attempts: dict[str, Callable[[], object]] = {
            "put on another stream": lambda: kinesis.put_record(StreamName="prod-EventStream", **record),
            "read its own stream": lambda: kinesis.describe_stream(StreamName=stream),
            "read the table": lambda: dynamodb.scan(TableName=table),
        }
        for what, attempt in attempts.items():
            try:
                attempt()
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
                    raise DemoError(f"{what} failed, but not for lack of permission: {error}") from error
                action = error.response["Error"]["Message"].split(" because ")[0].rsplit(" ", 1)[1]
                self.console.print(f"  {what:22} [green]denied[/]  not authorized to perform {action}")
            else:
                raise DemoError(f"the producer's key could {what}")

    def show_quarantine(self, deployment: "Deployment") -> None:
        """Show what could not be stored, with its payload and the reason."""
        self._step("Show what could not be stored", f"python -m ops quarantine list --stack {STACK}")
        self._operate("quarantine", "list")
        objects = self._quarantined(deployment.outputs["quarantine_bucket"])
        if objects:
            self.console.print()
            self._operate("quarantine", "show", objects[0])

    def show_replay(self, deployment: "Deployment") -> None:
        """Empty the table, replay the stream, and check that the same rows are back."""
        minutes = int((time.monotonic() - self._streaming_since) // 60) + 1
        command = ["replay", "--from", f"{minutes}m", "--rate", "5000", "--yes"]
        self._step(
            "Lose the table's rows, and replay the stream", f"python -m ops replay --stack {STACK} --from 1m"
        )
        table = deployment.outputs["table_name"]
        before = read_rows(self.aws, table)
        empty_table(self.aws, table)
        self.console.print(f"  {len(before):,} rows deleted, {len(read_rows(self.aws, table)):,} left")
        self._operate(*command, "--checkpoint", str(self.aws.directory / "replay.json"))
        check_same_rows(before, read_rows(self.aws, table))
        self.console.print(f"  the same {len(before):,} rows are back")

    def wait(self) -> None:
        """Keep everything running until Ctrl-C."""
        self.console.print("\n[bold]Everything keeps running until Ctrl-C. In another terminal:[/]")
        for command in self.session.commands():
            self.console.print(f"  {command}", markup=False, soft_wrap=True)
        with suppress(KeyboardInterrupt):
            while True:
                self.aws.check()
                time.sleep(_TICK_SECONDS)

    def destroy(self, deployment: "Deployment") -> None:
        """Destroy the stack, in reverse order of creation."""
        self._step("Destroy the stack", f"pulumi destroy --stack {STACK}")
        count = len(deployment.resources)
        deployment.destroy()
        self.console.print(f"  {count} resources removed")

    def _step(self, what: str, on_aws: str) -> None:
        _announce(self.console, what, on_aws)

    def _operate(self, *arguments: str, expected: tuple[int, ...] = (0,)) -> None:
        """Run an operator's command."""
        command = [sys.executable, "-m", "ops", *arguments]
        result = subprocess.run(
            [*command, "--outputs", str(self.session.outputs_file), "--endpoint", self.aws.endpoint],
            cwd=PROJECT,
            env=os.environ | {"COLUMNS": str(self.console.width - 2)},
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (result.stdout + result.stderr).splitlines():
            self.console.print(f"  {line}", markup=False, soft_wrap=True)
        if result.returncode not in expected:
            raise DemoError(f"python -m ops {' '.join(arguments)} ended with {result.returncode}")

    def _someone(self) -> str:
        """The user of some row."""
        table = self.session.outputs["table_name"]
        items = self.aws.client("dynamodb").scan(TableName=table, Limit=1)["Items"]
        if not items:
            raise DemoError("the table is empty")
        name: str = items[0]["Username"]["S"]
        return name

    def _rows(self, table: str) -> set[tuple[str, str]]:
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        return {(item["Username"]["S"], item["Id"]["S"]) for page in pages for item in page["Items"]}

    def _quarantined(self, bucket: str) -> list[str]:
        pages = self.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def _records(self, stream: str) -> Iterator[dict[str, Any]]:
        """Read and decode every record of the stream."""
        kinesis = self.aws.client("kinesis")
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = kinesis.get_records(ShardIterator=iterator)
                yield from (json.loads(record["Data"]) for record in answer["Records"])
                iterator = answer["NextShardIterator"] if answer["Records"] else None


def _summary(exit_code: int, log: Path) -> dict[str, Any]:
    """Return the summary, the last line of the producer's log."""
    lines = log.read_text().splitlines()
    if exit_code or not lines:
        raise DemoError(f"the producer ended with {exit_code}: {chr(10).join(lines[-5:])}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary
