"""Answers in the JSON in which AWS sends them: botocore's parser takes ten times as long for one as orjson."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from handler.connection import Answer


def keep_json_form(client: "BaseClient", *operations: str) -> None:
    """Let a client return the answers of some operations as AWS sends them: binary values in base64, times as numbers.

    Errors, and what is not JSON, are left to botocore, and so are all other operations.
    """
    service = client.meta.service_model.service_name
    for operation in operations:
        client.meta.events.register(f"before-parse.{service}.{operation}", _parse)


def parse_json(answer: "Answer") -> dict[str, Any]:
    """Parse an answer; for `call_directly`.

    Raises:
        ValueError: it is no JSON, or was damaged on its way: DynamoDB sends a checksum.
    """
    checksum = answer.headers.get("x-amz-crc32")
    if checksum and int(checksum) != crc32(answer.body):
        raise ValueError("the checksum is another")
    parsed: dict[str, Any] = orjson.loads(answer.body)
    return parsed


def _parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    if response_dict["status_code"] == 200:
        with suppress(orjson.JSONDecodeError, TypeError, ValueError):
            customized_response_dict.update(orjson.loads(response_dict["body"]))
            response_dict["body"] = b"{}"  # for botocore's parser
