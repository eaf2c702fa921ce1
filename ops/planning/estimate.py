"""Estimates a month's cost: quantities from a stack's settings, times the prices of `prices.json`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from event import metrics
from event import types as event_types
from event.limits import MAX_RECORD_BYTES, SHARD_BYTES, SHARD_RECORDS
from stack.alarm_definitions import alarms
from stack.prices import Price, Prices
from stack.settings import (
    CapacitySettings,
    ExistingStream,
    FunctionSettings,
    MappingSettings,
    Settings,
    StreamSettings,
)

HOURS = 730
"""Hours per month, as in AWS's own calculator."""

SCALING_ALARMS = 4
"""Alarms that Application Auto Scaling creates for a scalable target."""
MAPPING_METRICS = 6
"""Number of metrics that EventCount adds to a mapping ("Event source mapping metrics", AWS Lambda Developer Guide)."""
SHARD_METRICS = 7

ON_DEMAND_SHARDS = 4
"""Initial number of shards of an on-demand stream; it grows to twice its peak."""
_PUT_UNIT = 25 * 1024
_KB = 1024
_GB = 1024**3
INVOCATION_BYTES = 6 * 1024**2
RECORD_ENVELOPE = 600
"""Bytes of an event's record in addition to its payload in base64."""
_FULL_CPU_MB = 1769
"""Memory at which a function has one whole CPU ("Configure Lambda function memory")."""
_ITEM_OVERHEAD = 100
"""Bytes that DynamoDB adds to each stored item, for its index."""


@dataclass(frozen=True, slots=True)
class Load:
    """Events per second, and bytes of one on the stream; its item is assumed to be as large."""

    rate: Annotated[float, "events per second"]
    size: Annotated[int, "bytes of an event"]

    @property
    def events(self) -> float:
        """Events per month."""
        return self.rate * HOURS * 3600

    @property
    def shards(self) -> int:
        """Shards that a provisioned stream needs, if the partition keys are spread evenly."""
        return max(1, math.ceil(self.rate / SHARD_RECORDS), math.ceil(self.rate * self.size / SHARD_BYTES))

    @property
    def write_units(self) -> int:
        """Write units per event."""
        return math.ceil(self.size / _KB)


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the bill; `settings` names the settings that change it."""

    name: str
    quantity: float
    price: Price
    settings: str

    @property
    def dollars(self) -> float:
        """Dollars per month."""
        return self.price.of(self.quantity)


def estimate(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Estimate a stack's bill under a load, with the storage at the end of a month."""
    shards = settings.stream.shards or max(ON_DEMAND_SHARDS, 2 * load.shards)
    invocations = _invocations(load, settings.mapping, shards)
    cpu = prices.assumptions["record-cpu-ms"]
    return [
        *_stream(settings, load, prices),
        *_function(settings.function, load, invocations, cpu, prices),
        *_writes(settings, load, prices),
        *_storage(settings, load, prices),
        *_logs(invocations, settings.function.log_retention_days, prices),
        *_watching(settings, shards, prices),
        *_quarantine(settings.quarantine.lifetime_days, load, prices),
    ]


def estimate_original(load: Load, prices: Prices) -> list[Line]:
    """Estimate the same load on the original design: batches of 25, a table of fixed capacity for the load.

    The original design has one write and one read unit, which carry one event per second; here it has the write
    units that the load needs, without headroom, so that both columns carry the same load. Its function has
    Lambda's defaults (128 MB, x86_64) and writes row by row through boto3's `batch_writer`; its log is kept
    forever; it has no alarms, no metrics and no quarantine.
    """
    function = FunctionSettings(
        memory=128,
        timeout=3,
        architecture="x86_64",
        log_level="INFO",
        log_retention_days=30,
        tracing=False,
        version=None,
    )
    mapping = MappingSettings(
        batch_size=25,
        batching_window=0,
        starting_position="LATEST",
        parallelization_factor=1,
        maximum_retries=-1,
        maximum_record_age=-1,
        filters=(),
    )
    stream = StreamSettings(
        shards=load.shards,
        retention_hours=24,
        max_record_kib=MAX_RECORD_BYTES // 1024,
        warm_mib=None,
        shard_metrics=False,
    )
    invocations = _invocations(load, mapping, shards=load.shards)
    cpu = prices.assumptions["original-record-cpu-ms"]
    return [
        *_own_stream(stream, load, prices),
        *_function(function, load, invocations, cpu, prices),
        Line("Write capacity", HOURS * math.ceil(load.rate * load.write_units), prices["dynamodb-wcu"], ""),
        Line("Read capacity", HOURS, prices["dynamodb-rcu"], ""),
        Line(
            "Table storage",
            _gigabytes(load.events, load.size + _ITEM_OVERHEAD),
            prices["dynamodb-storage"],
            "",
        ),
        *_logs(invocations, function.log_retention_days, prices),
    ]


def variants(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Yield the settings with one of the most expensive ones changed, each with its name and new value."""
    stream, mapping, function = settings.stream, settings.mapping, settings.function
    if settings.existing_stream:
        pass  # its owner changes it
    elif stream.shards is None:
        sharded = replace(stream, shards=1, warm_mib=None)
        yield "streamMode provisioned, streamShards 1", replace(settings, stream=sharded)
        if stream.warm_mib is None:
            name = "streamWarmMiBps 1, with on-demand advantage (account-wide, at least 25 MiB/s)"
            yield name, replace(settings, stream=replace(stream, warm_mib=1))
    else:
        yield "streamMode on-demand", replace(settings, stream=replace(stream, shards=None))
    if settings.table.capacity:
        for utilization in (50, 90):
            capacity = replace(settings.table.capacity, utilization=utilization)
            changed = replace(settings, table=replace(settings.table, capacity=capacity))
            yield f"tableWriteUtilization {utilization}", changed
        on_demand = replace(settings, table=replace(settings.table, capacity=None))
        yield "tableMode on-demand", on_demand
    else:
        capacity = CapacitySettings(read=5, min_write=5, max_write=40_000, utilization=70)
        table = replace(settings.table, capacity=capacity, warm_writes=None, max_writes=None)
        provisioned = replace(settings, table=table)
        yield "tableMode provisioned (70 % of the write capacity used)", provisioned
    if stream.retention_hours > 24 and not settings.existing_stream:
        yield "streamRetentionHours 24", replace(settings, stream=replace(stream, retention_hours=24))
    if mapping.batching_window < 10:
        window = replace(mapping, batching_window=10)
        plural = event_types.load(settings.event_type).plural
        yield (
            f"mappingBatchingWindow 10 ({plural} arrive up to 10 s later)",
            replace(settings, mapping=window),
        )
    if function.architecture != "arm64":
        yield (
            "functionArchitecture arm64",
            replace(settings, function=replace(function, architecture="arm64")),
        )
    if settings.table.point_in_time_recovery:
        table = replace(settings.table, point_in_time_recovery=False)
        yield "tablePointInTimeRecovery false", replace(settings, table=table)
    if settings.alarms:
        yield "alarms false", replace(settings, alarms=False)


def resharding(stream: ExistingStream, shards: int) -> str:
    """Return the owner's command that gives a stream more shards."""
    return (
        f"aws kinesis update-shard-count --stream-arn {stream.arn} --target-shard-count {shards} "
        "--scaling-type UNIFORM_SCALING"
    )


def _stream(settings: Settings, load: Load, prices: Prices) -> Iterator[Line]:
    """Yield what the stream costs; of one that exists, what this stack adds to it: the reads of an on-demand stream."""
    lines = _own_stream(settings.stream, load, prices)
    yield from (line for line in lines if not settings.existing_stream or line.name == "Data out")


def _own_stream(stream: StreamSettings, load: Load, prices: Prices) -> Iterator[Line]:
    hours = stream.retention_hours
    if stream.shards is None:
        size_in = math.ceil(load.size / _KB) * _KB  # each record is rounded up
        data_in, data_out = _gigabytes(load.events, size_in), _gigabytes(load.events, load.size)
        # Only an account with on-demand advantage has warm streams: no price per stream, but a minimum of data.
        kind = "kinesis" if stream.warm_mib is None else "kinesis-advantage"
        settings = "streamMode" if stream.warm_mib is None else "streamMode, streamWarmMiBps"
        if stream.warm_mib is None:
            yield Line("Stream", HOURS, prices["kinesis-stream"], "streamMode")
        else:
            charged = _gigabytes(prices.assumptions["advantage-mib"] * 1024**2, HOURS * 3600)
            data_in, data_out = max(data_in, charged), max(data_out, charged)
        yield Line("Data in", data_in, prices[f"{kind}-in"], settings)
        yield Line("Data out", data_out, prices[f"{kind}-out"], settings)
        if hours > 24:
            gigabytes = _gigabytes(load.rate * 3600 * (min(hours, 168) - 24), load.size)
            yield Line("Retention", gigabytes, prices[f"{kind}-extended"], "streamRetentionHours")
    else:
        units = load.events * math.ceil(load.size / _PUT_UNIT)
        yield Line("Shards", HOURS * stream.shards, prices["kinesis-shard"], "streamShards, streamMode")
        yield Line("Puts", units, prices["kinesis-put"], "streamMode")
        if hours > 24:
            shard_hours = HOURS * stream.shards
            yield Line("Retention", shard_hours, prices["kinesis-extended-shard"], "streamRetentionHours")
    if hours > 168:
        gigabytes = _gigabytes(load.rate * 3600 * (hours - 168), load.size)
        yield Line("Long retention", gigabytes, prices["kinesis-long-term"], "streamRetentionHours")


def _invocations(load: Load, mapping: MappingSettings, shards: int) -> float:
    """Return the invocations per month: each lane of each shard sends what arrived in a window."""
    arrived = load.rate / (shards * mapping.parallelization_factor) * max(1, mapping.batching_window)
    fit = INVOCATION_BYTES // (load.size * 4 // 3 + RECORD_ENVELOPE)
    return load.events / max(1, min(mapping.batch_size, fit, arrived))


def cpu_time_factor(memory: int) -> float:
    """Return how many times longer a function with this memory takes than on a whole CPU."""
    return max(1, _FULL_CPU_MB / memory)


def _function(
    function: FunctionSettings, load: Load, invocations: float, cpu_ms: float, prices: Prices
) -> Iterator[Line]:
    record_ms = cpu_ms * cpu_time_factor(function.memory)
    milliseconds = invocations * prices.assumptions["invocation-ms"] + load.events * record_ms
    gigabyte_seconds = milliseconds / 1000 * function.memory / 1024
    changes = "functionMemory, functionArchitecture"
    yield Line(
        "Invocations", invocations, prices["lambda-request"], "mappingBatchingWindow, mappingBatchSize"
    )
    yield Line("Duration", gigabyte_seconds, prices[f"lambda-{function.architecture}"], changes)
    if function.tracing:
        # X-Ray's default sampling: one request a second, and a twentieth of the others.
        traced = min(invocations, HOURS * 3600 + invocations / 20)
        yield Line("Traces", traced, prices["xray-trace"], "functionTracing")


def write_capacity(capacity: CapacitySettings, load: Load) -> float:
    """Return the write units that auto scaling provisions for a steady load."""
    wanted = load.rate * load.write_units * 100 / capacity.utilization
    return min(max(capacity.min_write, wanted), capacity.max_write)


def _writes(settings: Settings, load: Load, prices: Prices) -> Iterator[Line]:
    capacity = settings.table.capacity
    if capacity is None:
        cause = (
            f"the {event_types.load(settings.event_type).plural} alone: each KB is a write unit; tableMode"
        )
        yield Line("Writes", load.events * load.write_units, prices["dynamodb-write"], cause)
        return
    units = HOURS * write_capacity(capacity, load)
    yield Line("Write capacity", units, prices["dynamodb-wcu"], "tableWriteUtilization, tableMode")
    yield Line("Read capacity", HOURS * capacity.read, prices["dynamodb-rcu"], "tableReadCapacity")


def _storage(settings: Settings, load: Load, prices: Prices) -> Iterator[Line]:
    days = settings.table.item_lifetime_days
    events = min(load.events, load.rate * 86_400 * days) if days else load.events
    stored = _gigabytes(events, load.size + _ITEM_OVERHEAD)
    yield Line("Table storage", stored, prices["dynamodb-storage"], "itemLifetimeDays")
    if settings.table.point_in_time_recovery:
        yield Line("Table backups", stored, prices["dynamodb-backup"], "tablePointInTimeRecovery")


def _logs(invocations: float, days: int, prices: Prices) -> Iterator[Line]:
    logged = _gigabytes(invocations, prices.assumptions["log-bytes"])
    stored = logged * min(1, days * 24 / HOURS)
    yield Line("Log lines", logged, prices["logs-in"], "mappingBatchingWindow, mappingBatchSize")
    yield Line("Log storage", stored, prices["logs-storage"], "logRetentionDays")


def _watching(settings: Settings, shards: int, prices: Prices) -> Iterator[Line]:
    of_shards = SHARD_METRICS * shards if settings.stream.shard_metrics else 0
    watched = len(metrics.UNITS) + MAPPING_METRICS + of_shards
    yield Line("Metrics", watched, prices["metric"], "streamShardMetrics")
    yield Line("Dashboard", 1, prices["dashboard"], "(the account's first three are free)")
    if settings.alarms:
        count = len(alarms(function_timeout=1, provisioned_table=settings.table.capacity is not None))
        yield Line("Alarms", count, prices["alarm"], "alarms")
    if settings.table.capacity:
        yield Line("Scaling alarms", SCALING_ALARMS, prices["alarm"], "tableMode")


def _quarantine(days: int, load: Load, prices: Prices) -> Iterator[Line]:
    objects = load.events * prices.assumptions["quarantined"]
    stored = _gigabytes(objects * min(1, days * 24 / HOURS), load.size * 4 / 3 + RECORD_ENVELOPE)
    yield Line("Quarantine puts", objects, prices["s3-put"], "")
    yield Line("Quarantine size", stored, prices["s3-storage"], "quarantineLifetimeDays")


def _gigabytes(number: float, size: float) -> float:
    return number * size / _GB
