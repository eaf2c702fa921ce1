"""The commands of `ops quarantine`, and the look of `status` at it."""

import base64
import functools
import json
from itertools import count

from benchmarks.operators.runner import Case
from benchmarks.operators.s3 import Bucket
from local.stubs.http import Answer, Request, Response

OUTPUTS = {
    "region": "us-east-1",
    "quarantine_bucket": "quarantine",
    "stream_name": "dev-EventStream",
    "function_name": "dev-DDBEventProcessor",
    "table_name": "dev-EventData",
    "event_type": "tweet",
    "max_record_kib": "1024",
}
_SHARD = "shardId-000000000000"
_FIRST_NUMBER = 49590338271490256608559692538361571095921575989136588898
_ARN = f"arn:aws:kinesis:us-east-1:000000000000:stream/{OUTPUTS['stream_name']}"
_SUMMARY = {
    "StreamName": OUTPUTS["stream_name"],
    "StreamARN": _ARN,
    "StreamStatus": "ACTIVE",
    "RetentionPeriodHours": 24,
    "StreamCreationTimestamp": 0,
    "OpenShardCount": 1,
    "EnhancedMonitoring": [],
}
_PAYLOAD = base64.b64encode(b"x" * 300).decode()


def _key(number: int, reason: str = "not-json") -> str:
    return f"records/{reason}/2026-11-29/{_SHARD}/{_FIRST_NUMBER + number}.json"


def _body(key: str) -> bytes:
    """Return the content of an object or a marker, as the function and release 1.1 write them."""
    number = key.rpartition("/")[2].removesuffix(".json")
    if key.startswith("redriven/"):
        return json.dumps({"redrives": 1, "redrivenAt": "2026-11-29T00:00:00Z"}).encode()
    return json.dumps(
        {
            "reason": "not-json",
            "error": "made up",
            "payload": _PAYLOAD,
            "partitionKey": f"user-{number[-3:]}",
            "sequenceNumber": number,
            "shardId": _SHARD,
            "arrivalTime": "2026-11-29T00:00:00.000Z",
            "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/dev-EventStream",
            "function": "dev-DDBEventProcessor",
            "quarantinedAt": "2026-11-29T00:00:01.000Z",
        }
    ).encode()


def services(objects: int, markers: int = 0, invalid: int = 0) -> Answer:
    """Return a stream, and a quarantine with so many objects that are no JSON, old markers, and invalid objects."""
    marked = (f"redriven/{_FIRST_NUMBER - number}.json" for number in range(1, markers + 1))
    others = (_key(number, "invalid") for number in range(invalid))
    bucket = Bucket(sorted([*map(_key, range(objects)), *marked, *others]), _body)
    numbers = count(_FIRST_NUMBER + 10**9)

    async def answer(request: Request) -> Response:
        if request.headers.get("x-amz-target", "").endswith(".PutRecords"):
            put = len(json.loads(request.body)["Records"])
            results = [{"SequenceNumber": str(next(numbers)), "ShardId": _SHARD} for _ in range(put)]
            return Response(body=json.dumps({"FailedRecordCount": 0, "Records": results}).encode())
        if request.headers.get("x-amz-target", "").endswith(".DescribeStreamSummary"):
            return Response(body=json.dumps({"StreamDescriptionSummary": _SUMMARY}).encode())
        if "/event-source-mappings" in request.path:
            return Response(body=b'{"EventSourceMappings": []}')
        if request.path.startswith(f"/{OUTPUTS['quarantine_bucket']}"):
            return bucket.answer(request)
        return Response(
            status=400, body=b'{"__type": "AccessDeniedException", "message": "only the quarantine"}'
        )

    return answer


thousand = functools.partial(services, 1000)
beside_markers = functools.partial(services, 1000, markers=200_000)
hundred_thousand = functools.partial(services, 100_000)
million = functools.partial(services, 990_000, invalid=10_000)


def _check_counted(printed: str) -> None:
    assert "0,000 objects" in printed, printed  # or "more than 10,000 objects"


_HERE = "benchmarks.operators.quarantine"
CASES = [
    Case(
        "`quarantine redrive`, 1,000 objects",
        ["quarantine", "redrive", "--rate", "10000"],
        f"{_HERE}:thousand",
        OUTPUTS,
        work=1000,
    ),
    Case(
        "`quarantine show KEY`, no markers",
        ["quarantine", "show", _key(1)],
        f"{_HERE}:thousand",
        OUTPUTS,
    ),
    Case(
        "`quarantine show KEY`, 200,000 markers",
        ["quarantine", "show", _key(1)],
        f"{_HERE}:beside_markers",
        OUTPUTS,
    ),
    Case(
        "`status`, 100,000 objects in quarantine",
        ["status"],
        f"{_HERE}:hundred_thousand",
        OUTPUTS,
        exit_codes=(1,),  # nothing but the quarantine and the stream may be read
        check=_check_counted,
    ),
    *(
        Case(
            f"a million objects: `{command}`",
            command.replace("KEY", _key(500_000)).split(),
            f"{_HERE}:million",
            OUTPUTS,
            work=work,
            exit_codes=(1,) if command == "status" else (0,),
            compared=False,
        )
        for command, work in (
            ("quarantine list", 1),
            ("status", 1),
            ("quarantine show KEY", 1),
            ("quarantine redrive --reason invalid --rate 10000", 10_000),
            ("quarantine purge --yes", 1_000_000),
        )
    ),
]
