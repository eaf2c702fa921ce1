"""Calls of botocore's clients that the function's HTTP client makes (`handler/endpoint.py`).

A client takes 2 ms of CPU time for a call, nine tenths of it to sign, send and parse. So botocore validates and
serializes a request, and chooses its endpoint; the rest is done here in a quarter of the time. Whatever is not answered
with 200 botocore calls again by itself, with its retries and its errors. Hence this is for operations that read.
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.session import Session

from handler.connection import Answer
from handler.endpoint import Endpoint

_OK = AWSResponse("", 200, HTTPHeaders(), None)
"""What botocore asks of an answer that is parsed."""


def call_directly(
    client: BaseClient, session: Session, parse: Callable[[Answer], dict[str, Any]], *operations: str
) -> None:
    """Let a client make the calls of some operations directly.

    Args:
        session: has the client's credentials.
        parse: returns what the client's method does; if it raises an exception, botocore makes the call.
    """
    service_name = client.meta.service_model.service_name
    read_timeout: float = client.meta.config.read_timeout  # type: ignore[attr-defined] # as all options
    endpoints: dict[tuple[str, str, str], Endpoint] = {}

    def call(
        params: dict[str, Any], request_signer: Any, context: dict[str, Any], **_: object
    ) -> tuple[AWSResponse, dict[str, Any]] | None:
        if context["auth_type"] not in (None, "v4") or params["query_string"]:
            return None
        url, signing = urlsplit(params["url"]), context.get("signing", {})
        service = signing.get("signing_name", request_signer.signing_name)
        region = signing.get("region", request_signer.region_name)
        place = service, region, f"{url.scheme}://{url.netloc}"
        headers = {name.lower(): value for name, value in params["headers"].items() if name != "User-Agent"}
        if service_name == "s3":
            headers["x-amz-content-sha256"] = ""  # filled in with the signature
        deadline = time.monotonic() + read_timeout
        try:
            if (endpoint := endpoints.get(place)) is None:
                endpoint = endpoints[place] = Endpoint(session, *place)
            answer = endpoint.call(params["method"], url.path, params["body"], headers, deadline)
            return (_OK, parse(answer)) if answer.status == 200 else None
        except Exception:  # noqa: BLE001 # whatever it is, botocore says it, if it fails as well
            return None

    for operation in operations:
        client.meta.events.register(
            f"before-call.{service_name}.{operation}",
            call,  # type: ignore[arg-type] # it may answer
        )
