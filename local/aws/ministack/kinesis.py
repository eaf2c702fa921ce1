"""Adds what ministack's Kinesis lacks: closed shards, AWS's listing of shards, a stream's own limit, its metrics.

ministack drops the shards that are split, merged or replaced together with their unread records. A closed
shard stays readable until its records expire, and a reader learns of its end by the absence of a next
iterator (Amazon Kinesis Data Streams Developer Guide, "Resharding").
"""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cloudwatch, kinesis

from local.aws.faults import Answer
from local.aws.ministack import records
from local.aws.ministack.retention import remove_expired

Stream = dict[str, Any]
Operation = Callable[[dict[str, Any]], Answer]

_handle = kinesis.handle_request


def install() -> None:
    """Make this process's ministack keep the parents of a reshard, and count what is put."""
    kinesis.handle_request = _handle_request
    kinesis._expire_records = _expire_records
    kinesis._create_stream = records.create_stream
    kinesis._put_records = _counting(_rejecting(records.put_records, _records_error))
    kinesis._put_record = _counting(_rejecting(records.put_record, lambda _: None))
    kinesis._get_shard_iterator = _rejecting(kinesis._get_shard_iterator, _iterator_error)
    kinesis._split_shard = _keeping_parents(kinesis._split_shard)
    kinesis._merge_shards = _keeping_parents(kinesis._merge_shards)
    kinesis._update_shard_count = _update_shard_count
    kinesis._describe_stream_summary = _with_summary(kinesis._describe_stream_summary)
    kinesis._list_shards = _paging(kinesis._list_shards)
    kinesis._get_records = _ending_at_closed_shard(kinesis._get_records)
    kinesis._route_to_shard = _routing_to_open_shards(kinesis._route_to_shard)
    kinesis._shard_out = _with_end(kinesis._shard_out)


_ADDED: dict[str, Operation] = {
    "UpdateMaxRecordSize": records.update_max_record_size,
    "UpdateStreamWarmThroughput": records.update_warm_throughput,
}
"""Operations that ministack does not have."""


async def _handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Answer:
    added = _ADDED.get(headers.get("x-amz-target", "").rpartition(".")[2])
    answer: Answer = added(json.loads(body)) if added else await _handle(method, path, headers, body, query)
    return answer


def _expire_records(stream: Stream) -> None:
    remove_expired(stream, kinesis._shard_iterators.values(), time.time())


def record_counts() -> dict[str, int]:
    """Return the number of records of each stream, in all of its shards."""
    return {
        name: sum(len(shard["records"]) for shard in stream["shards"].values())
        for name, stream in kinesis._streams.items()
    }


def _rejecting(operation: Operation, error: Callable[[dict[str, Any]], tuple[str, str] | None]) -> Operation:
    """Reject what AWS was recorded to reject, in its words (tests/local/conformance/test_kinesis.py)."""

    def checked(data: dict[str, Any]) -> Answer:
        name, stream = kinesis._resolve_stream(data)
        missing = f"Stream {name} under account {get_account_id()} not found."
        rejection = error(data) if stream else ("ResourceNotFoundException", missing)
        return kinesis.error_response_json(*rejection, 400) if rejection else operation(data)

    return checked


def _records_error(data: dict[str, Any]) -> tuple[str, str] | None:
    if data.get("Records"):
        return None
    return (
        "ValidationException",
        "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: Member must have "
        "length greater than or equal to 1",
    )


def _iterator_error(data: dict[str, Any]) -> tuple[str, str] | None:
    name, stream = kinesis._resolve_stream(data)
    kind, shard = data.get("ShardIteratorType", ""), data.get("ShardId")
    if shard not in stream["shards"]:
        where = f"in stream {name} under account {get_account_id()}"
        return "ResourceNotFoundException", f"Shard {shard} {where} does not exist"
    if kind.endswith("_SEQUENCE_NUMBER") and not data.get("StartingSequenceNumber"):
        return (
            "InvalidArgumentException",
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {kind} and no StartingSequenceNumber.",
        )
    return None


def _counting(put: Operation) -> Operation:
    def counting_put(data: dict[str, Any]) -> Answer:
        answer = put(data)
        if answer[0] == 200:
            dimensions = {"StreamName": kinesis._resolve_stream(data)[0]}
            count = len(data.get("Records", "1"))
            cloudwatch.record_metric("AWS/Kinesis", "IncomingRecords", count, "Count", dimensions)
        return answer

    return counting_put


def _open(stream: Stream) -> dict[str, Any]:
    return {name: shard for name, shard in stream["shards"].items() if "ending_sequence_number" not in shard}


def _close(stream: Stream, before: dict[str, Any]) -> None:
    """Bring back, closed, the shards of ``before`` that an operation removed."""
    for name, shard in before.items():
        if name not in stream["shards"]:
            shard.setdefault("ending_sequence_number", kinesis._next_sequence_number())
    stream["shards"] = {**before, **stream["shards"]}


def _keeping_parents(operation: Operation) -> Operation:
    def reshard(data: dict[str, Any]) -> Answer:
        _, stream = kinesis._resolve_stream(data)
        before = dict(stream["shards"]) if stream else {}
        answer = operation(data)
        if stream:
            _close(stream, before)
        return answer

    return reshard


def _update_shard_count(data: dict[str, Any]) -> Answer:
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        answer: Answer = kinesis.error_response_json(
            "ResourceNotFoundException", f"Stream {name} not found", 400
        )
        return answer
    target, parents, before = int(data["TargetShardCount"]), _open(stream), dict(stream["shards"])
    stream["shards"] = kinesis._build_shards(target, start_index=kinesis._max_shard_index(stream) + 1)
    for shard in stream["shards"].values():
        overlapping = [parent for parent, old in parents.items() if _overlap(shard, old)]
        shard["parent_shard_id"] = overlapping[0]
        shard["adjacent_parent_shard_id"] = overlapping[1] if len(overlapping) > 1 else None
    _close(stream, before)
    return _answer(
        StreamName=stream["StreamName"],
        StreamARN=stream["StreamARN"],
        CurrentShardCount=len(parents),
        TargetShardCount=target,
    )


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return int(one["starting_hash_key"]) <= int(other["ending_hash_key"]) and int(
        other["starting_hash_key"]
    ) <= int(one["ending_hash_key"])


def _with_summary(describe: Operation) -> Operation:
    """Count the open shards only, and tell the stream's own limit."""

    def describe_summary(data: dict[str, Any]) -> Answer:
        status, headers, body = describe(data)
        _, stream = kinesis._resolve_stream(data)
        if stream:
            summary = json.loads(body)
            summary["StreamDescriptionSummary"] |= {
                "OpenShardCount": len(_open(stream)),
                **records.summary(stream),
            }
            body = json.dumps(summary).encode()
        return status, headers, body

    return describe_summary


def _paging(list_shards: Operation) -> Operation:
    """Filter shards, and list them by pages whose token alone names the next one ("ListShards", API reference)."""

    def list_page(data: dict[str, Any]) -> Answer:
        if token := data.get("NextToken"):
            for member in ("StreamName", "StreamARN", "ShardFilter"):
                if member in data:
                    message = f"NextToken and {member} cannot be provided together."
                    rejection: Answer = kinesis.error_response_json("InvalidArgumentException", message, 400)
                    return rejection
            data = {**data, **_listings.get(token, {})}
        status, headers, body = list_shards({**data, "MaxResults": min(data.get("MaxResults", 1000), 1000)})
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        if chosen := data.get("ShardFilter"):
            is_chosen = _FILTERS[chosen["Type"]]
            answer["Shards"] = [shard for shard in answer["Shards"] if is_chosen(shard, chosen)]
        if following := answer.get("NextToken"):
            answer["NextToken"] = token = str(uuid.uuid4())
            _listings[token] = {**data, "NextToken": following}
        return status, headers, json.dumps(answer).encode()

    return list_page


_listings: dict[str, dict[str, Any]] = {}
"""The request that each token of a next page continues."""

_FILTERS: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "AT_LATEST": lambda shard, _: _end_time(shard) == float("inf"),
    "FROM_TIMESTAMP": lambda shard, chosen: _end_time(shard) >= chosen["Timestamp"],
}
"""Tells whether a ShardFilter of a type selects a shard."""


def _end_time(shard: dict[str, Any]) -> float:
    """Return when a shard was closed: ministack's sequence numbers begin with the time in milliseconds."""
    number = shard["SequenceNumberRange"].get("EndingSequenceNumber")
    return int(number[:20]) / 1000 if number else float("inf")


def _ending_at_closed_shard(get: Operation) -> Operation:
    def get_records(data: dict[str, Any]) -> Answer:
        at = kinesis._shard_iterators.get(data.get("ShardIterator"))
        status, headers, body = get(data)
        stream = kinesis._streams.get(at["stream"]) if at and status == 200 else None
        shard = stream and stream["shards"].get(at["shard_id"])
        if shard and "ending_sequence_number" in shard:
            answer = json.loads(body)
            if at["position"] + len(answer["Records"]) >= len(shard["records"]):
                del answer["NextShardIterator"]
                body = json.dumps(answer).encode()
        return status, headers, body

    return get_records


def _routing_to_open_shards(route: Callable[[int, Stream], str]) -> Callable[[int, Stream], str]:
    return lambda hash_key, stream: route(hash_key, {**stream, "shards": _open(stream)})


def _with_end(describe: Callable[[str, Any], dict[str, Any]]) -> Callable[[str, Any], dict[str, Any]]:
    def shard_out(name: str, shard: dict[str, Any]) -> dict[str, Any]:
        described = describe(name, shard)
        if "ending_sequence_number" in shard:
            described["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return described

    return shard_out


def _answer(**values: Any) -> Answer:
    answer: Answer = kinesis.json_response(values)
    return answer
