"""The commands of ``python -m local``."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rich.console import Console

from local.aws.faults import Fault
from local.aws.local_aws import LocalAws
from local.aws.server import DEFAULT_PORT
from local.background import start, stop
from local.demo.demo import demo
from local.errors import LocalAwsError, LocalError
from local.events import events
from local.job import env, job
from local.x.server import XServer

if TYPE_CHECKING:
    from local.session import Session

X_PORT = 8080


class _FaultRule(click.ParamType[Fault]):
    name = "rule"

    def convert(self, value: str | Fault, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        if isinstance(value, Fault):
            return value
        try:
            return Fault.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(
    epilog="Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 130 interrupted by Ctrl-C."
)
def main() -> None:
    """AWS and X on this machine: no account, no Docker, loopback only."""
    # Warnings of the mapping would run through the displays: what it cannot do shows there.
    logging.basicConfig(level=logging.ERROR, format="%(message)s")


@main.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port of AWS; 0 takes any free one.  [default: {DEFAULT_PORT}, or the next free one]",
)
@click.option(
    "--x-port",
    type=click.IntRange(0, 65535),
    help=f"Port of X; 0 takes any free one.  [default: {X_PORT}, or any free one]",
)
@click.option(
    "--rate", type=click.IntRange(1), default=50, show_default=True, help="Posts per second that X sends."
)
@click.option(
    "--fault",
    "faults",
    type=_FaultRule(),
    multiple=True,
    help="Let an operation fail, for instance 'kinesis:PutRecords entries=0.1 delay=0.05'. "
    "Faults: entries, throttle, error, reset, lost (rates from 0 to 1), delay (seconds). May be repeated.",
)
@click.option("--deploy", is_flag=True, help="Deploy the dev stack, without a Pulumi CLI.")
def up(port: int | None, x_port: int | None, rate: int, faults: tuple[Fault, ...], deploy: bool) -> None:
    """Run AWS and X until Ctrl-C, and show their activity. State is in memory and ends with the command."""
    console = Console(highlight=False)
    session: Session | None = None
    try:
        with LocalAws.start(port, faults=faults) as aws, _x(x_port, rate) as x_url:
            # Imported once the server is up: it imports boto3, which loads while the server starts.
            from local.display import Display, instructions
            from local.session import deploy_session

            if deploy:
                with console.status("Deploying the dev stack ..."):
                    session = deploy_session(aws, x_url)
            console.print(instructions(aws, x_url, session), soft_wrap=True)
            Display(aws, console).run()
    except KeyboardInterrupt:
        console.print("Stopped; its state is lost.")
    except LocalError as error:
        console.print(f"Error: {error}", markup=False, style="red")
        sys.exit(1)
    finally:
        if session:
            session.remove()
            if session.spool.exists():
                console.print(f"The producer's spool stays in {session.spool}", markup=False, soft_wrap=True)


@contextlib.contextmanager
def _x(port: int | None, rate: int) -> Iterator[str]:
    try:
        server = XServer(port=X_PORT if port is None else port, rate=rate)
    except OSError as error:
        if port is not None:
            raise LocalAwsError(f"port {port} is in use, choose another: {error}") from None
        server = XServer(rate=rate)
    with server:
        yield server.url


for command in (demo, events, start, stop, env, job):
    main.add_command(command)
