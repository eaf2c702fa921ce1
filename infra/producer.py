"""The identity of the producer: an IAM user with a key, or a policy for your own role."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.iam import Statement, policy_document, via_stream
from stack.settings import AccessKeySettings

PUT = ("kinesis:PutRecord", "kinesis:PutRecords")
"""What a producer does with the stream."""


def put_statements(
    stream_arn: pulumi.Input[str], region: pulumi.Input[str], kms_key_arn: pulumi.Input[str] | None
) -> Sequence[Statement]:
    """Return what a producer is allowed to do: put records on one stream, and nothing else."""
    put = Statement(sid="PutRecords", actions=PUT, resources=[stream_arn])
    if kms_key_arn is None:
        return [put]
    encrypt = Statement(
        sid="EncryptRecords",
        actions=["kms:GenerateDataKey"],
        resources=[kms_key_arn],
        condition=via_stream(stream_arn, region),
    )
    return [put, encrypt]


class ProducerPolicy(pulumi.ComponentResource):
    """A managed policy, to be attached to the role under which a producer runs.

    Attributes:
        arn: ARN of the policy.
    """

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        policy_name: str,
        stream_arn: pulumi.Input[str],
        region: pulumi.Input[str],
        kms_key_arn: pulumi.Input[str] | None,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:ProducerPolicy", name, None, opts)
        policy = aws.iam.Policy(
            f"{name}-managed-policy",
            name=policy_name,
            policy=policy_document(*put_statements(stream_arn, region, kms_key_arn)),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = policy.arn
        self.register_outputs({"arn": self.arn})


class ProducerUser(pulumi.ComponentResource):
    """An IAM user who is allowed to put records on one stream, and nothing else.

    For a producer that runs outside AWS; one that can assume a role uses `ProducerPolicy`. The policy is
    inline because it belongs to this one user and is deleted with it.

    Rotation: IAM allows a user two keys, so there are two slots, for odd and for even serials. Raising the
    serial creates the key of the other slot, and deletes the previous one unless `keep_previous`; an older
    key in that slot is deleted before the new one is created.

    Attributes:
        access_key: id of the current key, the producer's `access_key`.
        secret_access_key: its secret, a Pulumi secret.
    """

    access_key: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        user_name: str,
        settings: AccessKeySettings,
        stream_arn: pulumi.Input[str],
        region: pulumi.Input[str],
        kms_key_arn: pulumi.Input[str] | None,
        permissions_boundary_arn: str | None,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:ProducerUser", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(
            f"{name}-user",
            name=user_name,
            permissions_boundary=permissions_boundary_arn,
            tags=tags,
            opts=child,
        )
        aws.iam.UserPolicy(
            f"{name}-policy",
            name="PutOnStream",
            user=user.name,
            policy=policy_document(*put_statements(stream_arn, region, kms_key_arn)),
            opts=child,
        )
        if settings.keep_previous:
            self._access_key(name, settings.serial - 1, user)
        key = self._access_key(name, settings.serial, user)
        self.access_key = key.id
        self.secret_access_key = pulumi.Output.secret(key.secret)
        self.register_outputs({"access_key": self.access_key, "secret_access_key": self.secret_access_key})

    def _access_key(self, name: str, serial: int, user: aws.iam.User) -> aws.iam.AccessKey:
        return aws.iam.AccessKey(
            f"{name}-key-{'odd' if serial % 2 else 'even'}",
            user=user.name,
            opts=pulumi.ResourceOptions(
                parent=self,
                replacement_trigger=serial,
                delete_before_replace=True,
                # Release 1.0.0 named each key by its serial.
                aliases=[pulumi.Alias(name=f"{name}-key-{serial}")],
            ),
        )
