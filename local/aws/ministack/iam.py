"""Completes ministack's evaluation of policies: the ARNs and the condition keys of what this project calls.

The Service Authorization Reference names for each action the resource that a policy is evaluated with, and the
condition keys that its request has; where ministack evaluates `*` or leaves a key out, a policy on exact ARNs,
or one that demands a permissions boundary, would deny here what it allows on AWS. `iam:PassRole`, which is no
operation of its own, is evaluated where Lambda evaluates it.
"""

import contextlib
import json
import urllib.parse
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import iam, kms, lambda_svc, sts

from local.aws.faults import Answer
from local.aws.ministack import autoscaling as ministack_autoscaling

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]

_PASSES_ROLE = ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration")
_SETS_BOUNDARY = ("CreateRole", "CreateUser", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary")
_MAPPINGS, _ALIASES = "event-source-mappings", "aliases"

_resource_arn = iam_actions.extract_resource_arn
_action = iam_actions.extract_iam_action
_request_tags = iam_actions.request_tag_context
_enforce = iam_evaluator.enforce

_evaluated: ContextVar[str] = ContextVar("evaluated")
"""The ARN that the present request is evaluated with."""
_allowed: dict[str, set[str]] = defaultdict(set)


def install() -> None:
    """Make this process's ministack evaluate with AWS's ARNs and condition keys. Installed after the others."""
    global _resource_arn
    _resource_arn = iam_actions.extract_resource_arn
    iam_actions.extract_resource_arn = _remember_arn
    iam_actions.extract_iam_action = _evaluated_action
    iam_actions.request_tag_context = _request_context
    iam_evaluator.enforce = _enforce_and_remember
    ministack.SERVICE_HANDLERS["lambda"] = _with_pass_role(ministack.SERVICE_HANDLERS["lambda"])


def allowed_actions(role: str) -> list[str]:
    """Return the actions that were allowed to sessions of a role, sorted."""
    return sorted(_allowed[role])


def _enforce_and_remember(access_key: str, action: str, *args: Any, **kwargs: Any) -> Any:
    denied = _enforce(access_key, action, *args, **kwargs)
    session = sts._sessions.get(access_key)
    if denied is None and session:
        _allowed[session["Arn"].split("/")[1]].add(action)
    return denied


# --- Actions and resources ---------------------------------------------------------------------------


def _evaluated_action(service: str, method: str, path: str, *rest: Any) -> str | None:
    if service == "lambda" and method == "GET" and f"/{_MAPPINGS}/" in path:
        return "lambda:GetEventSourceMapping"
    if service == "lambda" and f"/{_ALIASES}/" in path:
        return {"GET": "lambda:GetAlias", "PUT": "lambda:UpdateAlias"}.get(method, "lambda:DeleteAlias")
    action: str | None = _action(service, method, path, *rest)
    return action


def _remember_arn(*request: Any) -> str:
    arn = _evaluated_arn(*request)
    _evaluated.set(arn)
    return arn


def _evaluated_arn(
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    *rest: Any,
) -> str:
    arn: str = _resource_arn(service, method, path, headers, body, query, *rest)
    request = _parameters(body, query)
    account, region = get_account_id(), get_region()
    if service == "kms" and ":alias/" in arn:
        # Evaluated with the key; one that AWS manages is created by the request that describes it first.
        key = kms._resolve_key(arn.rpartition(":")[2])
        return str(key["Arn"]) if key else f"arn:aws:kms:{region}:{account}:key/none"
    if service == "lambda" and "Qualifier" in query:
        return f"{arn}:{query['Qualifier'][0]}"
    if arn != "*":
        return arn
    target = request.get("ResourceARN") or request.get("ResourceArn") or request.get("SubscriptionArn")
    if isinstance(target, str):
        return target
    match service:
        case "lambda" if path.rstrip("/").endswith("/functions") and method == "POST":
            return f"arn:aws:lambda:{region}:{account}:function:{request.get('FunctionName')}"
        case "iam" if "PolicyName" in request:
            return f"arn:aws:iam::{account}:policy/{request['PolicyName']}"
        case "iam" if "OpenIDConnectProviderArn" in request:
            return str(request["OpenIDConnectProviderArn"])
        case "monitoring" if names := request.get("AlarmNames"):
            return f"arn:aws:cloudwatch:{region}:{account}:alarm:{names[0]}"
        case "monitoring" if name := request.get("DashboardName") or request.get("DashboardNames", [""])[0]:
            return f"arn:aws:cloudwatch::{account}:dashboard/{name}"
        case "application-autoscaling" if (
            not headers.get("x-amz-target", "").rpartition(".")[2].startswith("Describe")
        ):
            return ministack_autoscaling.target_arn(request)
    return arn


# --- Condition keys ----------------------------------------------------------------------------------


def _request_context(service: str, action: str, body: bytes, query: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = _request_tags(service, action, body, query)
    request = _parameters(body, query)
    operation = action.partition(":")[2]
    match service:
        case "iam":
            context["iam:PermissionsBoundary"] = _boundary(operation, request)
            context["iam:AWSServiceName"] = request.get("AWSServiceName")
        case "kms" if str(request.get("KeyId", "")).startswith("alias/"):
            context["kms:RequestAlias"] = request["KeyId"]
        case "application-autoscaling":
            context["application-autoscaling:service-namespace"] = request.get("ServiceNamespace")
            context["application-autoscaling:scalable-dimension"] = request.get("ScalableDimension")
            tags = ministack_autoscaling.target_tags(_evaluated.get())
            context |= {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        case "lambda" if operation.endswith("EventSourceMapping"):
            context["lambda:FunctionArn"] = _mapped_function(request)
    return {key: value for key, value in context.items() if value is not None}


def _boundary(operation: str, request: dict[str, Any]) -> str | None:
    """Return the boundary that a request sets, or the one that the role or user it changes has."""
    if operation in _SETS_BOUNDARY:
        return request.get("PermissionsBoundary")
    owner = iam._roles.get(request.get("RoleName")) or iam._users.get(request.get("UserName")) or {}
    boundary: str | None = owner.get("PermissionsBoundary")
    return boundary


def _mapped_function(request: dict[str, Any]) -> str | None:
    """Return the ARN of the function, or of its alias, that a mapping has, or that a new one is to have."""
    mapping = lambda_svc._esms.get(_evaluated.get().rpartition(":")[2])
    name: str | None = mapping["FunctionArn"] if mapping else request.get("FunctionName")
    return lambda_svc._func_arn(name.partition(":function:")[2] or name) if name else None


# --- iam:PassRole ------------------------------------------------------------------------------------


def _with_pass_role(handler: Handler) -> Handler:
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        action = iam_actions.extract_iam_action("lambda", method, path, headers, body, query)
        role = _parameters(body, {}).get("Role") if action in _PASSES_ROLE else None
        if role:
            denied = _enforce_and_remember(
                extract_access_key_id(headers, query),
                "iam:PassRole",
                "iam",
                get_region(),
                resource_arn=role,
                service_context={"iam:PassedToService": "lambda.amazonaws.com"},
            )
            if denied:
                who = getattr(denied, "principal_arn", "")
                denial: Answer = iam_actions.access_denied_response("lambda", "iam:PassRole", who, "")
                return denial
        return await handler(method, path, headers, body, query)

    return handle


def _parameters(body: bytes, query: dict[str, Any]) -> dict[str, Any]:
    """Return a request's parameters: those of its JSON body, or of a form, its lists as lists."""
    with contextlib.suppress(ValueError):
        if isinstance(data := json.loads(body), dict):
            return data
    return {
        urllib.parse.unquote(name): values[0] if isinstance(values, list) else values
        for name, values in query.items()
    }
