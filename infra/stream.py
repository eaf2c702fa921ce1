"""The Kinesis stream that carries events from the producer to the function: the stack's own, or one that exists."""

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.processor import READ_STREAM
from infra.producer import PUT
from stack.errors import detach_commands
from stack.settings import ExistingStream, StreamSettings

# All the metrics that the AWS console calls "enhanced".
SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
)
OWN_STREAM = "stream-processing:infra:EventStream$aws:kinesis/stream:Stream::"
"""Part of the URN of a stack's own stream, and of no other."""


class EventStream(pulumi.ComponentResource):
    """An encrypted Kinesis stream.

    Attributes:
        stream_name: name of the stream, the producer's `stream_name`.
        arn: ARN of the stream.
        key_arn: ARN of the customer's key that encrypts it; None for the key that AWS manages.
    """

    stream_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    key_arn: pulumi.Input[str] | None

    def __init__(
        self,
        name: str,
        *,
        stream_name: str,
        settings: StreamSettings,
        kms_key_arn: pulumi.Input[str] | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:EventStream", name, None, opts)
        stream = aws.kinesis.Stream(
            f"{name}-stream",
            name=stream_name,
            stream_mode_details=aws.kinesis.StreamStreamModeDetailsArgs(
                stream_mode="ON_DEMAND" if settings.shards is None else "PROVISIONED"
            ),
            shard_count=settings.shards,
            retention_period=settings.retention_hours,
            # Always declared, because the provider keeps a limit that the program stops naming.
            max_record_size_in_kib=settings.max_record_kib,
            warm_throughput_mib_ps=settings.warm_mib,
            shard_level_metrics=list(SHARD_METRICS) if settings.shard_metrics else [],
            encryption_type="KMS",
            kms_key_id=kms_key_arn or "alias/aws/kinesis",
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.stream_name = stream.name
        self.arn = stream.arn
        self.key_arn = kms_key_arn
        self.register_outputs({"stream_name": self.stream_name, "arn": self.arn})


def keep_own_stream(stack: str) -> None:
    """Reject a stream that exists if the stack has one of its own, which the engine would delete.

    The state alone knows: a program that no longer declares a resource does not see it, `protect` would have to be
    in the state before, and AWS would also show a stream that was detached. The engine reads the resources of the
    state for this one call and does not store them.

    Raises:
        pulumi.RunError: the stack has its own stream. The engine shows the message only, before it changes anything.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
    state = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": name}).value
    for urn, resource in state["outputs"].items():
        if OWN_STREAM in urn:
            own = resource["outputs"]["name"]
            raise pulumi.RunError(f"""\
The stack has its own stream, {own}, which streamArn would delete with its records, so it was not touched.
  Fix: create a stack of its own for the stream that exists: pulumi stack init NAME
  Or detach {own}, which stays in AWS with its records, and run pulumi up:
{detach_commands(stack, urn)}""")


def explain_sharing(stream: ExistingStream, account: str, role_name: str, user_name: str | None) -> str:
    """Return what the administrator of another account has to allow before the stack can use a stream there.

    A policy must not name an identity that does not exist yet: hence the account, and a condition on the ARN.

    Args:
        account: the stack's own.
        role_name: the function's.
        user_name: the producer's, if the stack makes one.
    """
    partition = stream.arn.split(":")[1]
    uses: list[tuple[str, Sequence[str], str, str]] = [
        ("Read", READ_STREAM, f"role/{role_name}", "kms:Decrypt")
    ]
    if user_name:
        uses.append(("Put", PUT, f"user/{user_name}", "kms:GenerateDataKey"))
    statements = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": account},
            "Action": actions,
            "Resource": stream.arn,
            "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:{partition}:iam::{account}:{identity}"}},
        }
        for sid, actions, identity, _ in uses
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    text = (
        f"The stream {stream.stream_name} belongs to account {stream.account}. Its administrator lets this stack use "
        f"it, with a policy that replaces the stream's present one:\n"
        f"  aws kinesis put-resource-policy --resource-arn {stream.arn} --policy '{policy}'"
    )
    if stream.key_arn:
        key_uses = " and ".join(f"{action} for {identity}" for _, _, identity, action in uses)
        text += (
            f"\nThe policy of the key {stream.key_arn} must allow account {account} the same way: {key_uses}."
        )
    return text
