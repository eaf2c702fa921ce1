"""A world's history: a list of events, drawn from a seed, any of which can be left out."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tests.simulation.aws import WIRE_FAULTS
from tests.simulation.events import EVENT_TYPES, PARTITIONS

HORIZON = 60.0
"""Seconds until the last event; then every fault ends, and the world comes to rest."""


@dataclass(frozen=True)
class Arrival:
    """The source has an event; a later version of the same number replaces the earlier one."""

    at: float
    partition: str
    number: int
    version: int
    padding: int = 0


@dataclass(frozen=True)
class Deletion:
    """The source deletes an event, after its last version."""

    at: float
    partition: str
    number: int


@dataclass(frozen=True)
class Foreign:
    """Another producer puts a record on the stream that can never be stored."""

    at: float
    token: str


@dataclass(frozen=True)
class AwsFault:
    """The next calls of a service fail; `key` is the name of a partition key, the rest as in `aws.Fault`."""

    at: float
    service: Literal["kinesis", "table", "bucket", "function"]
    kind: str
    calls: int
    share: float = 0.0
    key: str | None = None


Damage = Literal["cursor", "segment", "cut", "copy"]
Part = Literal["producer on the network", "producer at the disk", "function", "mapping", "operator", "replay"]


@dataclass(frozen=True)
class Crash:
    """A part is killed in one of its next calls, or operations on the disk, and started again.

    Attributes:
        after: how many more calls or operations it survives.
        share: of the last write to the disk that is still done.
        damage: what happens to the spool before the restart: `cursor` or `segment` is damaged, a segment is `cut`, or
            a `copy` of one appears beside it.
    """

    at: float
    part: Part
    after: int
    share: float = 0.0
    restart: float = 1.0
    damage: Damage | None = None


@dataclass(frozen=True)
class FullDisk:
    """From now on the producer's disk has only so much room, and all that is free is what the spool frees."""

    at: float
    room: int


@dataclass(frozen=True)
class Reshard:
    """The stream's shard is split, or two are merged."""

    at: float


@dataclass(frozen=True)
class MappingChange:
    """The mapping is disabled, enabled, or gets another parallelization factor."""

    at: float
    enabled: bool = True
    lanes: int = 1


@dataclass(frozen=True)
class Redrive:
    """An operator redrives the quarantine."""

    at: float


@dataclass(frozen=True)
class Replay:
    """An operator replays the stream, or resumes the replay that did not end."""

    at: float


@dataclass(frozen=True)
class Expiry:
    """The oldest closed shard expires."""

    at: float


Event = (
    Arrival
    | Deletion
    | Foreign
    | AwsFault
    | Crash
    | FullDisk
    | Reshard
    | MappingChange
    | Redrive
    | Replay
    | Expiry
)


@dataclass(frozen=True)
class Setup:
    """The settings of a world; if `filtered`, the mapping has the filters of `Events`."""

    spool_limit: int
    batch_size: int
    batching_window: int
    bisect: bool
    maximum_retries: int
    maximum_age: int
    event_type: str = "tweet"
    filtered: bool = False


def draw(seed: int) -> tuple[Setup, list[Event]]:
    """Draw a world from a seed."""
    chance = random.Random(seed)
    setup = Setup(
        spool_limit=chance.choice((6_000, 16_000, 64_000)),
        batch_size=chance.choice((5, 10, 50)),
        batching_window=chance.choice((0, 1)),
        bisect=chance.random() < 0.5,
        maximum_retries=chance.choice((1, 2, 1_000)),
        maximum_age=chance.choice((60, 90)),
    )
    events: list[Event] = list(_arrivals(chance))
    for trouble in chance.sample(_TROUBLES, chance.randint(2, 6)):
        events += trouble(chance)
    # Drawn last: the rest of a world is as it would be without.
    if chance.random() < 0.25:
        events += _replays(chance)
    setup = replace(setup, event_type=chance.choice(EVENT_TYPES))
    if chance.random() < 0.5:
        events += _deletions(chance, [event for event in events if isinstance(event, Arrival)])
    setup = replace(setup, filtered=chance.random() < 0.25)
    return setup, sorted(events, key=lambda event: event.at)


def _arrivals(chance: random.Random) -> Iterator[Event]:
    """Bursts and single events; one in three is a new version of an earlier one."""
    versions: dict[tuple[str, int], int] = {}
    partitions = PARTITIONS[: chance.randint(1, len(PARTITIONS))]
    at = 0.0
    for number in range(chance.randint(20, 80)):
        if chance.random() < 0.2:
            at += chance.uniform(0, HORIZON / 16)
        if versions and chance.random() < 0.4:
            key = chance.choice(list(versions)[-4:])
        else:
            key = chance.choice(partitions), number
        versions[key] = versions.get(key, 0) + 1
        yield Arrival(min(at, HORIZON - 1), *key, versions[key], chance.choice((0, 0, 0, 300)))


def _deletions(chance: random.Random, arrivals: list[Arrival]) -> Iterator[Event]:
    """Of some events, at once or a little later than their last version."""
    last = {(arrival.partition, arrival.number): arrival.at for arrival in arrivals}
    for key, at in last.items():
        if chance.random() < 0.3:
            yield Deletion(min(at + chance.choice((0.0, 0.01, 1.0)), HORIZON - 1), *key)


def _when(chance: random.Random) -> float:
    return round(chance.uniform(0, HORIZON - 5), 3)


def _early(chance: random.Random) -> float:
    """While most events are still to come."""
    return round(chance.uniform(0, HORIZON / 2), 3)


def _stream_faults(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 6)):
        kind = chance.choice(("throttled", "error", "reset", "ghost", "lost", "slow"))
        yield AwsFault(_early(chance), "kinesis", kind, chance.choice((1, 2, 10)), chance.choice((0.1, 0.5)))


def _throttled_entries(chance: random.Random) -> Iterator[Event]:
    """Some entries of some calls, or all of one partition key."""
    for _ in range(chance.randint(1, 4)):
        key = chance.choice((None, None, *PARTITIONS[:2]))
        share = 1.0 if key else chance.choice((0.1, 0.4, 0.9))
        yield AwsFault(_early(chance), "kinesis", "partial", chance.choice((3, 10, 100)), share, key)


def _table_faults(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice(("throttled", "error", "reset", "ResourceNotFoundException", "ghost"))
        yield AwsFault(_early(chance), "table", kind, chance.choice((1, 20, 200, 1_000)))


def _wire_faults(chance: random.Random) -> Iterator[Event]:
    """Connections to the table bring more than answers, or bring them slowly, between calls that leave items out."""
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice((*WIRE_FAULTS, "slow"))
        at = _early(chance)
        yield AwsFault(at, "table", kind, chance.choice((1, 5, 50)), 4.0)
        yield AwsFault(at, "table", "partial", chance.choice((5, 50)), 0.5)


def _unprocessed_items(chance: random.Random) -> Iterator[Event]:
    """Some items of some calls, or all of one partition key."""
    for _ in range(chance.randint(1, 4)):
        key = chance.choice((None, None, *PARTITIONS[:2]))
        share = 1.0 if key else chance.choice((0.3, 0.9))
        yield AwsFault(_early(chance), "table", "partial", chance.choice((5, 50, 300)), share, key)


def _bucket_faults(chance: random.Random) -> Iterator[Event]:
    yield from _foreign(chance)
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(("AccessDenied", "error", "reset", "ghost", "SlowDown", "slow"))
        yield AwsFault(_when(chance), "bucket", kind, chance.choice((1, 5, 30)), 12.0)


def _function_faults(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 4)):
        kind = chance.choice(("TooManyRequestsException", "error", "lost", "slow"))
        yield AwsFault(_when(chance), "function", kind, chance.choice((1, 5)), chance.choice((1.0, 8.0)))


def _crashes(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 4)):
        part: Part = chance.choice(("producer on the network", "producer at the disk", "function", "mapping"))
        yield Crash(_when(chance), part, chance.randrange(8), chance.random(), chance.choice((0.1, 5.0)))


def _damage(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 4)):
        part: Part = chance.choice(("producer on the network", "producer at the disk"))
        damage: Damage = chance.choice(("cursor", "segment", "cut", "copy"))
        yield Crash(_when(chance), part, chance.randrange(4), chance.random(), 0.1, damage)


def _full_disk(chance: random.Random) -> Iterator[Event]:
    """The disk fills up while the stream takes nothing."""
    at = _early(chance)
    yield FullDisk(at, chance.choice((700, 1_500, 4_000)))
    yield AwsFault(at, "kinesis", "error", chance.choice((5, 20)))


def _foreign(chance: random.Random) -> Iterator[Event]:
    for number in range(chance.randint(1, 10)):
        yield Foreign(_when(chance), f"foreign {number}")


def _reshards(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 3)):
        yield Reshard(_early(chance))


def _mapping_changes(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(1, 3)):
        yield MappingChange(_when(chance), chance.random() < 0.5, chance.choice((1, 2, 5)))


def _redrives(chance: random.Random) -> Iterator[Event]:
    """One operator, or two at nearly the same time."""
    for number in range(chance.randint(1, 10)):
        yield Foreign(_when(chance) / 2, f"poison {number}")
    for _ in range(chance.randint(1, 3)):
        at = _when(chance) / 2 + HORIZON / 2
        yield Redrive(at)
        if chance.random() < 0.7:
            yield Redrive(at + chance.choice((0.0, 0.02, 0.1)))
        if chance.random() < 0.3:
            yield Crash(at, "operator", chance.randrange(12))


def _replays(chance: random.Random) -> Iterator[Event]:
    """A replay with its troubles, expired shards, a missing table, a crash, and its resumption."""
    for _ in range(chance.randint(1, 3)):
        yield Reshard(_early(chance))
    for _ in range(chance.randint(1, 3)):
        at = round(chance.uniform(HORIZON / 4, HORIZON - 15), 3)
        yield Replay(at)
        if chance.random() < 0.5:
            yield Expiry(at + chance.choice((0.1, 0.5, 2.0)))
        if chance.random() < 0.5:
            yield AwsFault(at, "table", "ResourceNotFoundException", chance.choice((5, 50, 200)))
        if chance.random() < 0.5:
            yield Crash(at, "replay", chance.randrange(8))
        yield Replay(at + chance.uniform(1, 10))


_TROUBLES: tuple[Callable[[random.Random], Iterator[Event]], ...] = (
    _stream_faults,
    _throttled_entries,
    _table_faults,
    _wire_faults,
    _unprocessed_items,
    _bucket_faults,
    _function_faults,
    _crashes,
    _damage,
    _full_disk,
    _foreign,
    _reshards,
    _mapping_changes,
    _redrives,
)
