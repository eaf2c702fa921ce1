"""The function's own call of DynamoDB: botocore's signature, its errors, its configuration."""

import asyncio
import json
import select
import threading
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest
from botocore import exceptions
from botocore.credentials import ReadOnlyCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.dynamodb import BatchWriteClient
from handler.errors import VariableError
from handler.retries import is_transient
from local.stubs.http import Request, Response, constant_answer, make_certificate, serving

BODY = b'{"RequestItems":{"dev-EventData":[]}}'
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "first",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
UNASKED = b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"UnprocessedItems":{}}'
IDLE_TOO_LONG = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"
OTHER_STATUSES = st.integers(0, 999).filter(lambda status: status != 200)


def soon() -> float:
    """Return a deadline that no test meets unless it hangs."""
    return time.monotonic() + 60


def answer_number(number: int) -> dict[str, dict[str, list[str]]]:
    return {"UnprocessedItems": {str(number): []}}


class Service:
    """An endpoint whose next answers a test sets."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        self.silent = False

    @cached_property
    def writer(self) -> BatchWriteClient:
        """One writer for all examples of a property, because it takes long to create."""
        return BatchWriteClient()

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self.silent:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else Response(body=b'{"UnprocessedItems":{}}')


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lambda's environment, without anything of this machine's."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def service(environment: pytest.MonkeyPatch) -> Iterator[Service]:
    served = Service()
    with serving(served.answer) as url:
        environment.setenv("AWS_ENDPOINT_URL", url)
        yield served


def test_a_call_is_signed_with_the_session_token_and_answers_with_json(service: Service) -> None:
    service.answers = [Response(body=b'{"UnprocessedItems":{"t":[]}}')]
    assert BatchWriteClient().call(BODY, soon()) == {"UnprocessedItems": {"t": []}}
    (request,) = service.requests
    assert (request.method, request.path, request.body) == ("POST", "/", BODY)
    assert request.headers["x-amz-security-token"] == "token"
    assert "Credential=first/" in request.headers["authorization"]
    assert "/eu-west-1/dynamodb/aws4_request, " in request.headers["authorization"]


def test_credentials_are_asked_for_at_each_call(service: Service, environment: pytest.MonkeyPatch) -> None:
    writer = BatchWriteClient()
    writer.call(BODY, soon())
    assert writer.endpoint._credentials
    environment.setattr(
        writer.endpoint._credentials,
        "get_frozen_credentials",
        lambda: ReadOnlyCredentials("renewed", "secret", None),
    )
    writer.call(BODY, soon())
    assert "Credential=renewed/" in service.requests[1].headers["authorization"]
    assert "x-amz-security-token" not in service.requests[1].headers


@pytest.mark.usefixtures("environment")
def test_the_endpoint_is_the_regions() -> None:
    assert BatchWriteClient().endpoint.url == "https://dynamodb.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (
            400,
            b'{"__type":"com.amazonaws.dynamodb.v20120810#Throttled","message":"slow"}',
            "Throttled",
            "slow",
        ),
        (400, b'{"__type":"AccessDeniedException","Message":"denied"}', "AccessDeniedException", "denied"),
        (500, b'{"__type":"InternalServerError"}', "InternalServerError", ""),
        (503, b"<html>", "503", ""),
        (502, b'["gateway"]', "502", ""),
        (500, b'{"__type":null,"message":null}', "500", ""),
        (500, b'{"__type":7,"message":{"text":8}}', "500", "{'text': 8}"),
        (408, b"", "408", ""),
        (429, b"slow down", "429", ""),
    ],
)
def test_an_error_of_dynamodb_is_botocores_client_error(
    service: Service, status: int, body: bytes, code: str, message: str
) -> None:
    service.answers = [Response(status, body)]
    with pytest.raises(exceptions.ClientError) as raised:
        BatchWriteClient().call(BODY, soon())
    assert raised.value.response["Error"] == {"Code": code, "Message": message}
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert is_transient(raised.value) == (status in (408, 429) or status >= 500)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[1]"])
def test_an_answer_that_is_no_json_object_is_a_transient_error(service: Service, body: bytes) -> None:
    service.answers = [Response(body=body)]
    with pytest.raises(exceptions.HTTPClientError, match="no JSON object") as raised:
        BatchWriteClient().call(BODY, soon())
    assert is_transient(raised.value)


def test_a_connection_is_kept_and_one_that_went_stale_is_replaced_within_the_call(service: Service) -> None:
    writer = BatchWriteClient()
    writer.call(BODY, soon())
    (kept,) = writer.endpoint._idle
    writer.call(BODY, soon())
    assert writer.endpoint._idle == [kept]
    service.answers = [Response(0)]  # closes the connection, as after the execution environment was frozen
    assert writer.call(BODY, soon()) == {"UnprocessedItems": {}}
    assert len(service.requests) == 4
    assert writer.endpoint._idle != [kept]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (EARLY_HINTS, b""),
        (EARLY_HINTS * 3, b""),
        (b"", UNASKED),
        (b"", UNASKED[:30]),
        (b"", IDLE_TOO_LONG),
        (b"", b"\r\n"),
        (EARLY_HINTS, UNASKED),
    ],
    ids=["103", "three times 103", "second answer", "half an answer", "408", "line end", "103 and an answer"],
)
def test_each_call_gets_its_own_answer_whatever_else_the_connection_brings(
    service: Service, before: bytes, after: bytes
) -> None:
    writer = BatchWriteClient()
    service.answers = [
        Response(body=json.dumps(answer_number(number)).encode(), before=before, after=after)
        for number in range(3)
    ]

    assert [writer.call(BODY, soon()) for _ in range(3)] == [answer_number(number) for number in range(3)]
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    "late", [UNASKED, IDLE_TOO_LONG, b"", b"\r\n"], ids=["200", "408", "end", "line end"]
)
def test_a_connection_that_brings_something_while_it_is_idle_is_not_used_again(
    service: Service, late: bytes
) -> None:
    writer, hold = BatchWriteClient(), threading.Event()
    service.answers = [Response(body=b"{}", after=late, hold=hold)]
    writer.call(BODY, soon())
    (kept,) = writer.endpoint._idle
    hold.set()
    assert select.select([kept._socket], [], [], 60)[0]

    service.answers = [Response(body=json.dumps(answer_number(1)).encode())]
    assert writer.call(BODY, soon()) == answer_number(1)
    assert len(service.requests) == 2
    assert kept not in writer.endpoint._idle


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.builds(b"HTTP/1.1 %d _\r\n%b".__mod__, st.tuples(OTHER_STATUSES, st.binary(max_size=60)))
)
def test_bytes_that_are_no_answer_are_an_error_and_no_part_of_a_later_answer(
    service: Service, garbage: bytes
) -> None:
    writer = service.writer
    service.answers = [Response(0, before=garbage)] * 2  # over the kept connection, and over a new one
    with pytest.raises((exceptions.BotoCoreError, exceptions.ClientError)):
        writer.call(BODY, soon())
    service.answers = [Response(body=json.dumps(answer_number(1)).encode())]
    assert writer.call(BODY, soon()) == answer_number(1)


def test_a_connection_that_breaks_at_its_first_call_is_a_transient_error(service: Service) -> None:
    service.answers = [Response(0)]
    with pytest.raises(exceptions.ConnectionClosedError) as raised:
        BatchWriteClient().call(BODY, soon())
    assert is_transient(raised.value)


@pytest.mark.parametrize(
    "response",
    [
        Response(pause=0.02, body=bytes(100_000)),
        Response(pause=0.02, before=b"HTTP/1.1 200 " + b"_" * 60_000),
    ],
    ids=["in its body", "in its first line"],
)
def test_an_answer_that_trickles_ends_at_the_deadline(service: Service, response: Response) -> None:
    service.answers = [response]
    with pytest.raises(exceptions.ReadTimeoutError) as raised:
        BatchWriteClient().call(BODY, time.monotonic() + 0.3)
    assert is_transient(raised.value)


def test_an_answer_that_does_not_come_is_a_transient_error_at_the_deadline(service: Service) -> None:
    service.silent = True
    with pytest.raises(exceptions.ReadTimeoutError) as raised:
        BatchWriteClient().call(BODY, time.monotonic() + 0.3)
    assert is_transient(raised.value)


def test_a_deadline_that_has_passed_is_a_transient_error(service: Service) -> None:
    with pytest.raises(exceptions.ConnectTimeoutError) as raised:
        BatchWriteClient().call(BODY, time.monotonic())
    assert is_transient(raised.value)
    assert service.requests == []


def test_a_closed_port_is_a_transient_error(environment: pytest.MonkeyPatch) -> None:
    with serving(Service().answer) as url:
        environment.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(exceptions.EndpointConnectionError) as raised:
        BatchWriteClient().call(BODY, soon())
    assert is_transient(raised.value)


def test_no_credentials_are_an_error_that_is_not_transient(
    service: Service, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(exceptions.NoCredentialsError) as raised:
        BatchWriteClient().call(BODY, soon())
    assert not is_transient(raised.value)
    assert service.requests == []


def test_tls_trusts_the_configured_certificates_and_no_others(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with constant_answer(b"{}", 0, certificate) as url:
        environment.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            BatchWriteClient().call(BODY, soon())
        environment.setenv("AWS_CA_BUNDLE", str(certificate))
        writer = BatchWriteClient()
        assert writer.call(BODY, soon()) == {}
        assert writer.call(BODY, soon()) == {}


def test_a_proxy_is_asked_for_a_tunnel_and_a_host_without_proxy_is_not(
    service: Service, environment: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []

    async def proxy(request: Request) -> Response:
        asked.append(request)
        return Response(200 if request.method == "CONNECT" else 418)

    with serving(proxy) as url:
        environment.setenv("http_proxy", url.replace("http://", "http://user:p%40ss@"))
        with pytest.raises(exceptions.ClientError, match="418"):
            BatchWriteClient().call(BODY, soon())
        environment.setenv("no_proxy", "127.0.0.1")
        BatchWriteClient().call(BODY, soon())
    connect, call = asked
    assert connect.method == "CONNECT"
    assert connect.path == call.headers["host"]
    assert connect.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"
    assert "proxy-authorization" not in call.headers
    assert len(service.requests) == 1


def test_a_proxy_that_speaks_tls_itself_fails_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", "https://proxy.internal:3128")
    with pytest.raises(VariableError, match=r"The proxy proxy.internal must be an http:// address"):
        BatchWriteClient()
