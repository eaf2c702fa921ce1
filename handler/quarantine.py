"""Writes records that can never be stored to the quarantine bucket, with the reason."""

import threading
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from handler.retries import attempts, client_config, error_code, is_transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class QuarantineBucket:
    """The bucket; a client is created when it is needed, because most execution environments never need one."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._clients: dict[float, S3Client] = {}
        """By read timeout: botocore's clients cannot change theirs."""
        self._creating = threading.Lock()

    def write(self, key: str, body: bytes, deadline: float) -> str | None:
        """Write an object; return the cause if that failed, else None.

        A failed call does not raise: its records are reported instead, and retried.
        """
        cause = "no time left"
        for timeout in attempts(deadline):
            try:
                self._client(timeout).put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                )
            except (BotoCoreError, ClientError) as error:
                cause = error_code(error)
                if not is_transient(error):
                    break
            else:
                return None
        return cause

    def _client(self, read_timeout: float) -> "S3Client":
        with self._creating:
            if read_timeout not in self._clients:
                client = botocore.session.get_session().create_client(
                    "s3", config=client_config(read_timeout)
                )
                self._clients[read_timeout] = cast("S3Client", client)
            return self._clients[read_timeout]
