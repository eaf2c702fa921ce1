"""Calls `BatchWriteItem`: signed here, and sent over connections that the execution environment keeps open.

boto3's client takes most of the function's CPU time to sign and send (benchmarks/README.md has the figures). What
only botocore knows is left to it, once for each execution environment: the endpoint, the proxy, the certificates, and
the credentials with their renewal. Errors are those that the client raises.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import time
from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.session
from botocore import exceptions
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from handler.connection import Connection
from handler.errors import VariableError
from handler.retries import CONNECT_TIMEOUT


class BatchWriteClient:
    """DynamoDB's endpoint; several threads may call it."""

    def __init__(self) -> None:
        session = botocore.session.get_session()
        meta = session.create_client("dynamodb").meta
        self._credentials = session.get_credentials()
        self._region, self._endpoint = meta.region_name, meta.endpoint_url
        self._url = urlsplit(self._endpoint)
        self._tls: ssl.SSLContext | None = None
        if self._url.scheme == "https":
            bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
            self._tls = ssl.create_default_context(cafile=bundle or get_cert_path(True))
        proxy = get_environ_proxies(self._endpoint).get(self._url.scheme)
        self._proxy = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        if self._proxy and self._proxy.scheme != "http":
            raise VariableError(f"The proxy {self._proxy.hostname} must be an http:// address")
        self._idle: list[Connection] = []

    def call(self, body: bytes, deadline: float) -> dict[str, Any]:
        """Make one call with a request's JSON, and return the answer's.

        Args:
            deadline: when the call fails if there is no whole answer yet, on the monotonic clock.

        Raises:
            botocore.exceptions.ClientError: DynamoDB rejects the call.
            botocore.exceptions.BotoCoreError: there is no answer, or there are no credentials.
        """
        if self._credentials is None:
            raise exceptions.NoCredentialsError
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        keys = self._credentials.get_frozen_credentials()
        headers = sign(body, self._url.netloc, self._url.path or "/", self._region, keys, now)
        status, answer = self._exchange(body, headers, deadline)
        try:
            content: dict[str, Any] = dict(json.loads(answer))
        except (TypeError, ValueError) as error:
            if status == 200:
                raise exceptions.HTTPClientError(error=f"the answer is no JSON object: {error}") from error
            content = {}
        if status == 200:
            return content
        kind = content.get("__type")
        response: Any = {
            "Error": {
                "Code": kind.rpartition("#")[2] if isinstance(kind, str) else str(status),
                "Message": str(content.get("message") or content.get("Message") or ""),
            },
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        raise exceptions.ClientError(response, "BatchWriteItem")

    def _exchange(self, body: bytes, headers: dict[str, str], deadline: float) -> tuple[int, bytes]:
        if kept := self._take_idle():
            try:
                return self._exchange_over(kept, body, headers, deadline)
            except exceptions.ConnectionClosedError:
                # It was closed while it was idle or the execution environment was frozen. The same writes twice
                # leave the same items.
                pass
        return self._exchange_over(self._connect(deadline), body, headers, deadline)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if connection.is_reusable():
                return connection
            connection.close()
        return None

    def _exchange_over(
        self, connection: Connection, body: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[int, bytes]:
        try:
            answer = connection.exchange(self._url.path or "/", body, headers, deadline)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raised = (
                exceptions.ReadTimeoutError
                if isinstance(error, TimeoutError)
                else exceptions.ConnectionClosedError
            )
            raise raised(endpoint_url=self._endpoint, error=error) from error
        self._idle.append(connection)
        return answer

    def _connect(self, deadline: float) -> Connection:
        timeout = min(CONNECT_TIMEOUT, max(0.0, deadline - time.monotonic()))
        host, port = self._url.hostname or "", self._url.port
        first = (self._proxy.hostname or "", self._proxy.port or 80) if self._proxy else (host, port)
        connection = (
            http.client.HTTPSConnection(*first, timeout=timeout, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(*first, timeout=timeout)
        )
        if self._proxy:
            user, password = unquote(self._proxy.username or ""), unquote(self._proxy.password or "")
            basic = {"Proxy-Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
            connection.set_tunnel(host, port, basic if user else {})
        try:
            connection.connect()
        except (TimeoutError, BlockingIOError) as error:
            raise exceptions.ConnectTimeoutError(endpoint_url=self._endpoint, error=error) from error
        except ssl.SSLError as error:
            raise exceptions.SSLError(endpoint_url=self._endpoint, error=error) from error
        except OSError as error:
            raise exceptions.EndpointConnectionError(endpoint_url=self._endpoint, error=error) from error
        return Connection(connection)


def sign(
    body: bytes, host: str, path: str, region: str, keys: ReadOnlyCredentials, now: str
) -> dict[str, str]:
    """Return a call's headers, signed ("Create a signed AWS API request", AWS Identity and Access Management).

    `now` is UTC, as in `20261123T144128Z`.
    """
    headers = {"content-type": "application/x-amz-json-1.0", "host": host, "x-amz-date": now}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    headers["x-amz-target"] = "DynamoDB_20120810.BatchWriteItem"
    signed = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n{path}\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{now[:8]}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{keys.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={keys.access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={key.hex()}"
    return {**headers, "authorization": authorization, "user-agent": "stream-processing"}
