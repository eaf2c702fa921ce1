"""`make demo`: the whole path on this machine, each step with the command that does it on AWS.

The program, the producer, the function and the operator's commands are the real ones; AWS and X are doubles
on loopback. The exit code is 1 if a check fails.
"""

import importlib
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from botocore.exceptions import ClientError
from rich.console import Console
from rich.padding import Padding

from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.demo.contents import find_user, list_quarantined, read_keys, read_records
from local.demo.output import INDENT, announce, indent, live_display, print_lines
from local.demo.replay import check_same_rows, empty_table, read_rows
from local.demo.tree import ResourceTree
from local.errors import DemoError, DeploymentError, LocalAwsError
from local.interrupts import uninterrupted
from local.session import STACK, Session
from local.x.server import XServer
from stack.project import PROJECT

if TYPE_CHECKING:
    from local.pulumi.deploy import Deployment
    from ops.aws.stack import Stack

TERM = "#LanternNight"
TWEETS = 3000
POISONOUS = 2
RATE = 1000
"""Posts per second: four times what one connection to X delivers, to keep the demo short."""
_STALL_SECONDS = 120
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.5
_METRICS_SECONDS = 3


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
    try:
        run_demo(console, path, keep=keep)
    except DemoError as error:
        console.print(f"[bold red]Check failed:[/] {error}")
        sys.exit(1)
    except LocalAwsError as error:
        console.print(f"[bold red]Error:[/] {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started has stopped.")
        sys.exit(130)


def run_demo(console: Console, path: Path | None = None, *, keep: bool = False) -> None:
    """Run the demo on a console.

    Raises:
        LocalAwsError: local AWS cannot run.
        DemoError: a check failed.
    """
    started = time.monotonic()
    with _prepared(console) as demonstration:
        demonstration.run(path, keep=keep)
    console.print(f"\n[bold green]All checks passed[/] in {time.monotonic() - started:.0f} seconds.")


@contextmanager
def _prepared(console: Console) -> Iterator["Demonstration"]:
    """Run local AWS and local X until the block ends."""
    with ExitStack() as stack:
        announce(console, "Start AWS and X on this machine, in memory, on loopback", "nothing to do")
        with uninterrupted():
            # Importing the program takes as long as starting the server.
            importing = threading.Thread(target=_import_program)
            importing.start()
            aws = stack.enter_context(LocalAws.start())
            x = stack.enter_context(XServer(count=TWEETS, rate=RATE, poisonous=POISONOUS))
            importing.join()
        console.print(f"  AWS answers at {aws.endpoint}, X at {x.url}")
        yield Demonstration(console, aws, x)


def _import_program() -> None:
    """Import the deployment, everything that the program imports, and `watch`."""
    modules = sorted((PROJECT / "infra").glob("[!_]*.py"))
    for name in ("local.pulumi.deploy", "ops.health.watch", *(f"infra.{module.stem}" for module in modules)):
        importlib.import_module(name)


class Demonstration:
    """The steps after the start; each raises DemoError if its check fails."""

    def __init__(self, console: Console, aws: LocalAws, x: XServer) -> None:
        self.console = console
        self.aws = aws
        self.x = x
        self.session: Session
        self.stack: Stack
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
        from local.pulumi.deploy import deploy

        self._step("Deploy the dev stack from __main__.py", f"pulumi up --stack {STACK}")
        tree = ResourceTree(STACK)
        try:
            with live_display(self.console, tree, refresh_per_second=10):
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
        from ops.aws.stack import Stack

        self.stack = Stack({}, lambda: self.session.outputs, self.aws.endpoint)
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
        if not path:
            self.console.print(
                f"  {POISONOUS} of them are planted: they are too large for the table, so they must end\n"
                "  in quarantine and raise an alarm. All others must become rows.\n"
            )
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
            summary = self._watch(producer, log)
        finally:
            if producer.poll() is None:
                producer.terminate()
                producer.wait()
        self.console.print(indent(f"producer: {summary['text']}"))
        return summary

    def _watch(self, producer: "subprocess.Popen[bytes]", log: Path) -> dict[str, Any]:
        """Watch the stack until producer and function are done; return the producer's summary."""
        deadline = time.monotonic() + _STALL_SECONDS
        summary: dict[str, Any] | None = None
        delivered = 0
        from ops.health.watch import Watch

        with uninterrupted():
            self.stack.connect()
        watch = Watch(self.stack, interval=_LOOK_SECONDS)
        with live_display(self.console, auto_refresh=False, vertical_overflow="crop") as live:
            while summary is None or delivered < summary["sent"]:
                if time.monotonic() > deadline:
                    raise DemoError(
                        f"the function handled {delivered:,} records, then none for {_STALL_SECONDS} seconds"
                    )
                self.aws.check()
                before, delivered = delivered, sum(mapping.delivered for mapping in self.aws.mappings())
                if delivered > before:
                    deadline = time.monotonic() + _STALL_SECONDS
                if summary is None and producer.poll() is not None:
                    summary = _summary(producer.returncode, log)
                live.update(indent(watch.look()), refresh=True)
                time.sleep(_TICK_SECONDS)
            # The metrics of the last records are a second behind them.
            deadline = time.monotonic() + _METRICS_SECONDS
            while (frame := watch.look()).total("received") < delivered and time.monotonic() < deadline:
                time.sleep(_TICK_SECONDS)
            live.update(indent(frame), refresh=True)
        return summary

    def explore(self) -> None:
        """Show the operator's view of the table."""
        self._step("Explore the table", f"python -m ops explore --stack {STACK} --limit 5")
        user = find_user(self.aws, self.session.outputs["table_name"])
        if user is None:
            raise DemoError("the table is empty")
        with ThreadPoolExecutor() as pool:
            newest = pool.submit(self._run, "explore", "--limit", "5")
            of_a_user = pool.submit(self._run, "explore", "--user", user, "--limit", "3")
            self._show(newest.result())
            self.console.print()
            self._show(of_a_user.result())

    def show_health(self) -> None:
        """Show the operator's view of the stack."""
        self._step("Check the stack's health", f"python -m ops status --stack {STACK}")
        # With a record in quarantine an alarm may be firing, and then the stack is not healthy.
        self._show(self._run("status"), expected=(0, 1))
        from ops.health.checks import run_checks

        wrong = {check.text.split()[0] for check in run_checks(self.stack) if check.unhealthy}
        if wrong == {f"{STACK}-Quarantined"}:
            text = "As expected: the alarm reports the records in quarantine (below)."
            self.console.print(Padding(text, (1, 0, 0, INDENT), expand=False))

    def account_for(self, deployment: "Deployment", summary: dict[str, Any]) -> None:
        """Check that every tweet sent is a row, a duplicate, or in quarantine, by reading the stream."""
        self._step("Account for every tweet", "the dashboard at dashboard_url shows the same counts")
        records = list(read_records(self.aws, deployment.outputs["stream_name"]))
        distinct = {(record["username"], record["id"]) for record in records}
        rows = read_keys(self.aws, deployment.outputs["table_name"])
        objects = list_quarantined(self.aws, deployment.outputs["quarantine_bucket"])
        duplicates = len(records) - len(distinct)
        self.console.print(
            f"  sent {summary['sent']:,} = {len(rows):,} rows + {duplicates:,} duplicates"
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
                self.console.print(f"  {what:22} [green]denied[/]  {action}")
            else:
                raise DemoError(f"the producer's key could {what}")

    def show_quarantine(self, deployment: "Deployment") -> None:
        """Show what could not be stored, with its payload and the reason."""
        self._step("Show what could not be stored", f"python -m ops quarantine list --stack {STACK}")
        self._show(self._run("quarantine", "list"))
        objects = list_quarantined(self.aws, deployment.outputs["quarantine_bucket"])
        if objects:
            self.console.print()
            self._show(self._run("quarantine", "show", objects[0]))

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
        self._show(self._run(*command, "--checkpoint", str(self.aws.directory / "replay.json")))
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

    def _step(self, title: str, on_aws: str) -> None:
        announce(self.console, title, on_aws)

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run an operator's command."""
        options = ["--outputs", str(self.session.outputs_file), "--endpoint", self.aws.endpoint]
        return subprocess.run(
            [sys.executable, "-m", "ops", *arguments, *options],
            cwd=PROJECT,
            env=os.environ | {"COLUMNS": str(self.console.width - INDENT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def _show(self, result: "subprocess.CompletedProcess[str]", expected: tuple[int, ...] = (0,)) -> None:
        """Show what an operator's command wrote."""
        print_lines(self.console, result.stderr + result.stdout)
        if result.returncode not in expected:
            raise DemoError(f"python {' '.join(result.args[1:4])} ended with {result.returncode}")


def _summary(exit_code: int, log: Path) -> dict[str, Any]:
    """Return the summary, the last line of the producer's log."""
    lines = log.read_text().splitlines()
    if exit_code or not lines:
        raise DemoError(f"the producer ended with {exit_code}: {chr(10).join(lines[-5:])}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary
