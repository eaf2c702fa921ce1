"""IAM policy documents as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy document.

    `principal` belongs to resource and trust policies only; `condition` is operator -> key -> value.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    effect: str = "Allow"
    principal: str | Mapping[str, str] | None = None
    condition: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """The members that IAM reads; those that are not set are left out."""
        members = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": self.principal,
            "Action": list(self.actions),
            "Resource": list(self.resources),
            "Condition": dict(self.condition),
        }
        return {name: value for name, value in members.items() if value}


def policy_document(*statements: Statement) -> pulumi.Output[str]:
    """The JSON text of a policy document of the current version."""
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [statement.as_data() for statement in statements]}
    )
