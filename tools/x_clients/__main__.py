"""Compares clients of X's filtered stream: `python -m tools.x_clients`, or `make x-clients`.

X's own SDK, tweepy, twarc and this project's producer each read from the same X on loopback, which does what X does
on a bad day. Prints a table of Markdown, in four minutes.
"""

import json
import os
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import click

from stack.project import PROJECT
from tools.install import InstallError, install
from tools.x_clients.catalog import CLIENTS, Client
from tools.x_clients.scenarios import SCENARIOS, Observed, Scenario
from tools.x_clients.stub import Stub

_START_SECONDS = 60
_STOP_SECONDS = 15
_TICK_SECONDS = 0.05


@click.command()
def main() -> None:
    """Run every client against everything that X does, and print what became of it."""
    try:
        install(client.installation for client in CLIENTS if client.installation)
    except InstallError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"| | {' | '.join(client.title for client in CLIENTS)} |")
    click.echo("|---" * (len(CLIENTS) + 1) + "|")
    for scenario in SCENARIOS:
        with ThreadPoolExecutor(1 if scenario.alone else len(CLIENTS)) as pool:
            cells = pool.map(lambda client: scenario.judge(observe(client, scenario)), CLIENTS)  # noqa: B023
            click.echo(f"| {scenario.title} | {' | '.join(cells)} |")


def observe(client: Client, scenario: Scenario) -> Observed:
    """Run a client against a scenario.

    Raises:
        click.ClickException: it never connected.
    """
    observed = Observed()
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "log").open("w+") as log,
        Stub(*scenario.script) as stub,
    ):
        config = Path(folder) / "config.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps({"bearer_token": "any", "x_endpoint": stub.url}))
        process = subprocess.Popen(
            [part.format(url=stub.url, config=config) for part in client.command],
            cwd=PROJECT,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout
        reader = threading.Thread(target=_read, args=(process.stdout, stub, observed))
        reader.start()
        try:
            _watch(process, stub, scenario, observed)
        finally:
            _stop(process)
            reader.join()
        log.seek(0)
        observed.log = log.read()
        if not stub.connections:
            raise click.ClickException(f"{client.title} has not connected:\n{observed.log}")
    return observed


def _watch(process: "subprocess.Popen[str]", stub: Stub, scenario: Scenario, observed: Observed) -> None:
    """Watch a client for the time of the scenario, or until it has ended or all is decided."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None and not scenario.is_decided(observed):
        if stub.connections:
            first = stub.connections[0]
            deadline = first + scenario.seconds
            observed.connections = [at - first for at in stub.connections if at <= deadline]
        time.sleep(_TICK_SECONDS)


def _read(output: IO[str], stub: Stub, observed: Observed) -> None:
    for line in output:
        observed.items.append((time.monotonic() - stub.connections[0], json.loads(line)))


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
