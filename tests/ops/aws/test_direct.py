"""Calls that a client makes directly: botocore's requests and answers, and botocore's errors."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from local.stubs.http import Request, Response, serving
from ops.aws.direct import call_directly
from ops.aws.json_form import parse_json
from ops.aws.s3 import parse_object
from ops.aws.stack import Stack
from tests.ops.aws.test_s3 import ODD_KEYS
from tests.ops.stack import DeployedStack

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

DIRECT = "stream-processing"
"""The user agent of a direct call."""
UNAVAILABLE = Response(status=503, body=b'{"__type":"ServiceUnavailable"}')
PAGE = Response(body=b'{"Records":[],"NextShardIterator":"next","MillisBehindLatest":0}')


class Service:
    """An endpoint whose next answers a test sets."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.answers: list[Response] = []

    @property
    def agents(self) -> list[str]:
        """Who made each of the calls."""
        return [request.headers["user-agent"].partition("/")[0] for request in self.requests]

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0)

    def client(self, session: boto3.Session, name: str) -> Any:
        """Return a client of this endpoint."""
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return session.client(name, endpoint_url=self.url, config=config)  # type: ignore[call-overload]


@pytest.fixture
def service() -> Iterator[Service]:
    served = Service()
    with serving(served.answer) as served.url:
        yield served


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        aws_session_token="token",
        region_name="eu-west-1",
    )


@pytest.fixture
def kinesis(service: Service, session: boto3.Session) -> "KinesisClient":
    client: KinesisClient = service.client(session, "kinesis")
    call_directly(client, session._session, parse_json, "GetRecords")
    return client


@pytest.fixture
def s3(service: Service, session: boto3.Session) -> "S3Client":
    client: S3Client = service.client(session, "s3")
    call_directly(client, session._session, parse_object, "GetObject")
    return client


def test_a_direct_call_has_botocores_request(
    service: Service, session: boto3.Session, kinesis: "KinesisClient"
) -> None:
    service.answers = [PAGE, PAGE]

    service.client(session, "kinesis").get_records(ShardIterator="first", Limit=10)
    answer = kinesis.get_records(ShardIterator="first", Limit=10)

    assert answer["NextShardIterator"] == "next"
    slow, fast = service.requests
    assert (fast.method, fast.path, fast.body) == (slow.method, slow.path, slow.body)
    for name in ("x-amz-target", "content-type", "x-amz-security-token"):
        assert fast.headers[name] == slow.headers[name]
    scope = "/eu-west-1/kinesis/aws4_request,"
    assert scope in slow.headers["authorization"]
    assert scope in fast.headers["authorization"]
    assert service.agents == ["Boto3", DIRECT]


def test_an_object_is_read_directly_with_its_etag(service: Service, s3: "S3Client") -> None:
    service.answers = [Response(body=b"content", headers={"etag": '"tag"'})]

    answer = s3.get_object(Bucket="quarantine", Key="a b/c")

    assert (answer["Body"].read(), answer["ETag"]) == (b"content", '"tag"')
    (request,) = service.requests
    assert request.path == "/quarantine/a%20b/c"
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(b"").hexdigest()  # S3 demands it
    assert service.agents == [DIRECT]


def test_another_operation_is_left_to_botocore(service: Service, s3: "S3Client") -> None:
    service.answers = [Response()]
    s3.head_object(Bucket="quarantine", Key="key")
    assert service.agents == ["Boto3"]


def test_a_request_with_a_query_is_left_to_botocore(service: Service, s3: "S3Client") -> None:
    service.answers = [Response(body=b"content", headers={"etag": '"tag"'})]
    s3.get_object(Bucket="quarantine", Key="key", VersionId="1")
    assert service.agents == ["Boto3"]


@pytest.mark.parametrize(
    "failed",
    [
        UNAVAILABLE,
        Response(status=0),
        Response(body=b"<html>"),
        Response(body=b""),
        Response(body=b"{}", headers={"x-amz-crc32": "1"}),
    ],
    ids=["unavailable", "closed", "no JSON", "empty", "damaged"],
)
def test_a_call_that_fails_is_made_again_by_botocore(
    service: Service, kinesis: "KinesisClient", failed: Response
) -> None:
    service.answers = [failed, PAGE]
    assert kinesis.get_records(ShardIterator="first")["NextShardIterator"] == "next"
    assert service.agents == [DIRECT, "Boto3"]


def test_an_error_is_botocores(service: Service, kinesis: "KinesisClient") -> None:
    expired = Response(status=400, body=b'{"__type":"ExpiredIteratorException","message":"too old"}')
    service.answers = [expired, expired]
    with pytest.raises(kinesis.exceptions.ExpiredIteratorException, match="too old"):
        kinesis.get_records(ShardIterator="first")


def test_a_missing_object_is_botocores_error(service: Service, s3: "S3Client") -> None:
    missing = Response(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
    service.answers = [missing, missing]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="quarantine", Key="key")


def test_a_service_that_is_gone_is_botocores_error(session: boto3.Session) -> None:
    gone = Service()
    with serving(gone.answer) as gone.url:
        client = gone.client(session, "kinesis")
    call_directly(client, session._session, parse_json, "GetRecords")
    with pytest.raises(EndpointConnectionError):
        client.get_records(ShardIterator="first")


def test_objects_and_iterators_are_read_directly_as_botocore_reads_them(stack: DeployedStack) -> None:
    bucket = stack.outputs["quarantine_bucket"]
    for key in ODD_KEYS:
        stack.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    operator = Stack({"region": "us-east-1"}, dict, stack.aws.endpoint)

    with patch.object(operator.s3._endpoint, "make_request", side_effect=AssertionError):  # type: ignore[attr-defined]
        answers = [operator.s3.get_object(Bucket=bucket, Key=key) for key in ODD_KEYS]

    assert [answer["Body"].read() for answer in answers] == [key.encode() for key in ODD_KEYS]
    assert [answer["ETag"] for answer in answers] == [
        stack.s3.head_object(Bucket=bucket, Key=key)["ETag"] for key in ODD_KEYS
    ]
