"""Deliberate defects, to see that the simulation finds them; each replaces one decision of the real code."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from event.item import Key
from event.payload import parse
from event.schema import Values
from handler.connection import Connection
from handler.table import Table
from local.aws.mapping import decisions
from local.aws.mapping.decisions import Batch, MappingSettings, Verdict
from ops.errors import ReplayError
from ops.quarantine.lease import REGISTER, Leases
from ops.replay.replayer import Replayer
from producer.formats.own import OwnFormat
from producer.publish.lanes import Lanes
from producer.publish.publisher import _Answer, _evaluate
from producer.spooling import recovery
from producer.spooling.entry import Entry
from producer.spooling.spool import Spool
from stack.filters.criteria import FilterCriteria
from tests.simulation import scheduler

Defect = Callable[[], AbstractContextManager[object]]

_after_failure = decisions.after_failure
_check = recovery._check
_free = Spool._free
_send = Table._send


def _count_progress_as_a_retry(batch: Batch, failed: int, settings: MappingSettings) -> Verdict:
    verdict = _after_failure(batch, failed, settings)
    if not failed:
        return verdict
    if 0 <= settings.maximum_retries <= batch.retries:
        return Verdict(discarded=replace(batch, records=batch.records[failed:]))
    return Verdict(again=tuple(replace(rest, retries=batch.retries + 1) for rest in verdict.again))


def _free_all_but_the_last(spool: Spool) -> bool:
    blocked, spool.blocked = spool.blocked, None
    try:
        return _free(spool)
    finally:
        spool.blocked = blocked


def _check_without_counting(*arguments: Any) -> int:
    _check(*arguments)
    return 0


def _tell_versions_apart(answer: _Answer, _read_key: object) -> tuple[list[Entry], str | None]:
    return _evaluate(answer, lambda data: ("", data.hex()))


def _spell_key_as_given(own: OwnFormat, data: bytes) -> tuple[Key, Values]:
    values = own.schema.read_event(parse(data))
    return tuple(map(str, values[: len(own.schema.keys)])), values


def _take_all_for_stored(answer: _Answer, _read_key: object) -> tuple[list[Entry], str | None]:
    if isinstance(answer.answer, Exception):
        raise answer.answer
    return [], None


def _forget_unprocessed_items(table: Table, writes: Any, deadline: float) -> list[Any]:
    _send(table, writes, deadline)
    return []


def _delete_first() -> AbstractContextManager[object]:
    app: Any = sys.modules["handler.app"]
    build = app._build_writes
    return mock.patch.object(
        app, "_build_writes", lambda *batch: sorted(build(*batch), key=lambda write: not write.deletes)
    )


def _add_behind(lanes: Lanes, call: list[Entry]) -> None:
    for entry in call:
        lane = lanes._lanes[entry.partition_key]
        lane.queue.append(entry)
        lanes._offer(entry.partition_key, lane) if len(lane.queue) == 1 else None


def _write_without_condition(leases: Leases, runs: Any) -> bool:
    leases._etag = None
    body = json.dumps({"runs": runs}).encode()
    leases._s3.put_object(Bucket=leases._bucket, Key=REGISTER, Body=body, ContentType="application/json")
    return True


DEFECTS: dict[str, Defect] = {
    "the cursor is believed without its checksum": lambda: mock.patch(
        "producer.spooling.cursor.from_line", lambda line: line[9:-1]
    ),
    "segments that overlap stay where they are": lambda: mock.patch(
        "producer.spooling.recovery._separate", lambda sizes: dict(zip(sizes, sizes, strict=True))
    ),
    "what is missing from a segment is not counted": lambda: mock.patch(
        "producer.spooling.recovery._check", _check_without_counting
    ),
    "a full disk keeps the segment that fills it": lambda: mock.patch.object(
        Spool, "_free", _free_all_but_the_last
    ),
    "throttled entries count as stored": lambda: mock.patch(
        "producer.publish.publisher._evaluate", _take_all_for_stored
    ),
    "a newer version does not wait for an older one that was throttled": lambda: mock.patch(
        "producer.publish.publisher._evaluate", _tell_versions_apart
    ),
    "the spelling of a number decides its partition key": lambda: mock.patch.object(
        OwnFormat, "_check", _spell_key_as_given
    ),
    "a batch's progress uses up its retries": lambda: mock.patch(
        "local.aws.mapping.decisions.after_failure", _count_progress_as_a_retry
    ),
    "the function forgets unprocessed items": lambda: mock.patch.object(
        Table, "_send", _forget_unprocessed_items
    ),
    "a batch's deletions come before its other writes": _delete_first,
    "a connection is used again whatever it brought": lambda: mock.patch.object(
        Connection, "is_reusable", lambda connection: connection._keep
    ),
    "the function waits for a call that does not end": lambda: mock.patch(
        "handler.app._wait", lambda calls, _: scheduler.wait(calls).done
    ),
    "an operator takes a lease that another one holds": lambda: mock.patch.object(
        Leases, "_conflicts", return_value={}
    ),
    "an operator overwrites the leases that another one took at the same time": lambda: mock.patch.object(
        Leases, "_write", _write_without_condition
    ),
    "a new shard is read before its parents": lambda: mock.patch(
        "local.aws.mapping.poller.readable",
        lambda shards, readers, _: [s["ShardId"] for s in shards if s["ShardId"] not in readers],
    ),
    "a replay takes a failure that all records share for the fault of one": lambda: mock.patch.object(
        Replayer, "_find_witness", return_value=None
    ),
    "the mapping delivers what its filters drop": lambda: mock.patch.object(
        FilterCriteria, "delivers", return_value=True
    ),
    "a shard is replayed beside its parents": lambda: mock.patch(
        "ops.replay.replayer.list_shards", return_value={}
    ),
    "an expired shard ends the replay": lambda: mock.patch(
        "ops.replay.shards.ExpiredShardError", ReplayError
    ),
}
"""Each with a sentence that says what is wrong."""
