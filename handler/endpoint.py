"""Calls of AWS: signed here, and sent over connections that the execution environment keeps open.

boto3's clients take most of the function's CPU time to sign and send (benchmarks/README.md has the figures). What
only botocore knows is left to it: the endpoint, the proxy, the certificates, and the credentials with their renewal.
Errors are those that the clients raise.
"""

import hashlib
import hmac
import http.client
import os
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from botocore import exceptions
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import get_cert_path
from botocore.session import Session
from botocore.utils import get_environ_proxies

from handler.connection import Answer, Connection
from handler.errors import VariableError
from handler.retries import CONNECT_TIMEOUT


class Endpoint:
    """A service at a URL; several threads may call it."""

    def __init__(self, session: Session, service: str, region: str, url: str) -> None:
        """Take over what the session knows; no connection is opened yet."""
        self.url = url
        self._service, self._region = service, region
        self._credentials = session.get_credentials()
        self._parts = urlsplit(url)
        self._tls: ssl.SSLContext | None = None
        if self._parts.scheme == "https":
            bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
            self._tls = ssl.create_default_context(cafile=bundle or get_cert_path(True))
        proxy = get_environ_proxies(url).get(self._parts.scheme)
        self._proxy = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
        if self._proxy and self._proxy.scheme != "http":
            raise VariableError(f"The proxy {self._proxy.hostname} must be an http:// address")
        self._idle: list[Connection] = []

    def call(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        """Make one call; return its answer.

        Args:
            path: behind that of the URL, and escaped as in a URL.
            deadline: when the call fails if there is no whole answer yet, on the monotonic clock.

        Raises:
            botocore.exceptions.BotoCoreError: there is no answer, or there are no credentials.
        """
        if self._credentials is None:
            raise exceptions.NoCredentialsError
        path = self._parts.path + path or "/"
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        keys = self._credentials.get_frozen_credentials()
        scope = f"{now[:8]}/{self._region}/{self._service}/aws4_request"
        signed = sign(method, path, body, {**headers, "host": self._parts.netloc}, scope, keys, now)
        if kept := self._take_idle():
            try:
                return self._exchange(kept, method, path, body, signed, deadline)
            except exceptions.ConnectionClosedError:
                # It was closed while it was idle or the execution environment was frozen. The same writes twice
                # leave the same items and objects.
                pass
        return self._exchange(self._connect(deadline), method, path, body, signed, deadline)

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

    def _exchange(
        self,
        connection: Connection,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        deadline: float,
    ) -> Answer:
        try:
            answer = connection.exchange(method, path, body, headers, deadline)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raised = (
                exceptions.ReadTimeoutError
                if isinstance(error, TimeoutError)
                else exceptions.ConnectionClosedError
            )
            raise raised(endpoint_url=self.url, error=error) from error
        self._idle.append(connection)
        return answer

    def _connect(self, deadline: float) -> Connection:
        timeout = min(CONNECT_TIMEOUT, max(0.0, deadline - time.monotonic()))
        host, port = self._parts.hostname or "", self._parts.port
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
            raise exceptions.ConnectTimeoutError(endpoint_url=self.url, error=error) from error
        except ssl.SSLError as error:
            raise exceptions.SSLError(endpoint_url=self.url, error=error) from error
        except OSError as error:
            raise exceptions.EndpointConnectionError(endpoint_url=self.url, error=error) from error
        return Connection(connection)


def sign(
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    scope: str,
    keys: ReadOnlyCredentials,
    now: str,
) -> dict[str, str]:
    """Return a call's headers, signed ("Create a signed AWS API request", AWS Identity and Access Management).

    `now` is UTC, as in `20261123T144128Z`; `scope` its date, the region, the service, and `aws4_request`. A header
    `x-amz-content-sha256`, which S3 wants, gets the hash of the body.
    """
    digest = hashlib.sha256(body).hexdigest()
    named = {**headers, "x-amz-date": now}
    if "x-amz-content-sha256" in named:
        named["x-amz-content-sha256"] = digest
    if keys.token:
        named["x-amz-security-token"] = keys.token
    ordered = sorted(named.items())
    signed = ";".join([name for name, _ in ordered])
    lines = "".join([f"{name}:{value}\n" for name, value in ordered])
    request = f"{method}\n{path}\n\n{lines}\n{signed}\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{keys.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={keys.access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={key.hex()}"
    return {**named, "authorization": authorization, "user-agent": "stream-processing"}
