"""Writes records that can never be stored to the quarantine bucket, with the reason."""

import re
import threading
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, ClientError

from handler.endpoint import Endpoint
from handler.retries import attempts, error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_HEADERS = {"content-type": "application/json", "x-amz-content-sha256": ""}
_ERROR_CODE = re.compile(rb"<Code>([\w.-]+)</Code>")
"""In the answer to a call that fails ("Error responses", Amazon S3 API Reference)."""


class QuarantineBucket:
    """The bucket; its endpoint is looked up when it is needed, because most execution environments never need one."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._endpoint: Endpoint | None = None
        self._finding = threading.Lock()

    def write(self, key: str, body: bytes, deadline: float) -> str | None:
        """Write an object; return the cause if that failed, else None.

        A failed call does not raise: its records are reported instead, and retried.
        """
        cause = "no time left"
        for timeout in attempts(deadline):
            try:
                self._put(key, body, min(time.monotonic() + timeout, deadline))
            except (BotoCoreError, ClientError) as error:
                cause = error_code(error)
                if not is_transient(error):
                    break
            else:
                return None
        return cause

    def _put(self, key: str, body: bytes, deadline: float) -> None:
        with self._finding:
            if self._endpoint is None:
                self._endpoint = _find_endpoint(self._bucket)
        status, answer, _ = self._endpoint.call("PUT", f"/{quote(key)}", body, _HEADERS, deadline)
        if status != 200:
            code = _ERROR_CODE.search(answer)
            response: Any = {
                "Error": {"Code": code[1].decode() if code else str(status)},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }
            raise ClientError(response, "PutObject")


def _find_endpoint(bucket: str) -> Endpoint:
    """Return where botocore's client puts the objects of a bucket, which partition, configuration and name decide."""
    session = botocore.session.get_session()
    client = cast("S3Client", session.create_client("s3"))
    urls: list[str] = []

    def intercept(params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:
        urls.append(params["url"])
        return AWSResponse(params["url"], 200, HTTPHeaders(), None), {}  # in place of the call

    client.meta.events.register("before-call.s3.PutObject", intercept)  # type: ignore[arg-type] # it may answer
    client.put_object(Bucket=bucket, Key="key")
    return Endpoint(session, "s3", client.meta.region_name, urls[0].removesuffix("/key"))
