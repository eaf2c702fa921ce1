"""Plans a stack for a load: settings, expected lag, and the AWS quotas that it passes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from event import types as event_types
from event.limits import SHARD_BYTES, SHARD_READ_BYTES, SHARD_RECORDS
from event.schema import Schema
from ops.planning.estimate import (
    INVOCATION_BYTES,
    ON_DEMAND_SHARDS,
    RECORD_ENVELOPE,
    Load,
    cpu_time_factor,
    estimate,
    resharding,
)
from ops.planning.quotas import LARGE_REGIONS, SHARD_QUOTA, SMALL_SHARD_QUOTA, Quota, quotas
from ops.terminal.display import count
from stack.contradictions import NEW_TABLE_WRITES
from stack.prices import Prices
from stack.settings import (
    MAX_BATCH_SIZE,
    MAX_PARALLELIZATION_FACTOR,
    MAX_SHARDS,
    MAX_TABLE_CAPACITY,
    Settings,
)

MAX_UTILIZATION = 0.8
"""Share of a shard's and of a lane's capacity that is planned for; the rest is for bursts and for catching up."""
PRODUCER_RATE = 10_000
"""Events per second that one producer puts (benchmarks/README.md, the slower runs)."""
OUTAGE_SECONDS = 3600
"""Length of the outage whose catch-up time is computed."""

MAX_SHARD_UPDATES = 10
"""Changes of the number of shards in 24 hours ("UpdateShardCount", Amazon Kinesis API reference)."""
_MEMORIES = (128, 256, 512, 1024, 1769)
_MAX_ITEM_BYTES = 400 * 1024
"""Limit of an item ("Constraints in Amazon DynamoDB")."""
_PARTITION_WRITES = 1000
"""Write units per second of one partition of a table ("Designing partition keys", Amazon DynamoDB guide)."""
_NEW_STREAM_MIB = 4
"""MiB per second that a new on-demand stream takes at once ("Quotas and limits", Kinesis guide)."""
_NEW_ACCOUNT_CONCURRENCY = 10
"""Concurrent executions that any account has ("Lambda quotas" names 1,000, and less for new accounts)."""
_ADVANTAGE_MIB = 10
"""MiB per second of an account's on-demand streams from which on-demand advantage costs less ("pricing")."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the plan; `setting` is the key that sets it, if one does."""

    name: str
    value: str
    formula: Annotated[str, "why so much"]
    setting: Annotated[str, "empty if none sets it"] = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on the plan, and a command for it if there is one."""

    text: str
    command: Annotated[str, "empty if there is none"] = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings for a load, and their consequences."""

    settings: Settings
    items: Sequence[Item]
    quotas: Sequence[Quota]
    changes: Sequence[tuple[str, object]]
    """Keys and values to set."""
    notes: Sequence[Note]


def make_plan(base: Settings, load: Load, prices: Prices, region: str) -> Plan:
    """Size a stack whose settings are `base` for a load; modes, window and retention stay as they are."""
    records = load.rate / (MAX_UTILIZATION * SHARD_RECORDS)
    size = load.rate * load.size / (MAX_UTILIZATION * SHARD_BYTES)
    needed = max(1, math.ceil(records), math.ceil(size))
    on_demand = base.stream.shards is None
    shards = max(ON_DEMAND_SHARDS, 2 * load.shards) if on_demand else max(needed, base.stream.shards or 1)
    lanes = _Lanes(base, load, prices, shards)
    function = replace(base.function, memory=lanes.memory)
    mapping = replace(base.mapping, batch_size=lanes.batch, parallelization_factor=lanes.factor)
    stream = base.stream if on_demand else replace(base.stream, shards=shards)
    units = load.rate * load.write_units
    table = base.table
    if table.max_writes and 0 < table.max_writes < units:
        table = replace(table, max_writes=min(math.ceil(units * 1.5), MAX_TABLE_CAPACITY))
    if not table.capacity and NEW_TABLE_WRITES < units <= MAX_TABLE_CAPACITY:
        table = replace(table, warm_writes=max(table.warm_writes or 0, math.ceil(units)))
    if stream.warm_mib:
        stream = replace(
            stream, warm_mib=max(stream.warm_mib, math.ceil(load.rate * load.size / SHARD_BYTES))
        )
    if table.capacity:
        wanted = max(table.capacity.max_write, math.ceil(units * 100 / table.capacity.utilization))
        table = replace(table, capacity=replace(table.capacity, max_write=min(wanted, MAX_TABLE_CAPACITY)))
    settings = replace(base, stream=stream, function=function, mapping=mapping, table=table)

    event = event_types.load(base.event_type)
    rate, byte_rate = (
        f"{load.rate:,.9g} {event.plural}/s",
        f"{load.rate * load.size / SHARD_BYTES:,.1f} MiB/s",
    )
    capacity = shards * lanes.factor * lanes.batch / lanes.seconds(lanes.batch)
    capacity = min(capacity, shards * SHARD_READ_BYTES / load.size)
    spare = capacity - load.rate
    items = [
        Item("Stream mode", *_mode(settings, load, prices), "streamMode"),
        Item(
            "Shards",
            f"{shards:,}",
            f"AWS sets them: at least {ON_DEMAND_SHARDS}, twice the peak's {load.shards:,}"
            if on_demand
            else f"{rate} / {SHARD_RECORDS * MAX_UTILIZATION:,.0f}/s, or {byte_rate} / {MAX_UTILIZATION} MiB/s, "
            f"rounded up: {MAX_UTILIZATION:.0%} of a shard",
            "" if on_demand else "streamShards",
        ),
        Item(
            "Memory of the function",
            f"{lanes.memory:,} MB",
            f"the smallest with which one lane of a shard keeps up: {lanes.busy:.0%} busy",
            "functionMemory",
        ),
        Item(
            "Parallelization",
            f"{lanes.factor}",
            f"{load.rate / shards:,.3g}/s of a shard x {lanes.record_ms:.2f} ms each, in "
            f"{MAX_UTILIZATION:.0%} of a lane's time",
            "mappingParallelizationFactor",
        ),
        Item(
            "Batch",
            f"{lanes.batch:,}",
            f"what a lane gets in {lanes.window:g} s, {lanes.arrived:,.3g}; up to {lanes.fit:,} fit in 6 MB",
            "mappingBatchSize",
        ),
        Item(
            "Concurrent invocations",
            f"{shards * lanes.factor:,}",
            f"{count(shards, 'shard')} x {lanes.factor}",
        ),
        Item(
            "Write units of the table",
            f"{units:,.0f}/s",
            f"{rate} x {load.write_units} (each KB of one)",
            "tableMaxWriteCapacity" if table.capacity else "",
        ),
        Item(
            "Lag", f"{lanes.lag:.1f} s", f"{base.mapping.batching_window} s window + {lanes.time_formula()}"
        ),
        Item(
            "Catch-up",
            f"{_duration(OUTAGE_SECONDS * load.rate / spare)}",
            f"of an outage of 1 h: {load.rate * OUTAGE_SECONDS:,.0f} {event.plural} / "
            f"({capacity:,.0f}/s - {load.rate:,.9g}/s)",
        ),
        Item(
            "Producers",
            f"{math.ceil(load.rate / PRODUCER_RATE):,}",
            f"{rate} / {PRODUCER_RATE:,}/s of one process on one core",
        ),
    ]
    return Plan(
        settings,
        items,
        list(quotas(settings, shards * lanes.factor, units, load, region)),
        list(_changes(base, settings)),
        list(_notes(base, settings, load, units, shards * lanes.factor, event, region)),
    )


def _mode(settings: Settings, load: Load, prices: Prices) -> tuple[str, str]:
    """Return the stream's mode, and what the other one would cost."""
    mode, other = (
        ("on-demand", "provisioned") if settings.stream.shards is None else ("provisioned", "on-demand")
    )
    if settings.existing_stream:
        return mode, f"of {settings.existing_stream.stream_name}, whose owner chooses it (streamArn)"
    shards = max(1, math.ceil(load.shards / MAX_UTILIZATION)) if settings.stream.shards is None else None
    changed = replace(settings, stream=replace(settings.stream, shards=shards))
    here, there = (sum(line.dollars for line in estimate(each, load, prices)) for each in (settings, changed))
    more = "more" if there > here else "less"
    return mode, f"{other} would cost ${abs(there - here):,.2f} a month {more} at a steady rate"


class _Lanes:
    """Memory, batch and parallelization with which the lanes of each shard keep up.

    An invocation takes a fixed time and a time for each record, which falls as the memory grows, up to one
    whole CPU (the assumptions of `prices.json`). A lane is one of a shard's concurrent invocations.
    """

    def __init__(self, base: Settings, load: Load, prices: Prices, shards: int) -> None:
        self._fixed_ms = prices.assumptions["invocation-ms"]
        self._cpu_ms = prices.assumptions["record-cpu-ms"]
        self.window = max(1, base.mapping.batching_window)
        self.fit = min(MAX_BATCH_SIZE, max(1, INVOCATION_BYTES // (load.size * 4 // 3 + RECORD_ENVELOPE)))
        self.factor = base.mapping.parallelization_factor
        options = [base.function.memory, *(size for size in _MEMORIES if size > base.function.memory)]
        for self.memory in options:
            self._fill(base, load, shards)
            if self.busy <= MAX_UTILIZATION:
                return
        while self.busy > MAX_UTILIZATION and self.factor < MAX_PARALLELIZATION_FACTOR:
            self.factor += 1
            self._fill(base, load, shards)

    def _fill(self, base: Settings, load: Load, shards: int) -> None:
        self.record_ms = self._cpu_ms * cpu_time_factor(self.memory)
        lane_rate = load.rate / shards / self.factor
        self.arrived = lane_rate * self.window
        wanted = math.ceil(self.arrived / 100) * 100
        self.batch = min(self.fit, max(base.mapping.batch_size, wanted))
        records = min(max(1.0, self.arrived), self.batch)
        self.busy = lane_rate / records * self.seconds(records)
        self.lag = base.mapping.batching_window + self.seconds(records)
        self._records = records

    def seconds(self, records: float) -> float:
        """Return the seconds of an invocation with that many records."""
        return (self._fixed_ms + records * self.record_ms) / 1000

    def time_formula(self) -> str:
        return f"({self._fixed_ms:g} ms + {self._records:,.3g} records x {self.record_ms:.2f} ms)"


def _changes(base: Settings, planned: Settings) -> Iterator[tuple[str, object]]:
    pairs: list[tuple[str, object, object]] = [
        ("streamShards", base.stream.shards, planned.stream.shards),
        ("functionMemory", base.function.memory, planned.function.memory),
        (
            "mappingParallelizationFactor",
            base.mapping.parallelization_factor,
            planned.mapping.parallelization_factor,
        ),
        ("mappingBatchSize", base.mapping.batch_size, planned.mapping.batch_size),
    ]
    if base.table.capacity and planned.table.capacity:
        pairs.append(
            ("tableMaxWriteCapacity", base.table.capacity.max_write, planned.table.capacity.max_write)
        )
    pairs += [
        ("streamWarmMiBps", base.stream.warm_mib, planned.stream.warm_mib),
        ("tableMaxWrites", base.table.max_writes, planned.table.max_writes),
        ("tableWarmWrites", base.table.warm_writes, planned.table.warm_writes),
    ]
    for key, before, after in pairs:
        if after != before:
            yield key, after


def _notes(
    base: Settings, planned: Settings, load: Load, units: float, concurrency: int, event: Schema, region: str
) -> Iterator[Note]:
    yield from _shard_notes(base, planned)
    after = planned.stream.shards
    if planned.table.capacity and units * 100 / planned.table.capacity.utilization > MAX_TABLE_CAPACITY:
        yield Note(
            f"A provisioned table goes up to {MAX_TABLE_CAPACITY:,} write units (tableMaxWriteCapacity).",
            "pulumi config set tableMode on-demand",
        )
    elif not planned.table.capacity and units > NEW_TABLE_WRITES:
        takes = f"A new on-demand table takes {NEW_TABLE_WRITES:,} write units/s at once and doubles its peak within "
        if planned.table.warm_writes:
            yield Note(
                f"{takes}30 minutes. tableWarmWrites warms it before the load comes; take it back after `pulumi up`:",
                "pulumi config rm tableWarmWrites",
            )
        else:
            yield Note(
                f"{takes}30 minutes. Warm it before the load comes:",
                f"aws dynamodb update-table --table-name TABLE --warm-throughput WriteUnitsPerSecond={units:.0f}",
            )
    throughput = load.rate * load.size / SHARD_BYTES
    if after is None and planned.stream.warm_mib is None and throughput > _NEW_STREAM_MIB:
        cheaper = (
            f", which costs less from {_ADVANTAGE_MIB} MiB/s of all on-demand streams on"
            if throughput >= _ADVANTAGE_MIB
            else ""
        )
        yield Note(
            f"A new on-demand stream takes {_NEW_STREAM_MIB} MiB/s at once, and this load has {throughput:,.1f}. In an "
            f"account with on-demand advantage{cheaper}, streamWarmMiBps {math.ceil(throughput)} warms it. The account "
            "and region commit to 25 MiB/s:",
            "aws kinesis update-account-settings --minimum-throughput-billing-commitment Status=ENABLED",
        )
    if after and region not in LARGE_REGIONS and after > SMALL_SHARD_QUOTA:
        yield Note(
            f"In {region} the quota of shards is {SMALL_SHARD_QUOTA:,} or 6,000, depending on the account:",
            SHARD_QUOTA.format(region=region, member="Value"),
        )
    if concurrency > _NEW_ACCOUNT_CONCURRENCY:
        yield Note(
            "A new account may have far less than 1,000 concurrent executions, until AWS has raised them with its use:",
            f"aws lambda get-account-settings --region {region} --query AccountLimit.ConcurrentExecutions",
        )
    if load.size > _MAX_ITEM_BYTES:
        yield Note(
            f"An item of the table has at most {_MAX_ITEM_BYTES:,} bytes: larger {event.plural} go to quarantine as "
            "too-large."
        )
    if load.rate > (most := _PARTITION_WRITES / load.write_units):
        yield Note(
            f"One {event.keys[0].name} may have at most {most:,.{0 if most >= 10 else 1}f} {event.plural}/s, which "
            "is what a partition of the table takes; `python -m ops explore --top` shows the busiest."
        )


def _shard_notes(base: Settings, planned: Settings) -> Iterator[Note]:
    before, after = base.stream.shards, planned.stream.shards
    if base.existing_stream and before and after and after > before:
        yield Note(
            f"{base.existing_stream.stream_name} is not the stack's own (streamArn): its owner gives it the shards.",
            resharding(base.existing_stream, after),
        )
    if after and after > MAX_SHARDS:
        stacks = math.ceil(after / MAX_SHARDS)
        yield Note(
            f"One stream has at most {MAX_SHARDS:,} shards (streamShards): split the load among {stacks} stacks."
        )
    elif before and after and after > 2 * before:
        updates = math.ceil(math.log2(after / before))
        text = f"AWS at most doubles the shards of a stream in one update: {updates} times `pulumi up` from {before:,}"
        if updates > MAX_SHARD_UPDATES:
            text += f", more than the {MAX_SHARD_UPDATES} of a day: start a new stack with {after:,}"
        yield Note(f"{text}.")


def _duration(seconds: float) -> str:
    if seconds < 0:
        return "never"
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
