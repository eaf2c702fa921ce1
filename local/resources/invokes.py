"""The aws provider's functions that the program calls: account, region, partition."""

from collections.abc import Callable, Mapping
from typing import Any

from local.resources.aws import Aws


def _caller_identity(aws: Aws) -> dict[str, Any]:
    who = aws.sts.get_caller_identity()
    return {"accountId": who["Account"], "arn": who["Arn"], "id": who["Account"], "userId": who["UserId"]}


def _region(aws: Aws) -> dict[str, Any]:
    return {"id": aws.region, "name": aws.region, "region": aws.region}


def _partition(_aws: Aws) -> dict[str, Any]:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


INVOKES: Mapping[str, Callable[[Aws], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
}
