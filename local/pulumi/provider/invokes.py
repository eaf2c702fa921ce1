"""The aws provider's functions that the program calls: account, region, partition, aliases, versions."""

from collections.abc import Callable, Mapping
from typing import Any

from local.pulumi.provider.aws import Aws


def _key_alias(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    # Describing the key creates one that AWS manages, as AWS's own provider relies on.
    key = aws.kms.describe_key(KeyId=arguments["name"])["KeyMetadata"]
    return {
        "id": key["Arn"],
        "name": arguments["name"],
        "targetKeyArn": key["Arn"],
        "targetKeyId": key["KeyId"],
    }


def newest_version(aws: Aws, function_name: str) -> str:
    """Return the newest published version of a function, `$LATEST` without one, as AWS's provider reads it."""
    pages = aws.lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function_name)
    versions: list[str] = [each["Version"] for page in pages for each in page["Versions"]]
    return max(versions, key=lambda version: int(version) if version.isdecimal() else 0)


def _function(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    name = arguments["functionName"]
    qualifier = arguments.get("qualifier") or newest_version(aws, name)
    function = aws.lambda_.get_function(FunctionName=name, Qualifier=qualifier)["Configuration"]
    return {"id": name, "functionName": name, "version": function["Version"]}


def _function_alias(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    alias = aws.lambda_.get_alias(FunctionName=arguments["functionName"], Name=arguments["name"])
    return {
        "id": alias["AliasArn"],
        "arn": alias["AliasArn"],
        "description": alias.get("Description", ""),
        "functionName": arguments["functionName"],
        "functionVersion": alias["FunctionVersion"],
        "name": alias["Name"],
    }


def _caller_identity(aws: Aws, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    who = aws.sts.get_caller_identity()
    return {"accountId": who["Account"], "arn": who["Arn"], "id": who["Account"], "userId": who["UserId"]}


def _region(aws: Aws, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": aws.region, "name": aws.region, "region": aws.region}


def _partition(_aws: Aws, _arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _open_id_connect_provider(aws: Aws, arguments: Mapping[str, Any]) -> dict[str, Any]:
    host = arguments["url"].removeprefix("https://")
    arn = f"arn:aws:iam::{aws.account}:oidc-provider/{host}"
    answer = aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    return {"id": arn, "arn": arn, "url": host, "clientIdLists": answer["ClientIDList"]}


INVOKES: Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]] = {
    "aws:kms/getAlias:getAlias": _key_alias,
    "aws:lambda/getAlias:getAlias": _function_alias,
    "aws:lambda/getFunction:getFunction": _function,
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": _open_id_connect_provider,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
}
