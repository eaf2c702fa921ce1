"""Corrects the resource that ministack evaluates policies of CloudWatch Logs with.

On AWS what happens in a log group is evaluated with `log-group:NAME:log-stream:STREAM`, the stream empty
where the operation names none, so that policies name `log-group:NAME:*` (Amazon CloudWatch Logs User Guide,
"Overview of managing access permissions"). ministack evaluates `log-group:NAME`, which these do not match.
"""

import json
from typing import Any

from ministack.core import iam_actions

_resource_arn = iam_actions.extract_resource_arn
_TAGGING = ("TagResource", "UntagResource", "ListTagsForResource")


def install() -> None:
    """Make this process's ministack evaluate policies with the resources that AWS evaluates them with."""
    iam_actions.extract_resource_arn = _evaluated_arn


def _evaluated_arn(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
) -> str:
    arn: str = _resource_arn(service, method, path, headers, body, *rest)
    if service != "logs" or arn == "*" or headers.get("x-amz-target", "").endswith(_TAGGING):
        return arn
    return f"{arn}:log-stream:{json.loads(body).get('logStreamName', '')}"
