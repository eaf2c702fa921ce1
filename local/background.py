"""Starts local AWS in the background, and stops it.

The process is `python -m local up`, with its log and its process id in `.pulumi/`. It holds a lock on the
file of its id for as long as it lives: an id that is not locked belongs to some other process.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.request

import click

from local.aws.server import DEFAULT_PORT
from stack.interrupts import uninterrupted
from stack.project import PROJECT

LOG = PROJECT / ".pulumi" / "local.log"
PID = PROJECT / ".pulumi" / "local.pid"
_TIMEOUT_SECONDS = 120
_TICK_SECONDS = 0.1


@click.command()
def start() -> None:
    """Run `up` in the background on port 4566, as Pulumi.local.yaml has it; `stop` ends it."""
    if _running():
        click.echo("Local AWS is already running.")
        return
    if _answers():
        raise click.ClickException(
            f"port {DEFAULT_PORT} is in use, perhaps by `python -m local up` in another terminal: stop that, or use "
            "another port, as `python -m local up --port 0` says when it has started"
        )
    LOG.parent.mkdir(exist_ok=True)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    with uninterrupted() as interrupts:
        process = _run_up()
        while not (ready := _answers()):
            if interrupts or process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                break
            time.sleep(_TICK_SECONDS)
    if not ready:
        raise click.ClickException(f"local AWS did not start:\n{LOG.read_text()}")
    click.echo(
        f"Local AWS answers at http://127.0.0.1:{DEFAULT_PORT}, its log is {LOG.relative_to(PROJECT)}."
    )


@click.command()
def stop() -> None:
    """Stop the process that `start` started; its state is lost."""
    running = _running()
    if not running:
        click.echo("Local AWS is not running.")
        return
    os.kill(running, signal.SIGTERM)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while _running():
        if time.monotonic() > deadline:
            raise click.ClickException(f"process {running} does not stop: kill -9 {running}")
        time.sleep(_TICK_SECONDS)
    PID.unlink()
    click.echo("Local AWS has stopped.")


def _run_up() -> "subprocess.Popen[bytes]":
    with LOG.open("wb") as log, PID.open("w") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--port", str(DEFAULT_PORT)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[locked.fileno()],
        )
        locked.write(str(process.pid))
    return process


def _running() -> int | None:
    """Return the id of the process that `start` started, if it is running."""
    if not PID.exists():
        return None
    with PID.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
    return None


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{DEFAULT_PORT}/_ministack/health", timeout=10):
            return True
    except OSError:
        return False
