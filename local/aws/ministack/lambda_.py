"""Adds what ministack's Lambda lacks: checks of a function's role and of an alias, and fields of Kinesis mappings.

On AWS, Lambda rejects a function whose role it may not assume and a mapping whose role may not read the
stream, and writes no log that the role does not permit. Without these checks a role's policy could lack them
and everything here would still work.
"""

import json
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.lambda_runtime import execution_credentials
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import cloudwatch_logs, iam, kinesis, lambda_svc

from local.aws.faults import Answer
from stack.errors import FilterError, MisreadFilterError
from stack.filters.criteria import parse_criteria

# What Lambda fills in (API reference, CreateEventSourceMapping).
_KINESIS_MAPPING_DEFAULTS = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
_FORGOTTEN_FIELDS = ("StartingPositionTimestamp", "MetricsConfig", "TumblingWindowInSeconds")
_STARTING_POSITIONS = ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")
_READS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListShards")

_create_mapping = lambda_svc._create_esm
_update_mapping = lambda_svc._update_esm
_get_mapping = lambda_svc._get_esm
_delete_mapping = lambda_svc._delete_esm
_create_function = lambda_svc._create_function
_update_function = lambda_svc._update_config
_create_alias = lambda_svc._create_alias
_update_alias = lambda_svc._update_alias
_write_log = lambda_svc._emit_lambda_logs


def install() -> None:
    """Make this process's ministack check roles, and leave the Kinesis mappings to ``local.aws.mapping``."""
    lambda_svc._ensure_poller = lambda: None
    # Pending, then active, as on AWS; shorter than ministack's half second, which would slow the demo.
    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0.02
    lambda_svc._create_esm = _create_checked_mapping
    lambda_svc._update_esm = lambda uuid, data: (
        _filter_error(data) or _found(_complete(_update_mapping(uuid, data), data))
    )
    lambda_svc._get_esm = lambda uuid: _found(_get_mapping(uuid))
    lambda_svc._delete_esm = lambda uuid: _found(_delete_mapping(uuid))
    lambda_svc._create_function = lambda data: _role_error(data) or _create_function(data)
    lambda_svc._update_config = lambda name, data: _role_error(data) or _update_function(name, data)
    lambda_svc._create_alias = lambda name, data: _version_error(name, data) or _create_alias(name, data)
    lambda_svc._update_alias = lambda name, alias, data: (
        _version_error(name, data) or _update_alias(name, alias, data)
    )
    lambda_svc._emit_lambda_logs = _write_permitted_log
    lambda_runtime._PYTHON_WORKER_SCRIPT = _without_invoke_depth(lambda_runtime._PYTHON_WORKER_SCRIPT)


def function_credentials(function: str) -> dict[str, str] | None:
    """Return the credentials that Lambda assumes for a function, as environment variables; None without a function."""
    record = lambda_svc._functions.get(function)
    return execution_credentials(record["config"]) if record else None


def update_mapping(uuid: str, state: dict[str, Any]) -> bool:
    """Set what Lambda would report of a mapping; return False if it does not exist."""
    mapping = lambda_svc._esms.get(uuid)
    if mapping is not None:
        mapping.update(state)
    return mapping is not None


def _without_invoke_depth(script: str) -> str:
    """Leave out ministack's counter of recursive invocations, for which each worker would import botocore."""
    call = "    _ms_install_invoke_depth()\n"
    assert call in script, "ministack's worker script has changed"
    return script.replace(call, "")


def _create_checked_mapping(data: dict[str, Any]) -> Answer:
    stream = data.get("EventSourceArn", "")
    name, _, failure = lambda_svc._resolve_existing_esm_function(data.get("FunctionName", ""))
    if failure or ":kinesis:" not in stream:
        answer: Answer = _create_mapping(data)
        return answer
    if rejection := _starting_position_error(data.get("StartingPosition")) or _filter_error(data):
        return rejection
    config = lambda_svc._functions[name]["config"]
    if not all(_may(config, f"kinesis:{action}", stream) for action in _READS):
        return _rejected(
            f"Cannot access stream {stream}. Please ensure the role can perform the "
            f"{', '.join(_READS)} Actions on your stream in IAM."
        )
    if stream.rpartition("/")[2] not in kinesis._streams:
        return _rejected(f"Stream not found: {stream}")
    for uuid, mapping in lambda_svc._esms.items():
        if mapping["EventSourceArn"] == stream and mapping["FunctionName"] == name:
            return _conflict(
                f'The event source arn (" {stream} ") and function (" {name} ") provided mapping already exists. '
                f"Please update or delete the existing mapping with UUID {uuid}"
            )
    settings = {**_KINESIS_MAPPING_DEFAULTS, **data}
    return _complete(_create_mapping(settings), settings)


def _starting_position_error(position: str | None) -> Answer | None:
    """Return the rejection of a missing or unknown starting position."""
    if position is None:
        return _rejected(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if position in _STARTING_POSITIONS:
        return None
    answer: Answer = error_response_json(
        "ValidationException",
        f"1 validation error detected: Value '{position}' at 'startingPosition' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(_STARTING_POSITIONS)}]",
        400,
    )
    return answer


def _filter_error(data: dict[str, Any]) -> Answer | None:
    """Return the rejection of a filter that AWS would reject too, or that it would misread and no mapping here does."""
    try:
        parse_criteria(each["Pattern"] for each in (data.get("FilterCriteria") or {}).get("Filters", []))
    except MisreadFilterError as error:
        return _rejected(f"Local AWS does not misread this filter as AWS would: {error}")
    except FilterError:
        return _rejected("Invalid filter pattern definition.")
    return None


def _found(answer: Answer) -> Answer:
    """Say of an unknown mapping what Lambda says."""
    if answer[0] != 404:
        return answer
    missing: Answer = error_response_json(
        "ResourceNotFoundException", "The resource you requested does not exist.", 404
    )
    return missing


def _conflict(message: str) -> Answer:
    answer: Answer = error_response_json("ResourceConflictException", message, 409)
    return answer


def _complete(answer: Answer, data: dict[str, Any]) -> Answer:
    status, headers, body = answer
    fields = {field: data[field] for field in _FORGOTTEN_FIELDS if field in data}
    if status < 300:
        fields["StateTransitionReason"] = "User action"
        mapping = lambda_svc._esms[json.loads(body)["UUID"]]
        mapping.update(fields)
        body = json.dumps(lambda_svc._esm_response(mapping)).encode()
    return status, headers, body


def _role_error(data: dict[str, Any]) -> Answer | None:
    """Return the rejection of a role that does not trust Lambda; None if it does, or if no role is named."""
    if "Role" not in data:
        return None
    role = iam._roles.get(data["Role"].rsplit("/", 1)[-1])
    statements = json.loads(role["AssumeRolePolicyDocument"])["Statement"] if role else []
    if any(_trusts_lambda(statement) for statement in statements):
        return None
    return _rejected("The role defined for the function cannot be assumed by Lambda.")


def _version_error(name: str, data: dict[str, Any]) -> Answer | None:
    """Return the rejection of an alias for a version that the function does not have."""
    if name not in lambda_svc._functions or "FunctionVersion" not in data:
        return None
    rejection: Answer | None = lambda_svc._validate_function_qualifier_exists(name, data["FunctionVersion"])
    return rejection


def _trusts_lambda(statement: dict[str, Any]) -> bool:
    # ministack's own evaluation of trust policies treats any service as the account's root.
    principal = statement.get("Principal", {})
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return statement.get("Effect") == "Allow" and "lambda.amazonaws.com" in services


def _write_permitted_log(func: dict[str, Any], *args: Any, **kwargs: Any) -> None:
    config = func.get("config") or func
    default = f"/aws/lambda/{config['FunctionName']}"
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or default
    arn = cloudwatch_logs._make_group_arn(group).removesuffix(":*")
    # Both are evaluated with the log stream, so a policy that grants `<group>:*` allows them.
    needed = [(action, f"{arn}:log-stream:any") for action in ("CreateLogStream", "PutLogEvents")]
    if group not in cloudwatch_logs._log_groups:
        needed.append(("CreateLogGroup", arn))
    if all(_may(config, f"logs:{action}", resource) for action, resource in needed):
        _write_log(func, *args, **kwargs)


def _may(config: dict[str, Any], action: str, resource: str) -> bool:
    """Tell whether a function's role allows an action."""
    key = execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    principal = iam_evaluator.resolve_principal(key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        return False
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=get_region(),
    )
    decision: str = iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision
    return decision == "Allow"


def _rejected(message: str) -> Answer:
    answer: Answer = lambda_svc._invalid_parameter_value(message)
    return answer
