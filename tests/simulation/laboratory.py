"""Runs worlds in this process: with the real function, on a virtual clock, and with limits scaled down."""

import importlib
import io
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3

from tests.simulation import parts, scheduler
from tests.simulation.aws import BUCKET, TABLE
from tests.simulation.history import Event, Setup
from tests.simulation.world import World

_SIMULATED = ("handler.", "producer.", "local.mapping.", "ops.quarantine.")
_LIMITS: dict[str, Any] = {
    "producer.spool.SEGMENT_BYTES": 2_000,
    "producer.spool._GROUP_BYTES": 400,
    "producer.publisher.MAX_CALL_RECORDS": parts.MAX_CALL_RECORDS,
    "producer.publisher.MAX_HELD_RECORDS": parts.MAX_HELD_RECORDS,
    "local.mapping.shard.READ_INTERVAL": 0.5,
    "local.mapping.poller._MAPPINGS_INTERVAL": 1.0,
}

_world: World | None = None


@contextmanager
def laboratory() -> Iterator[None]:
    """Import the function as Lambda would, and replace what waits, until the end."""
    with ExitStack() as patches:
        environment = {"TABLE_NAME": TABLE, "QUARANTINE_BUCKET": BUCKET}
        patches.enter_context(mock.patch.dict("os.environ", environment))
        patches.enter_context(mock.patch.object(boto3, "client", _Client))
        patches.enter_context(_fresh("handler.app"))
        for target, limit in _LIMITS.items():
            patches.enter_context(mock.patch(target, limit))
        modules = [module for name, module in sys.modules.items() if name.startswith(_SIMULATED)]
        patches.enter_context(scheduler.stand_ins(modules))
        patches.enter_context(mock.patch("uuid.uuid4", _seeded_uuid))
        yield


def live(seed: int, setup: Setup, events: Sequence[Event]) -> World:
    """Run a world to its end.

    Raises:
        StuckError: it has none.
    """
    global _world
    with scheduler.simulation(seed) as simulated, redirect_stdout(io.StringIO()):
        _world = world = World(setup)
        simulated.run(lambda: world.live(events))
        world.errors = [f"{process}: {error!r}" for process, error in simulated.errors]
        return world


class _Client:
    """A boto3 client that the function makes when it is imported: calls the service of the world that runs."""

    def __init__(self, service: str, **_: object) -> None:
        self._service = {"dynamodb": "table", "s3": "bucket"}[service]
        self.meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_: None))

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(_world, self._service), name)


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
