"""IAM policy documents as data; docs/decisions.md: why not the SDK's `PolicyDocumentArgs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy document.

    `principal` belongs to resource and trust policies only; `condition` is operator -> key -> value or values.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    effect: str = "Allow"
    principal: str | Mapping[str, pulumi.Input[str]] | None = None
    condition: Mapping[str, Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]]] = field(
        default_factory=dict
    )

    def as_data(self) -> dict[str, Any]:
        """Return the statement as IAM reads it, without members that are not set."""
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
    """Return the JSON text of a policy document of the current version."""
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [statement.as_data() for statement in statements]}
    )


def deny_without_tls(actions: Sequence[str], resources: Sequence[pulumi.Input[str]]) -> Statement:
    """Return the statement of a resource policy that denies everybody requests without TLS ("aws:SecureTransport")."""
    return Statement(
        sid="DenyWithoutTls",
        effect="Deny",
        principal="*",
        actions=actions,
        resources=resources,
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def via_service(service: str, region: pulumi.Input[str]) -> dict[str, dict[str, pulumi.Input[str]]]:
    """Return the condition that a KMS key is used through one service ("kms:ViaService", KMS Developer Guide)."""
    return {"StringEquals": {"kms:ViaService": service_host(service, region)}}


def service_host(service: str, region: pulumi.Input[str], regions: str = "") -> pulumi.Output[str]:
    """Return a service's host in a region, or in all `regions` of its partition that a pattern names.

    The European Sovereign Cloud has a domain of its own ("Service endpoints", AWS General Reference).
    """
    return pulumi.Output.from_input(region).apply(
        lambda name: f"{service}.{regions or name}.amazonaws.{'eu' if name.startswith('eusc-') else 'com'}"
    )


def via_stream(
    stream_arn: pulumi.Input[str], region: pulumi.Input[str]
) -> dict[str, dict[str, pulumi.Input[str]]]:
    """Return the condition that a KMS key is used through Kinesis, for one stream.

    Kinesis uses the stream's ARN as encryption context ("Data protection in Amazon Kinesis Data Streams").
    """
    condition = via_service("kinesis", region)
    condition["StringEquals"]["kms:EncryptionContext:aws:kinesis:arn"] = stream_arn
    return condition
