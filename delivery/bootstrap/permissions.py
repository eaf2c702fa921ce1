"""Grants as data, those of the Pulumi CLI, and the permissions boundary of the identities that a stack creates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.iam import Statement, service_host
from stack.settings import quarantine_prefix

Inputs = Sequence[pulumi.Input[str]]
Condition = Mapping[str, Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]]]

KEY_SERVICES = ("dynamodb", "kinesis", "s3")
"""The services through which the function and the producer use a customer's key."""
KEY_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account and the region that the stacks are deployed to.

    Attributes:
        namespace_stacks: the stacks whose quarantine is in the namespace of the account and region.
    """

    partition: pulumi.Input[str]
    region: pulumi.Input[str]
    id: pulumi.Input[str]
    namespace_stacks: Sequence[str] = ()

    def arn(self, service: str, resource: str) -> pulumi.Output[str]:
        """Return the ARN of a resource of the region."""
        return pulumi.Output.format(
            "arn:{0}:{1}:{2}:{3}:{4}", self.partition, service, self.region, self.id, resource
        )

    def global_arn(self, service: str, resource: str) -> pulumi.Output[str]:
        """Return the ARN of a resource of all regions."""
        return pulumi.Output.format("arn:{0}:{1}::{2}:{3}", self.partition, service, self.id, resource)

    def table_arns(self, stack: str) -> list[pulumi.Output[str]]:
        """Return the ARNs of a stack's table: of tweets, and of any other event type, whose name ends with it."""
        return [self.arn("dynamodb", f"table/{stack}-EventData{end}") for end in ("", "-*")]

    def quarantine_arn(self, stack: str) -> pulumi.Output[str]:
        """Return the ARN of a stack's quarantine, which has a random part outside of the account's namespace."""
        own = pulumi.Output.concat(self.id, "-", self.region, "-an")
        end = own if stack in self.namespace_stacks else "*"
        return pulumi.Output.concat("arn:", self.partition, ":s3:::", quarantine_prefix(stack), end)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Actions on the resources of one kind; `reads` are those that change nothing."""

    sid: str
    resources: Inputs
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    condition: Condition = field(default_factory=dict)

    def all(self) -> Statement:
        """Return the statement of a role that deploys."""
        return self._statement([*self.reads, *self.writes])

    def only_reads(self) -> Statement:
        """Return the statement of a role that previews."""
        return self._statement(self.reads)

    def _statement(self, actions: Sequence[str]) -> Statement:
        return Statement(
            sid=self.sid, actions=sorted(actions), resources=self.resources, condition=self.condition
        )


def backend_grants(bucket_arn: pulumi.Input[str], stack: str, key_arn: pulumi.Input[str]) -> list[Grant]:
    """Return what the Pulumi CLI does with the state and the secrets of one stack."""
    return [
        Grant(
            sid="FindState",
            resources=[bucket_arn],
            reads=["s3:ListBucket"],
            condition={"StringLike": {"s3:prefix": [f"{stack}/*"]}},
        ),
        Grant(
            sid="State",
            resources=[pulumi.Output.concat(bucket_arn, f"/{stack}/*")],
            reads=["s3:GetObject"],
            writes=["s3:DeleteObject", "s3:PutObject"],
        ),
        Grant(sid="Secrets", resources=[key_arn], reads=["kms:Decrypt"]),
    ]


def boundary(account: Account, stack: str, stream_arns: Sequence[str]) -> list[Statement]:
    """Return the limit of what the function's role and the producer's user can do, whatever their policies allow.

    The stream is the stack's own, or one of `stream_arns`.
    """
    bucket = account.quarantine_arn(stack)
    return [
        Statement(
            sid="Stream",
            actions=[
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
                "kinesis:PutRecord",
                "kinesis:PutRecords",
            ],
            resources=[account.arn("kinesis", f"stream/{stack}-EventStream"), *stream_arns],
        ),
        Statement(
            sid="Table",
            actions=["dynamodb:BatchWriteItem"],
            resources=account.table_arns(stack),
        ),
        Statement(
            sid="Log",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[account.arn("logs", f"log-group:/aws/lambda/{stack}-DDBEventProcessor:*")],
        ),
        Statement(sid="Quarantine", actions=["s3:PutObject"], resources=[pulumi.Output.concat(bucket, "/*")]),
        Statement(sid="FindQuarantine", actions=["s3:ListBucket"], resources=[bucket]),
        Statement(
            sid="Traces", actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]
        ),
        Statement(
            sid="Keys",
            actions=KEY_ACTIONS,
            resources=[account.arn("kms", "key/*")],
            condition={
                "StringLike": {
                    "kms:ViaService": [service_host(service, account.region, "*") for service in KEY_SERVICES]
                }
            },
        ),
    ]
