"""The laws that hold in every world; each yields a sentence for each violation."""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from event.item import Key
from tests.simulation.aws import Put
from tests.simulation.events import Version
from tests.simulation.scheduler import EPOCH
from tests.simulation.world import World

_SLACK_SECONDS = 20.0
"""Beyond the maximum record age: one invocation, the wait before it, and reading."""


def no_part_fails(world: World) -> Iterator[str]:
    """No part ends with an error of its own."""
    yield from world.errors


def the_world_comes_to_rest(world: World) -> Iterator[str]:
    """Once every fault has ended, the producer sends all, and the mapping handles all."""
    if not world.producer.ended:
        run = world.runs[-1] if world.runs else None
        waiting = f"{run.spool.waiting} records wait, {run.spool.blocked}" if run else "it never started"
        yield f"the producer does not end: {waiting}, {len(world.inbox)} not read"
    elif not world.replay.at_rest:
        yield f"a replay does not end, the last note: {world.notes[-1:]}"
    elif not world.at_rest:
        yield "the mapping does not handle every record"


def each_event_is_accounted_for(world: World) -> Iterator[str]:
    """An event that was received is stored, or a later version is, or it is in quarantine, or it waits.

    An older version that an operator redrives or replays, or that a restored copy repeats, may replace it
    (docs/guarantees.md).
    """
    preserved = _quarantined(world) | _spooled(world) | world.dropped
    sent_again = _keys(world, _redriven(world)) | _replayed(world)
    for data, event in _received(world):
        row = world.table.rows.get(event.key)
        stored = row is not None and (row >= event.number or event.key in sent_again or world.copied)
        delivered = world.delivers(data, event.key[0])
        if delivered and not stored and data not in preserved and not world.damaged:
            yield f"lost: {event}"
    for data in world.foreign:
        is_on_stream = data in {record.data for record in world.kinesis.records}
        if is_on_stream and world.delivers(data, data.decode()) and data not in preserved:
            yield f"lost: {data.decode()}"


def each_run_adds_up(world: World) -> Iterator[str]:
    """Replayed + received = sent, in a run of the producer that ended after its source."""
    for run in world.runs:
        spool = run.spool
        if run.closed and spool.replayed + len(run.taken) != spool.acknowledged:
            yield f"a run does not add up: {spool.replayed} + {len(run.taken)} ≠ {spool.acknowledged}"


def missing_records_are_counted(world: World) -> Iterator[str]:
    """Records that were cut from the spool are counted, no others are, and the run that counts them fails."""
    for run in world.runs:
        missing = run.spool.missing
        if missing < run.cut or (missing and not world.damaged):
            yield f"{run.cut} records were cut from the spool, and {missing} are counted as missing"
        if run.closed and bool(missing) != bool(run.shortfalls):
            yield f"{missing} records are missing, and the run ends with {run.shortfalls or 'exit code 0'}"


def the_newest_version_is_the_last(world: World) -> Iterator[str]:
    """On the stream, and in the table unless an older version was in quarantine, or replayed."""
    last: dict[Key, int] = {}
    for put in _puts(world, "producer"):
        for data, stored in zip(put.entries, put.stored, strict=True):
            if stored and (event := world.events.identify(data)):
                last[event.key] = event.number
    newest: dict[Key, int] = defaultdict(int)
    for _, event in _received(world):
        newest[event.key] = max(newest[event.key], event.number)
    quarantined = _keys(world, _quarantined(world) | world.dropped)
    replayed = _replayed(world)
    for key, version in newest.items():
        if world.damaged or world.copied or not world.producer.ended:
            continue
        if last.get(key, 0) < version:
            yield f"the stream's last version of {'/'.join(key)} is v{last.get(key, 0)}, not v{version}"
        row = world.table.rows.get(key)
        if key not in quarantined | replayed and row is not None and row < version:
            yield f"the table has v{row} of {'/'.join(key)}, not v{version}"


def a_partition_key_stays_in_order(world: World) -> Iterator[str]:
    """Its events go to one shard, and only within one call may one of them overtake another."""
    first: dict[bytes, int] = {}
    puts = _puts(world, "producer")
    for number, put in enumerate(puts):
        for data, stored in zip(put.entries, put.stored, strict=True):
            if stored:
                first.setdefault(data, number)
    if world.damaged:
        return
    by_key: dict[str, list[bytes]] = defaultdict(list)
    for data, event in _received(world):
        by_key[event.key[0]].append(data)
    for key, sent in by_key.items():
        for earlier, later in pairwise(data for data in sent if data in first):
            if first[later] < first[earlier] and earlier not in puts[first[later]].entries:
                yield f"{key}: {_name(world, later)} was put before {_name(world, earlier)}"
    for record in world.kinesis.records:
        version = world.events.identify(record.data)
        if version and record.key != version.key[0]:
            yield f"{version} was put with the partition key {record.key}"


def no_shard_is_blocked(world: World) -> Iterator[str]:
    """A record is handled before it is much older than the mapping's maximum record age."""
    limit = world.setup.maximum_age + _SLACK_SECONDS
    for record in world.kinesis.records:
        handled = world.handled.get(record.sequence_number)
        if handled is None:
            continue
        arrival = record.arrival - EPOCH
        idle = sum(max(0.0, min(end, handled) - max(start, arrival)) for start, end in world.mapping.downtime)
        if handled - arrival - idle > limit:
            yield f"a record was handled after {handled - arrival:.0f} s, {idle:.0f} s of them without a mapping"


def each_invocation_reports_in_time(world: World) -> Iterator[str]:
    """However slowly AWS answers, the function reports before Lambda ends it, which would repeat the whole batch."""
    for invocation in world.invocations:
        if invocation.timed_out:
            yield f"the invocation that ended at {invocation.at:.3f} s did not report"


def no_batch_is_discarded_early(world: World) -> Iterator[str]:
    """A batch is discarded only after its retries: as many invocations without progress."""
    for _, key, body in world.bucket.created:
        if not key.startswith("aws/lambda/"):
            continue
        content = json.loads(body)
        if content["requestContext"]["condition"] != "RetryAttemptsExhausted":
            continue
        numbers = tuple(record["kinesis"]["sequenceNumber"] for record in _payload_records(content))
        failures = sum(
            invocation.caller == "mapping"
            and invocation.failed == 0
            and invocation.numbers[-len(numbers) :] == numbers
            for invocation in world.invocations
        )
        if failures <= world.setup.maximum_retries:
            yield f"discarded after {failures} invocations, with {world.setup.maximum_retries} retries allowed"


def a_redrive_sends_once(world: World) -> Iterator[str]:
    """Operators put no record on the stream twice, unless an answer was lost or one of them was killed.

    An object of Lambda's stays whole while the stream throttles some of its records, and is sent whole again.
    """
    if any(caller.startswith("operator") for caller in world.kinesis.failed | world.bucket.failed):
        return
    stayed = any("they stay" in note for note in world.notes)
    sent_again = {data for _, data in _quarantine_history(world, "aws/lambda/")} if stayed else set()
    moments = [(at, data, +1) for at, data in _quarantine_history(world)]
    for put in world.kinesis.puts:
        if put.caller.startswith("operator"):
            moments += [
                (put.at, data, -1) for data, stored in zip(put.entries, put.stored, strict=True) if stored
            ]
    in_quarantine: Counter[bytes] = Counter()
    for at, data, change in sorted(moments, key=lambda moment: moment[0]):
        in_quarantine[data] += change
        if in_quarantine[data] < 0 and data not in sent_again:
            yield f"redriven twice, the second time at {at:.3f} s: {_name(world, data)}"
            return


def a_replay_sends_every_record(world: World) -> Iterator[str]:
    """A replay that ended had each record of its range handled or quarantined once, except those of expired shards."""
    quarantined = {number for _, number in _quarantined_by_replay(world)}
    for index, replay in enumerate(world.replay.done):
        if not world.replay.stream.expired.issuperset(replay.expired):
            yield f"replay {index} names shards as expired that are not: {replay.expired}"
        handled = {
            number
            for invocation in world.invocations
            if invocation.caller == f"replay {index}"
            for number in invocation.numbers[: invocation.failed]
        }
        in_range = {
            shard.id: {
                record.sequence_number
                for record in shard.records
                if replay.start <= datetime.fromtimestamp(record.arrival, UTC) < replay.end
                and world.delivers(record.data, record.key)
            }
            for shard in world.kinesis.shards
            if shard.id in replay.shards
        }
        numbers = set().union(*(in_range[shard_id] for shard_id in replay.finished))
        if missing := numbers - handled - quarantined:
            yield f"replay {index} did not send {len(missing)} of {len(numbers)} records"
        if not replay.expired and replay.records != len(numbers):
            yield f"replay {index} counts {replay.records} records, not {len(numbers)}"


def what_the_filters_drop_is_not_invoked(world: World) -> Iterator[str]:
    """Neither the mapping nor a replay sends a record that the mapping's filters drop."""
    sent = {number for invocation in world.invocations for number in invocation.numbers}
    for record in world.kinesis.records:
        if record.sequence_number in sent and not world.delivers(record.data, record.key):
            yield f"{_name(world, record.data)} was sent, which the filters drop"


def a_replay_quarantines_only_records_at_fault(world: World) -> Iterator[str]:
    """A replay puts a record into quarantine only if the function stored another one since the first failure."""
    events = {
        record.sequence_number for record in world.kinesis.records if world.events.identify(record.data)
    }
    for at, number in _quarantined_by_replay(world):
        replayed = [each for each in world.invocations if each.caller.startswith("replay") and each.at <= at]
        failed_at = next(each.at for each in replayed if each.numbers == (number,) and each.failed == 0)
        stored = (each.numbers[: each.failed] for each in replayed if each.at > failed_at)
        if not any(events.intersection(numbers) for numbers in stored):
            yield f"{number} is in quarantine, though the function stored nothing since it failed"


def a_replay_keeps_a_keys_order(world: World) -> Iterator[str]:
    """A record is handled for the last time after the earlier ones of its partition key, also across a reshard."""
    for index in range(len(world.replay.done)):
        replayed = [each for each in world.invocations if each.caller == f"replay {index}"]
        last = {number: step for step, each in enumerate(replayed) for number in each.numbers[: each.failed]}
        reached: dict[str, int] = defaultdict(int)
        for record in world.kinesis.records:
            if (step := last.get(record.sequence_number)) is None:
                continue
            if step < reached[record.key]:
                yield f"replay {index} sent {_name(world, record.data)} before an earlier record of its key"
            reached[record.key] = max(step, reached[record.key])


def memory_is_bounded(world: World) -> Iterator[str]:
    """The records held for a retry, and the cursor, stay within their limits."""
    yield from world.excesses


LAWS: tuple[Callable[[World], Iterator[str]], ...] = (
    no_part_fails,
    the_world_comes_to_rest,
    each_event_is_accounted_for,
    each_run_adds_up,
    missing_records_are_counted,
    the_newest_version_is_the_last,
    a_partition_key_stays_in_order,
    no_shard_is_blocked,
    each_invocation_reports_in_time,
    no_batch_is_discarded_early,
    a_redrive_sends_once,
    a_replay_sends_every_record,
    what_the_filters_drop_is_not_invoked,
    a_replay_quarantines_only_records_at_fault,
    a_replay_keeps_a_keys_order,
    memory_is_bounded,
)


def violations(world: World) -> list[str]:
    """Return every violation, each with its law."""
    return [f"{law.__name__}: {violation}" for law in LAWS for violation in law(world)]


def _received(world: World) -> Iterator[tuple[bytes, Version]]:
    """Yield each record that the producer received, with the event that it is."""
    for run in world.runs:
        for data in run.received:
            event = world.events.identify(data)
            assert event
            yield data, event


def _keys(world: World, payloads: Iterable[bytes]) -> set[Key]:
    """Return the keys of those payloads that are events."""
    return {event.key for data in payloads if (event := world.events.identify(data))}


def _puts(world: World, caller: str) -> list[Put]:
    return [put for put in world.kinesis.puts if put.caller == caller]


def _redriven(world: World) -> Iterator[bytes]:
    for put in world.kinesis.puts:
        if put.caller.startswith("operator"):
            yield from put.entries


def _replayed(world: World) -> set[Key]:
    """Return the keys of the events that a replay sent."""
    numbers = {
        number
        for invocation in world.invocations
        if invocation.caller.startswith("replay")
        for number in invocation.numbers
    }
    return _keys(
        world, (record.data for record in world.kinesis.records if record.sequence_number in numbers)
    )


def _quarantined_by_replay(world: World) -> Iterator[tuple[float, str]]:
    """Yield when a replay put a record into quarantine, and its sequence number."""
    for at, key, _ in world.bucket.created:
        if key.startswith("records/refused/"):
            yield at, PurePath(key).stem


def _quarantine_history(world: World, prefix: str = "") -> Iterator[tuple[float, bytes]]:
    """Yield when each record appeared in the bucket, in an object under `prefix`, and its payload."""
    for at, key, body in world.bucket.created:
        if not key.startswith(prefix):
            continue
        if key.startswith("aws/lambda/"):
            for record in _payload_records(json.loads(body)):
                yield at, base64.b64decode(record["kinesis"]["data"])
        elif key.startswith("records/"):
            yield at, base64.b64decode(json.loads(body)["payload"])


def _quarantined(world: World) -> set[bytes]:
    return {data for _, data in _quarantine_history(world)}


def _payload_records(content: dict[str, Any]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(content["payload"])["Records"]
    return records


def _spooled(world: World) -> set[bytes]:
    """Return the records in the spool's segments if the producer did not end."""
    if world.producer.ended:
        return set()
    lines = (
        line
        for name, content in world.disk.files.items()
        if name.endswith(".log")
        for line in content.splitlines()
    )
    return {bytes(line[9:]) for line in lines}


def _name(world: World, data: bytes) -> str:
    return str(world.events.identify(data) or data.decode())
