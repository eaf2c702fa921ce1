"""Deletes objects of a bucket, many with one call."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_MAX_DELETED = 1000
"""Keys of one DeleteObjects (Amazon S3 API reference)."""
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold; a key with one of them is deleted by a call of its own."""


def delete_objects(s3: "S3Client", bucket: str, keys: Iterable[str]) -> None:
    """Delete objects; one that does not exist is not an error.

    Raises:
        botocore.exceptions.ClientError: a call is denied.
        OSError: S3 did not delete some of them; the message names the first.
    """
    listed: list[ObjectIdentifierTypeDef] = []
    for key in keys:
        if _NOT_IN_XML.search(key):
            s3.delete_object(Bucket=bucket, Key=key)
        else:
            listed.append({"Key": key})
    for start in range(0, len(listed), _MAX_DELETED):
        answer = s3.delete_objects(
            Bucket=bucket, Delete={"Objects": listed[start : start + _MAX_DELETED], "Quiet": True}
        )
        if errors := answer.get("Errors"):
            raise OSError(
                f"{len(errors)} of {len(listed)} objects could not be deleted, the first is "
                f"{errors[0].get('Key')}: {errors[0].get('Code')} {errors[0].get('Message')}"
            )
