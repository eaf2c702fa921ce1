"""Runs worlds in this process: with the real function, on a virtual clock, and with limits scaled down."""

import importlib
import io
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

from handler.retries import CONCURRENCY
from ops.terminal.interrupt import DaemonPool
from tests.simulation import network, parts, scheduler
from tests.simulation.aws import BUCKET, TABLE
from tests.simulation.history import Event, Setup
from tests.simulation.world import World

_SIMULATED = (
    "handler.",
    "producer.",
    "event.",
    "local.aws.mapping.",
    "ops.quarantine.",
    "ops.replay.",
    "ops.aws.rate_limiter",
)
_LIMITS: dict[str, Any] = {
    "producer.spooling.spool.SEGMENT_BYTES": 2_000,
    "producer.spooling.spool._GROUP_BYTES": 400,
    "producer.publish.publisher.MAX_PUT_RECORDS": parts.MAX_PUT_RECORDS,
    "producer.publish.publisher.MAX_HELD_RECORDS": parts.MAX_HELD_RECORDS,
    "local.aws.mapping.shard.READ_INTERVAL": 0.5,
    "local.aws.mapping.poller._MAPPINGS_INTERVAL": 1.0,
}
_ENVIRONMENT = {
    "EVENT_TYPE": "tweet",
    "TABLE_NAME": TABLE,
    "QUARANTINE_BUCKET": BUCKET,
    "AWS_ENDPOINT_URL_DYNAMODB": network.ENDPOINT,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "no_proxy": "*",
}

_world: World | None = None


@contextmanager
def laboratory() -> Iterator[None]:
    """Import the function as Lambda would, and replace everything that waits, until the end."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.dict("os.environ", _ENVIRONMENT))
        connect = scheduler.in_simulation(_connect, socket.create_connection)
        patches.enter_context(mock.patch.object(socket, "create_connection", connect))
        patches.enter_context(mock.patch("handler.quarantine.QuarantineBucket._put", _put))
        patches.enter_context(_fresh("handler.app"))
        for target, limit in _LIMITS.items():
            patches.enter_context(mock.patch(target, limit))
        modules = [module for name, module in sys.modules.items() if name.startswith(_SIMULATED)]
        patches.enter_context(scheduler.stand_ins(modules))
        executor = scheduler.in_simulation(scheduler.Executor, DaemonPool)
        for user in ("quarantine.redrive", "replay.replayer"):
            patches.enter_context(mock.patch(f"ops.{user}.DaemonPool", executor))
        for pool in ("_table_calls", "_bucket_calls"):
            patches.enter_context(mock.patch(f"handler.app.{pool}", _EnvironmentExecutor()))
        patches.enter_context(mock.patch("uuid.uuid4", scheduler.in_simulation(_seeded_uuid, uuid.uuid4)))
        yield


def live(seed: int, setup: Setup, events: Sequence[Event]) -> World:
    """Run a world to its end, with the function of its type of events.

    Raises:
        StuckError: it has none.
    """
    global _world
    app: Any = sys.modules["handler.app"]
    world = World(setup)
    with (
        mock.patch.object(app, "_event", world.events.schema),
        mock.patch.object(app._table, "_event", world.events.schema),
        scheduler.simulation(seed) as simulated,
        redirect_stdout(io.StringIO()),
    ):
        _world = world
        simulated.run(lambda: world.live(events))
        world.errors = [f"{process}: {error!r}" for process, error in simulated.errors]
        return world


def _connect(*_: object) -> network.Socket:
    assert _world
    return network.Socket(_world.table)


def _put(_: object, key: str, body: bytes, _deadline: float) -> None:
    """Put an object into the bucket of the world that runs, in place of the function's call of S3."""
    assert _world
    _world.bucket.put_object(Bucket=BUCKET, Key=key, Body=body)


class _EnvironmentExecutor:
    """A thread pool of an execution environment, which here is the process of an invocation."""

    def submit(self, call: Callable[..., Any], *arguments: Any) -> scheduler.Future:
        pools = _pools.setdefault(scheduler.current().process, {})
        return pools.setdefault(id(self), scheduler.Executor(CONCURRENCY)).submit(call, *arguments)


_pools: "WeakKeyDictionary[scheduler.Process, dict[int, scheduler.Executor]]" = WeakKeyDictionary()


@contextmanager
def _fresh(name: str) -> Iterator[None]:
    """Import a module anew, for the extent of a block."""
    before = sys.modules.pop(name, None)
    importlib.import_module(name)
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


def _seeded_uuid() -> uuid.UUID:
    return uuid.UUID(int=scheduler.current().chance.getrandbits(128))
