"""The steps of the demo."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.padding import Padding

from event import types as event_types
from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.demo.contents import find_partition, identify, list_quarantined, read_keys, read_payloads
from local.demo.load import Load
from local.demo.output import INDENT, announce, indent, live_display, print_lines
from local.demo.replay import check_same_rows, empty_table, read_rows
from local.demo.tree import ResourceTree
from local.errors import DemoError
from local.session import STACK, Session, kept_folder, read_config
from local.x.server import XServer
from stack.interrupts import uninterrupted
from stack.project import PROJECT, full_key

if TYPE_CHECKING:
    from local.pulumi.deploy import Deployment
    from ops.aws.stack import Stack

_STALL_SECONDS = 120
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.5
_METRICS_SECONDS = 3
_SHOWN_REJECTIONS = 5
"""For the start of the command, which counts back from the time that it has by then."""


class Demonstration:
    """The steps after the start; each raises DemoError if its check fails."""

    def __init__(
        self, console: Console, aws: LocalAws, x: XServer | None, event_type: str, load: Load
    ) -> None:
        self.console = console
        self.aws = aws
        self.x = x
        self.event_type = event_type
        self.event = event_types.load(event_type)
        self.load = load
        self.session: Session
        self.stack: Stack
        self.waited = 0.0
        """Seconds of `wait`."""

    def run(self, *, keep: bool) -> None:
        deployment = self.deploy()
        try:
            self.configure(deployment)
            summary = self.stream(deployment)
            self.explore()
            self.show_health()
            self.account_for(deployment, summary)
            self.show_least_privilege(deployment)
            self.show_quarantine(deployment)
            self.show_replay(deployment)
            if keep:
                self.wait(deployment)
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
        config = {**read_config(), full_key("eventType"): self.event_type}
        with live_display(self.console, tree, refresh_per_second=10):
            return deploy(STACK, PROJECT, config, self.aws.endpoint, on_event=tree.show)

    def configure(self, deployment: "Deployment") -> None:
        """Write the stack's outputs and the X half to the producer's configuration."""
        self._step(
            "Configure the producer from the stack outputs",
            "pulumi stack output --json --show-secrets > producer/config.json",
        )
        self.session = Session(self.aws, self.x.url if self.x else None, deployment)
        from ops.aws.stack import Stack

        self.stack = Stack({}, lambda: self.session.outputs, self.aws.endpoint)
        for name, value in sorted(self.session.outputs.items()):
            self.console.print(f"  {name:18} {value}", soft_wrap=True, markup=False)

    def stream(self, deployment: "Deployment") -> dict[str, Any]:
        """Run the producer until the function has handled its events; return its summary."""
        load = self.load
        self._step(
            f"Stream {load.count:,} {self.event.plural}: producer, stream, function, table", load.command
        )
        if load.notice:
            self.console.print(textwrap.indent(load.notice, "  ") + "\n")
        for payload in load.planted:
            self.aws.client("kinesis").put_record(
                StreamName=deployment.outputs["stream_name"], Data=payload, PartitionKey="another program"
            )
        log = self.aws.directory / "producer.log"
        with log.open("wb") as stderr, load.standard_input(self.aws.directory) as stdin:
            producer = subprocess.Popen(
                [sys.executable, "-m", "producer", "--config", str(self.session.config), *load.arguments],
                cwd=PROJECT,
                stdin=stdin,
                stderr=stderr,
                process_group=self.aws.pid,  # ends with local AWS, however this process ends
            )
        try:
            summary = self._watch(producer, log)
        finally:
            if producer.poll() is None:
                producer.terminate()
                producer.wait()
        text = summary["text"].partition("; spent")[0]  # the local X charges nothing
        self.console.print(indent(f"producer: {text}"))
        self._show_rejections(log)
        return summary

    def _show_rejections(self, log: Path) -> None:
        messages = [json.loads(line)["message"] for line in log.read_text().splitlines()]
        reasons = [message for message in messages if message.startswith("Rejected line ")]
        for reason in reasons[:_SHOWN_REJECTIONS]:
            self.console.print(indent(reason))
        if len(reasons) > _SHOWN_REJECTIONS:
            self.console.print(indent(f"... and {len(reasons) - _SHOWN_REJECTIONS:,} more"))

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
            while summary is None or delivered < summary["sent"] + len(self.load.planted):
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
        partition = find_partition(self.aws, self.session.outputs["table_name"], self.event)
        if partition is None:
            raise DemoError("the table is empty")
        with ThreadPoolExecutor() as pool:
            newest = pool.submit(self._run, "explore", "--limit", "5")
            of_a_partition = pool.submit(self._run, "explore", "--key", partition, "--limit", "3")
            self._show(newest.result())
            self.console.print()
            self._show(of_a_partition.result())

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
        """Check that every event sent is a row, a duplicate, or in quarantine, by reading the stream."""
        noun, plural = self.event.noun, self.event.plural
        self._step(f"Account for every {noun}", "the dashboard at dashboard_url shows the same counts")
        payloads = list(read_payloads(self.aws, deployment.outputs["stream_name"]))
        distinct = {identify(payload, self.event) for payload in payloads}
        rows = read_keys(self.aws, deployment.outputs["table_name"], self.event)
        objects = list_quarantined(self.aws, deployment.outputs["quarantine_bucket"])
        duplicates = len(payloads) - len(distinct)
        planted = len(self.load.planted)
        self.console.print(
            f"  sent {summary['sent']:,}{f' + planted {planted:,}' if planted else ''} = {len(rows):,} rows"
            f" + {duplicates:,} duplicates + {len(objects):,} in quarantine"
        )
        if duplicates:
            self.console.print(
                "  (status counts duplicates in one batch; one in a later batch replaces its row)"
            )
        if len(payloads) - planted != summary["sent"]:
            raise DemoError(
                f"{summary['sent']:,} {plural} were acknowledged, but {len(payloads) - planted:,} are on the stream"
            )
        if summary["received"] != summary["sent"] + summary["spooled"] + summary["rejected"]:
            raise DemoError(f"the producer's summary does not add up: {summary['text']}")
        if self.load.invalid is not None and summary["rejected"] != self.load.invalid:
            raise DemoError(
                f"{self.load.invalid:,} {plural} are invalid, but the producer rejected {summary['rejected']:,}"
            )
        if not rows <= distinct or len(rows) + len(objects) != len(distinct):
            raise DemoError("the rows and the quarantine do not match what was sent")

    def show_least_privilege(self, deployment: "Deployment") -> None:
        """Check that the producer's key is denied everything else."""
        if "access_key" not in deployment.outputs:
            return
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
        self._step(
            "Lose the table's rows, and replay the stream",
            f"python -m ops replay --stack {STACK} --from 1h",
        )
        table = deployment.outputs["table_name"]
        before = read_rows(self.aws, table)
        empty_table(self.aws, table, self.event)
        self.console.print(f"  {len(before):,} rows deleted, {len(read_rows(self.aws, table)):,} left")
        checkpoint = str(self.aws.directory / "replay.json")
        self._show(self._run("replay", "--from", "1h", "--rate", "5000", "--yes", "--checkpoint", checkpoint))
        check_same_rows(before, read_rows(self.aws, table))
        self.console.print(f"  the same {len(before):,} rows are back")

    def wait(self, deployment: "Deployment") -> None:
        """Keep everything running until Ctrl-C."""
        self.console.print("\n[bold]Everything keeps running until Ctrl-C. In another terminal:[/]")
        if self.x:
            self.x.send_on()
        session = Session(self.aws, self.x.url if self.x else None, deployment, kept_folder(self.aws))
        for command in session.commands():
            self.console.print(f"  {command}", markup=False, soft_wrap=True)
        began = time.monotonic()
        try:
            with suppress(KeyboardInterrupt):
                while True:
                    self.aws.check()
                    time.sleep(_TICK_SECONDS)
        finally:
            self.waited = time.monotonic() - began
            session.remove()

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
        options = ["--outputs", str(self.session.outputs_file)]
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
        last = f": {chr(10).join(lines[-5:])}" if lines else ""
        raise DemoError(f"the producer ended with {exit_code}{last}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary
