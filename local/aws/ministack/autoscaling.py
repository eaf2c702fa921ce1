"""Application Auto Scaling, which ministack does not have: scalable targets and target tracking policies.

Only what this stack uses: the write capacity of DynamoDB tables. Targets and policies are stored, checked and
returned as AWS does ("Application Auto Scaling API Reference"); no scaling takes place, because nothing here
throttles a table. Throttled writes are injected by ``local.aws.faults``.
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions, router
from ministack.services import dynamodb

from local.aws.faults import Answer

SERVICE = "application-autoscaling"
_TARGET_PREFIX = "AnyScaleFrontendService."
_NAMESPACE = "dynamodb"
_DIMENSION = "dynamodb:table:WriteCapacityUnits"
_ACCOUNT = "000000000000"
_REGION = "us-east-1"
_TARGET_ARN = f"arn:aws:{SERVICE}:{_REGION}:{_ACCOUNT}:scalable-target/"
_SERVICE_LINKED_ROLE = (
    "aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)

Request = dict[str, Any]
Key = tuple[str, str, str]


class _RequestError(Exception):
    """The request is rejected with an error code of the API and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_targets: dict[Key, dict[str, Any]] = {}
_policies: dict[Key, dict[str, dict[str, Any]]] = {}
_tags: dict[str, dict[str, str]] = {}


def install() -> None:
    """Add the service to this process's ministack, behind its authentication."""
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": [_TARGET_PREFIX]}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    ministack.SERVICE_HANDLERS[SERVICE] = _handle
    reset_all = ministack._reset_all_state

    def reset_with_autoscaling() -> None:
        reset_all()
        for state in (_targets, _policies, _tags):
            state.clear()

    ministack._reset_all_state = reset_with_autoscaling


def target_arn(request: Request) -> str:
    """Return the ARN that a request is evaluated with, whose id a target gets when it is registered."""
    key = tuple(request.get(name) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension"))
    known = _targets.get(key)  # type: ignore[arg-type] # a request may leave a name out
    return known["ScalableTargetARN"] if known else f"{_TARGET_ARN}*"


def target_tags(arn: str) -> dict[str, str]:
    """Return the tags of a target, none if there is no such target."""
    return _tags.get(arn, {})


async def _handle(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, list[str]]
) -> Answer:
    name = headers.get("x-amz-target", "").removeprefix(_TARGET_PREFIX)
    operation = _OPERATIONS.get(name)
    try:
        if operation is None:
            raise _RequestError("UnknownOperationException", f"{name} is not implemented here")
        answer = operation(json.loads(body or b"{}"))
    except _RequestError as error:
        content = json.dumps({"__type": error.code, "Message": str(error)}).encode()
        return 400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}, content
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _register_scalable_target(request: Request) -> Request:
    key = _key(request)
    known = _targets.get(key)
    low = request.get("MinCapacity", known and known["MinCapacity"])
    high = request.get("MaxCapacity", known and known["MaxCapacity"])
    if low is None or high is None:
        raise _invalid("MinCapacity and MaxCapacity are required to register a new scalable target")
    if not 1 <= low <= high:
        raise _invalid(f"Minimum capacity {low} must be at least 1 and at most the maximum capacity {high}")
    _check_table(key[1])
    target = known or {
        "ServiceNamespace": key[0],
        "ResourceId": key[1],
        "ScalableDimension": key[2],
        "CreationTime": time.time(),
        "RoleARN": f"arn:aws:iam::{_ACCOUNT}:role/{_SERVICE_LINKED_ROLE}",
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
        "ScalableTargetARN": f"{_TARGET_ARN}{uuid.uuid4().hex}",
    }
    _targets[key] = {**target, "MinCapacity": low, "MaxCapacity": high}
    arn = target["ScalableTargetARN"]
    if request.get("Tags"):
        if known:
            raise _invalid("Tags of an existing scalable target are changed by TagResource")
        _tags[arn] = dict(request["Tags"])
    return {"ScalableTargetARN": arn}


def _describe_scalable_targets(request: Request) -> Request:
    wanted = request.get("ResourceIds") or []
    return {
        "ScalableTargets": [
            target
            for target in _targets.values()
            if (not wanted or target["ResourceId"] in wanted)
            and request.get("ScalableDimension") in (None, target["ScalableDimension"])
        ]
    }


def _deregister_scalable_target(request: Request) -> Request:
    target = _targets.pop(_known_target(request))
    _policies.pop(_key(request), None)
    _tags.pop(target["ScalableTargetARN"], None)
    return {}


def _put_scaling_policy(request: Request) -> Request:
    key = _known_target(request)
    name, kind = request["PolicyName"], request.get("PolicyType")
    tracking = request.get("TargetTrackingScalingPolicyConfiguration")
    if kind != "TargetTrackingScaling" or not tracking:
        raise _invalid("Only target tracking policies are implemented here")
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != "DynamoDBWriteCapacityUtilization":
        raise _invalid(f"Predefined metric {metric} does not belong to the scalable dimension {key[2]}")
    if not 20 <= tracking["TargetValue"] <= 90:
        raise _invalid("DynamoDB takes a target utilization of 20 to 90 percent")
    known = _policies.setdefault(key, {}).get(name)
    arn = (
        known["PolicyARN"]
        if known
        else f"arn:aws:autoscaling:{_REGION}:{_ACCOUNT}:scalingPolicy:{uuid.uuid4()}:"
        f"resource/dynamodb/{key[1]}:policyName/{name}"
    )
    _policies[key][name] = {
        "PolicyARN": arn,
        "PolicyName": name,
        "PolicyType": kind,
        "ServiceNamespace": key[0],
        "ResourceId": key[1],
        "ScalableDimension": key[2],
        "TargetTrackingScalingPolicyConfiguration": tracking,
        "CreationTime": known["CreationTime"] if known else time.time(),
        "Alarms": [],
    }
    return {"PolicyARN": arn, "Alarms": []}


def _describe_scaling_policies(request: Request) -> Request:
    names = request.get("PolicyNames") or []
    return {
        "ScalingPolicies": [
            policy
            for policies in _policies.values()
            for policy in policies.values()
            if (not names or policy["PolicyName"] in names)
            and request.get("ResourceId") in (None, policy["ResourceId"])
            and request.get("ScalableDimension") in (None, policy["ScalableDimension"])
        ]
    }


def _delete_scaling_policy(request: Request) -> Request:
    policies = _policies.get(_key(request), {})
    if policies.pop(request["PolicyName"], None) is None:
        raise _RequestError("ObjectNotFoundException", f"No scaling policy found: {request['PolicyName']}")
    return {}


def _list_tags_for_resource(request: Request) -> Request:
    return {"Tags": _tags.get(_known_arn(request), {})}


def _tag_resource(request: Request) -> Request:
    _tags.setdefault(_known_arn(request), {}).update(request["Tags"])
    return {}


def _untag_resource(request: Request) -> Request:
    tags = _tags.get(_known_arn(request), {})
    for name in request["TagKeys"]:
        tags.pop(name, None)
    return {}


_OPERATIONS: dict[str, Callable[[Request], Request]] = {
    "RegisterScalableTarget": _register_scalable_target,
    "DescribeScalableTargets": _describe_scalable_targets,
    "DeregisterScalableTarget": _deregister_scalable_target,
    "PutScalingPolicy": _put_scaling_policy,
    "DescribeScalingPolicies": _describe_scaling_policies,
    "DeleteScalingPolicy": _delete_scaling_policy,
    "ListTagsForResource": _list_tags_for_resource,
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
}


def _key(request: Request) -> Key:
    namespace, dimension = request.get("ServiceNamespace"), request.get("ScalableDimension")
    if (namespace, dimension) != (_NAMESPACE, _DIMENSION):
        raise _invalid(f"{namespace} {dimension}: only {_DIMENSION} is implemented here")
    resource = request.get("ResourceId", "")
    if not re.fullmatch("table/[a-zA-Z0-9_.-]{3,255}", resource):
        raise _invalid(f"Unsupported resource id: {resource}")
    return _NAMESPACE, resource, _DIMENSION


def _known_target(request: Request) -> Key:
    key = _key(request)
    if key not in _targets:
        raise _RequestError(
            "ObjectNotFoundException",
            f"No scalable target registered for service namespace: {key[0]}, resource ID: {key[1]}, "
            f"scalable dimension: {key[2]}",
        )
    return key


def _known_arn(request: Request) -> str:
    arn: str = request["ResourceARN"]
    if not any(target["ScalableTargetARN"] == arn for target in _targets.values()):
        raise _RequestError("ResourceNotFoundException", f"The resource {arn} does not exist")
    return arn


def _check_table(resource: str) -> None:
    """DynamoDB must have the table, with provisioned capacity."""
    table = dynamodb._tables.get(resource.removeprefix("table/"))
    if table is None:
        raise _invalid(f"DynamoDB table does not exist: {resource}")
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        raise _invalid(f"DynamoDB table {resource} does not have provisioned capacity")


def _invalid(message: str) -> _RequestError:
    return _RequestError("ValidationException", message)
