"""The bucket for the state of the stacks."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.iam import Statement, deny_without_tls, policy_document
from infra.private_bucket import make_private

VERSIONS_DAYS = 365
"""Days that S3 keeps a version of the state after another one replaced it."""


class StateBucket(pulumi.ComponentResource):
    """A private, versioned, encrypted, TLS-only bucket.

    While it is protected, neither Pulumi nor AWS deletes it: its policy denies everybody the deletion of the bucket
    and of old versions, from which any state can be restored.

    docs/decisions.md: why without a KMS key, object lock, replication and access logs.

    Attributes:
        bucket_name: name of the bucket.
        arn: ARN of the bucket.
    """

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        bucket: pulumi.Input[str],
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:bootstrap:StateBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        state_bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=bucket,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        public_access = make_private(name, state_bucket, opts=child)
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=state_bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=state_bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire-versions",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=(
                        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                            noncurrent_days=VERSIONS_DAYS
                        )
                    ),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=1
                        )
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        objects = pulumi.Output.concat(state_bucket.arn, "/*")
        statements = [deny_without_tls(["s3:*"], [state_bucket.arn, objects])]
        if protect:
            statements += [
                Statement(
                    sid="DenyDeletingTheBucket",
                    effect="Deny",
                    principal="*",
                    actions=["s3:DeleteBucket"],
                    resources=[state_bucket.arn],
                ),
                Statement(
                    sid="DenyDeletingVersions",
                    effect="Deny",
                    principal="*",
                    actions=["s3:DeleteObjectVersion"],
                    resources=[objects],
                ),
            ]
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=state_bucket.bucket,
            policy=policy_document(*statements),
            # S3 answers 409 when both are written to one bucket at the same time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access]),
        )
        self.bucket_name = state_bucket.bucket
        self.arn = state_bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "arn": self.arn})
