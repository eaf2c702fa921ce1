"""Requests as a web page would send them reach neither local AWS nor local X."""

import http.client
from urllib.parse import urlsplit

import pytest

from local.aws.local_aws import LocalAws
from local.x.server import XServer
from tests.waiting import SECONDS

PAGES = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Mode": "no-cors"},
    {"Host": "evil.example"},
    {"Host": "evil.example:4566"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
]


def request(url: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, str | None]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)
    connection.request(method, path, body=b"{}" if method in ("POST", "PUT") else None, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.getheader("Access-Control-Allow-Origin")


@pytest.mark.parametrize("headers", PAGES, ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("OPTIONS", "/2015-03-31/functions"),
        ("POST", "/2015-03-31/functions"),
        ("GET", "/_ministack/health"),
        ("POST", "/_ministack/reset"),
        ("PUT", "/_local/faults"),
        ("GET", "/_local/credentials/any"),
    ],
)
def test_a_web_page_gets_nothing_from_local_aws(
    aws: LocalAws, method: str, path: str, headers: dict[str, str]
) -> None:
    assert request(aws.endpoint, method, path, headers) == (403, None)


@pytest.mark.parametrize("headers", PAGES, ids=str)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/oauth2/token"), ("GET", "/2/tweets/search/stream"), ("GET", "/anything")]
)
def test_a_web_page_gets_nothing_from_local_x(method: str, path: str, headers: dict[str, str]) -> None:
    with XServer() as x:
        assert request(x.url, method, path, headers) == (403, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_program_on_this_machine_is_answered_without_cors_headers(aws: LocalAws, host: str) -> None:
    headers = {"Host": f"{host}:{aws.port}"}
    assert request(aws.endpoint, "GET", "/_ministack/health", headers) == (200, None)
