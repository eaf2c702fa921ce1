"""Gives ministack's streams the limits that Kinesis has now: a record's size, 10 MiB a call, warm throughput.

ministack knows 1 MiB a record and 5 MiB a call ("PutRecords" and "UpdateMaxRecordSize", Amazon Kinesis API Reference).
"""

import base64
import time
from typing import Any

from ministack.services import kinesis

from local.aws.faults import Answer

Record = dict[str, Any]
Stream = dict[str, Any]

MAX_CALL_BYTES = 10 * 1024 * 1024
MAX_RECORDS = 500
MIN_RECORD_KIB, MAX_RECORD_KIB = 1024, 10240
_SIZE = "MaxRecordSizeInKiB"

_WARM = "WarmThroughput"

_create_stream = kinesis._create_stream


def create_stream(data: dict[str, Any]) -> Answer:
    """CreateStream, with the limit of a record."""
    answer: Answer = _create_stream(data)
    if answer[0] == 200:
        stream = kinesis._streams[data["StreamName"]]
        stream[_SIZE] = data.get(_SIZE, MIN_RECORD_KIB)
        _warm(stream, data.get(f"{_WARM}MiBps", 0))
    return answer


def update_max_record_size(data: dict[str, Any]) -> Answer:
    """UpdateMaxRecordSize."""
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _error("ResourceNotFoundException", f"Stream {name} not found.")
    size = data[_SIZE]
    if not MIN_RECORD_KIB <= size <= MAX_RECORD_KIB:
        return _error(
            "ValidationException", f"{_SIZE} must be between {MIN_RECORD_KIB} and {MAX_RECORD_KIB}."
        )
    stream[_SIZE] = size
    answer: Answer = kinesis.json_response({})
    return answer


def update_warm_throughput(data: dict[str, Any]) -> Answer:
    """UpdateStreamWarmThroughput, in an account with on-demand advantage."""
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _error("ResourceNotFoundException", f"Stream {name} not found.")
    if stream["StreamModeDetails"]["StreamMode"] != "ON_DEMAND":
        return _error("ValidationException", "Warm throughput is for streams in ON_DEMAND mode.")
    _warm(stream, data[f"{_WARM}MiBps"])
    answer: Answer = kinesis.json_response({"StreamName": stream["StreamName"], _WARM: stream[_WARM]})
    return answer


def summary(stream: Stream) -> dict[str, Any]:
    """Return the members of DescribeStreamSummary's answer."""
    return {name: stream[name] for name in (_SIZE, _WARM)}


def _warm(stream: Stream, throughput: int) -> None:
    stream[_WARM] = {"TargetMiBps": throughput, "CurrentMiBps": throughput}


def put_record(data: dict[str, Any]) -> Answer:
    """PutRecord."""
    _, stream = kinesis._resolve_stream(data)
    if error := _excess([data], stream):
        return error
    kinesis._expire_records(stream)
    answer: Answer = kinesis.json_response(_store(data, stream))
    return answer


def put_records(data: dict[str, Any]) -> Answer:
    """PutRecords."""
    _, stream = kinesis._resolve_stream(data)
    if error := _excess(data["Records"], stream):
        return error
    kinesis._expire_records(stream)
    results = [_store(record, stream) for record in data["Records"]]
    answer: Answer = kinesis.json_response({"FailedRecordCount": 0, "Records": results})
    return answer


def _excess(records: list[Record], stream: Stream) -> Answer | None:
    """Return the rejection of records that exceed a limit of the call or of the stream."""
    if len(records) > MAX_RECORDS:
        return _error("ValidationException", f"A call has at most {MAX_RECORDS} records.")
    sizes = []
    for record in records:
        key = record.get("PartitionKey", "")
        if not 1 <= len(key) <= 256:
            return _error("ValidationException", "A partition key has 1 to 256 characters.")
        sizes.append(len(base64.b64decode(record["Data"])) + len(key.encode()))
    if max(sizes) > stream[_SIZE] * 1024:
        return _error("InvalidArgumentException", f"A record of this stream has at most {stream[_SIZE]} KiB.")
    if sum(sizes) > MAX_CALL_BYTES:
        return _error("InvalidArgumentException", f"A call has at most {MAX_CALL_BYTES} bytes.")
    return None


def _store(record: Record, stream: Stream) -> dict[str, str]:
    explicit, key = record.get("ExplicitHashKey"), record["PartitionKey"]
    shard = kinesis._route_to_shard(
        int(explicit) if explicit else kinesis._partition_key_to_hash(key), stream
    )
    number: str = kinesis._next_sequence_number()
    stream["shards"][shard]["records"].append(
        {
            "SequenceNumber": number,
            "ApproximateArrivalTimestamp": round(time.time(), 3),
            "Data": record["Data"],
            "PartitionKey": key,
        }
    )
    return {"SequenceNumber": number, "ShardId": shard, "EncryptionType": stream["EncryptionType"]}


def _error(code: str, message: str) -> Answer:
    answer: Answer = kinesis.error_response_json(code, message, 400)
    return answer
