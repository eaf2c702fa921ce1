"""Corrects ministack's CloudWatch Logs: the resource of its policies, and the key of a log group.

On AWS what happens in a log group is evaluated with `log-group:NAME:log-stream:STREAM`, the stream empty
where the operation names none, so that policies name `log-group:NAME:*` (Amazon CloudWatch Logs User Guide,
"Overview of managing access permissions"). ministack evaluates `log-group:NAME`, which these do not match.
"""

import json
from typing import Any

from ministack.core import iam_actions
from ministack.services import cloudwatch_logs

from local.aws.faults import Answer

_handle = cloudwatch_logs.handle_request
_resource_arn = iam_actions.extract_resource_arn
_TAGGING = ("TagResource", "UntagResource", "ListTagsForResource")


def install() -> None:
    """Make this process's ministack evaluate policies as AWS does, and change a log group's key."""
    iam_actions.extract_resource_arn = _evaluated_arn
    cloudwatch_logs.handle_request = _handle_request


async def _handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Answer:
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in ("AssociateKmsKey", "DisassociateKmsKey"):
        answer: Answer = await _handle(method, path, headers, body, query)
        return answer
    request = json.loads(body)
    group = cloudwatch_logs._log_groups.get(request["logGroupName"])
    if group is None:
        rejection: Answer = cloudwatch_logs.error_response_json(
            "ResourceNotFoundException", "The specified log group does not exist.", 400
        )
        return rejection
    group["kmsKeyId"] = request.get("kmsKeyId")
    done: Answer = cloudwatch_logs.json_response({})
    return done


def _evaluated_arn(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
) -> str:
    arn: str = _resource_arn(service, method, path, headers, body, *rest)
    if service != "logs" or arn == "*" or headers.get("x-amz-target", "").endswith(_TAGGING):
        return arn
    return f"{arn}:log-stream:{json.loads(body).get('logStreamName', '')}"
