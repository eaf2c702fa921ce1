"""`make demo`: the whole path on this machine, each step with the command that does it on AWS.

The program, the producer, the function and the operator's commands are the real ones; AWS and X are doubles
on loopback. The exit code is 1 if a check fails.
"""

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from event.types import DEFAULT_EVENT_TYPE, load
from local.aws.local_aws import LocalAws
from local.demo.demonstration import Demonstration
from local.demo.load import EVENTS, POISONOUS, RATE, choose_load
from local.demo.output import announce
from local.errors import DemoError, LocalError, ProviderConfigError
from local.events import EventType
from local.session import configured_event_type
from local.x.server import XServer
from stack.interrupts import uninterrupted
from stack.project import PROJECT


@click.command()
@click.option(
    "--event",
    "event_type",
    type=EventType(),
    help="What the stream carries, a module of event/types.  [default: the dev stack's eventType]",
)
@click.option(
    "--source",
    type=click.Choice(["x", "file"]),
    help="Where it comes from.  [default: x for tweets; other events are made from the samples of their type]",
)
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of events.",
)
@click.option("--keep", is_flag=True, help="Keep everything running at the end, until Ctrl-C.")
def demo(event_type: str | None, source: str | None, path: Path | None, keep: bool) -> None:
    """Show the whole path of an event on this machine, from deploying to destroying.

    Example: python -m local demo --event order
    """
    try:
        event_type = event_type or configured_event_type()
    except ProviderConfigError as error:
        raise click.ClickException(str(error)) from error
    if (source == "file") != (path is not None):
        raise click.UsageError("--source file needs --file PATH, and --file needs --source file")
    if source == "x" and event_type != DEFAULT_EVENT_TYPE:
        plural = load(event_type).plural
        raise click.UsageError(
            f"X brings tweets only: leave out --source x, and made-up {plural} are streamed"
        )
    console = Console(highlight=False)
    try:
        run_demo(console, path, event_type=event_type, keep=keep)
    except LocalError as error:
        title = "Check failed" if isinstance(error, DemoError) else "Error"
        console.print(f"[bold red]{title}:[/] {escape(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted; everything that was started has stopped.")
        sys.exit(130)


def run_demo(
    console: Console, path: Path | None = None, *, event_type: str = DEFAULT_EVENT_TYPE, keep: bool = False
) -> None:
    """Run the demo on a console, with the events of a file or with made-up ones.

    Raises:
        DemoError: a check failed.
        LocalError: local AWS cannot run, or the stack cannot be deployed.
    """
    started = time.monotonic()
    with _prepared(console, path, event_type) as demonstration:
        demonstration.run(keep=keep)
    seconds = time.monotonic() - started - demonstration.waited
    console.print(f"\n[bold green]All checks passed[/] in {seconds:.0f} seconds.")


@contextmanager
def _prepared(console: Console, path: Path | None, event_type: str) -> Iterator[Demonstration]:
    """Run local AWS, and local X if it is to bring tweets, until the block ends."""
    with_x = event_type == DEFAULT_EVENT_TYPE
    with ExitStack() as stack:
        what = "AWS and X" if with_x else "AWS"
        announce(console, f"Start {what} on this machine, in memory, on loopback", "nothing to do")
        x = None
        with uninterrupted():
            # Importing the program takes as long as starting the server.
            importing = threading.Thread(target=_import_program)
            importing.start()
            aws = stack.enter_context(LocalAws.start())
            if with_x:
                x = stack.enter_context(XServer(count=EVENTS, rate=RATE, poisonous=POISONOUS))
            importing.join()
        console.print(f"  AWS answers at {aws.endpoint}" + (f", X at {x.url}" if x else ""))
        yield Demonstration(console, aws, x, event_type, choose_load(event_type, path))


def _import_program() -> None:
    """Import the deployment, everything that the program imports, and `watch`."""
    modules = sorted((PROJECT / "infra").glob("[!_]*.py"))
    for name in ("local.pulumi.deploy", "ops.health.watch", *(f"infra.{module.stem}" for module in modules)):
        importlib.import_module(name)
