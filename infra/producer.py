"""The IAM user whose credentials the producer uses."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.iam import Statement, policy_document
from infra.settings import AccessKeySettings


class ProducerUser(pulumi.ComponentResource):
    """An IAM user who is allowed to put records on one stream, and nothing else.

    A user with a key, not a role, because the producer runs outside AWS; the policy is inline because it
    belongs to this one user and is deleted with it.

    Rotation: each serial is a resource of its own, so that raising the serial creates the new key before
    the old one is deleted. With `keep_previous` the key of the previous serial stays valid until the running
    producers use the new one; IAM allows a user two keys.

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
        kms_key_arn: str | None,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:ProducerUser", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        user = aws.iam.User(f"{name}-user", name=user_name, tags=tags, opts=child)
        statements = [
            Statement(
                sid="PutRecords",
                actions=["kinesis:PutRecord", "kinesis:PutRecords"],
                resources=[stream_arn],
            )
        ]
        if kms_key_arn:
            statements.append(
                Statement(sid="EncryptRecords", actions=["kms:GenerateDataKey"], resources=[kms_key_arn])
            )
        aws.iam.UserPolicy(
            f"{name}-policy",
            name="PutOnStream",
            user=user.name,
            policy=policy_document(*statements),
            opts=child,
        )
        if settings.keep_previous:
            _access_key(name, settings.serial - 1, user, child)
        key = _access_key(name, settings.serial, user, child)
        self.access_key = key.id
        self.secret_access_key = pulumi.Output.secret(key.secret)
        self.register_outputs({"access_key": self.access_key, "secret_access_key": self.secret_access_key})


def _access_key(
    name: str, serial: int, user: aws.iam.User, opts: pulumi.ResourceOptions
) -> aws.iam.AccessKey:
    return aws.iam.AccessKey(f"{name}-key-{serial}", user=user.name, opts=opts)
