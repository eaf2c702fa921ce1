"""Writes records that can never be stored to the quarantine bucket, with the reason."""

import threading
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from handler.calls import CLIENT, attempts, error_code, is_transient
from handler.quarantine_format import object_body, object_key
from handler.record import KinesisRecord
from handler.tweet import PoisonError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class QuarantineBucket:
    """The bucket; its client is created for the first poison record, because most sandboxes never see one."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client: S3Client | None = None
        self._making = threading.Lock()

    def write(self, record: KinesisRecord, poison: PoisonError, function: str, deadline: float) -> str | None:
        """Write the record to the bucket; return the cause if that failed, else None.

        A failed call does not raise: the record is reported instead, and retried.
        """
        cause = "no time left"
        for _ in attempts(deadline):
            try:
                self._s3().put_object(
                    Bucket=self._bucket,
                    Key=object_key(record, poison),
                    Body=object_body(record, poison, function),
                    ContentType="application/json",
                )
            except (BotoCoreError, ClientError) as error:
                cause = error_code(error)
                if not is_transient(error):
                    break
            else:
                return None
        return cause

    def _s3(self) -> "S3Client":
        with self._making:
            if self._client is None:
                client = botocore.session.get_session().create_client("s3", config=CLIENT)
                self._client = cast("S3Client", client)
            return self._client
