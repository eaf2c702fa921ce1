"""Corrects the throughput of ministack's on-demand tables: ceilings that are removed, and what a table takes at once.

Ceilings as recorded from AWS (nubo-db/dynoxide, issue 159, July 2026): -1 and provisioned capacity remove one, and
DescribeTable names only those that are set. A warm throughput is never lowered ("WarmThroughput", Amazon DynamoDB API
Reference).
"""

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb

from local.aws.faults import Answer

_CEILING, _WARM = "OnDemandThroughput", "WarmThroughput"
_AT_FIRST = {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}

_create_table = dynamodb._create_table
_update_table = dynamodb._update_table


def install() -> None:
    """Make this process's ministack keep both throughputs as AWS does."""
    dynamodb._create_table = lambda data: _with_throughput(_create_table, data)
    dynamodb._update_table = lambda data: _with_throughput(_update_table, data)


def _with_throughput(operation: Any, data: dict[str, Any]) -> Answer:
    name = data["TableName"].rpartition("/")[2]
    before = dynamodb._tables.get(name, {})
    present, wanted = before.get(_WARM, _AT_FIRST), data.get(_WARM, {})
    lower = [unit for unit, value in wanted.items() if value < present[unit]]
    if lower:
        return _invalid(
            f"Requested {lower[0]} for {_WARM} for table is lower than current {_WARM}, decreasing {_WARM} is not "
            "supported"
        )
    mode = data.get("BillingMode") or before.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    if data.get(_CEILING) and mode == "PROVISIONED":
        (unit, *_) = data[_CEILING]
        return _invalid(
            f"{unit} for {_CEILING} cannot be specified when the table BillingMode is PROVISIONED"
        )
    answer: Answer = operation(data)
    if answer[0] == 200:
        table = dynamodb._tables[name]
        table[_WARM] = {"Status": "ACTIVE", **_AT_FIRST, **present, **wanted}
        ceilings = table.pop(_CEILING, {})
        limits = {unit: value for unit, value in ceilings.items() if value != -1}
        if limits and mode == "PAY_PER_REQUEST":
            table[_CEILING] = limits
    return answer


def _invalid(reason: str) -> Answer:
    answer: Answer = error_response_json(
        "ValidationException", f"One or more parameter values were invalid: {reason}", 400
    )
    return answer
