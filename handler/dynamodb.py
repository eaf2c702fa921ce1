"""Calls `BatchWriteItem`."""

import json
from typing import Any

import botocore.session
from botocore import exceptions

from handler.endpoint import Endpoint

_HEADERS = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "DynamoDB_20120810.BatchWriteItem",
}


class BatchWriteClient:
    """DynamoDB's endpoint; several threads may call it."""

    def __init__(self) -> None:
        session = botocore.session.get_session()
        meta = session.create_client("dynamodb").meta
        self.endpoint = Endpoint(session, "dynamodb", meta.region_name, meta.endpoint_url)

    def call(self, body: bytes, deadline: float) -> dict[str, Any]:
        """Make one call with a request's JSON, and return the answer's.

        Args:
            deadline: when the call fails if there is no whole answer yet, on the monotonic clock.

        Raises:
            botocore.exceptions.ClientError: DynamoDB rejects the call.
            botocore.exceptions.BotoCoreError: there is no answer, or there are no credentials.
        """
        status, answer, _ = self.endpoint.call("POST", "", body, _HEADERS, deadline)
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
