"""Adds the keys that AWS manages to ministack's KMS: one for each service, created when it is first described.

AWS creates such a key at its first use or description ("ListAliases", AWS KMS API Reference).
"""

import json
from typing import Any

from ministack.services import kms

from local.aws.faults import Answer

_AWS_ALIAS = "alias/aws/"

_describe_key = kms._describe_key


def install() -> None:
    """Make this process's ministack have the keys that AWS manages."""
    kms._describe_key = _describe_or_create


def _describe_or_create(data: dict[str, Any]) -> Answer:
    alias = data.get("KeyId", "")
    if alias.startswith(_AWS_ALIAS) and kms._resolve_key(alias) is None:
        created = json.loads(
            kms._create_key({"Description": f"Default key of {alias[len(_AWS_ALIAS) :]}"})[2]
        )
        key = created["KeyMetadata"]["KeyId"]
        kms._keys[key]["KeyManager"] = "AWS"
        kms._create_alias({"AliasName": alias, "TargetKeyId": key})
    answer: Answer = _describe_key(data)
    return answer
