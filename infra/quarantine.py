"""The S3 bucket for records that could not be stored, each with its payload and the reason."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from infra.iam import deny_without_tls, policy_document
from infra.private_bucket import make_private
from stack.settings import QuarantineSettings


class Quarantine(pulumi.ComponentResource):
    """A private, TLS-only bucket whose objects expire.

    docs/decisions.md: why without versions, access logs, replication and object lock.

    Attributes:
        bucket_name: name of the bucket. In the global namespace the provider makes it unique; in that of the account
            and region it is known beforehand ("Namespaces for general purpose buckets", Amazon S3 User Guide).
        arn: ARN of the bucket.
    """

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        bucket_prefix: str,
        account_id: pulumi.Input[str],
        region: pulumi.Input[str],
        settings: QuarantineSettings,
        kms_key_arn: pulumi.Input[str] | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:Quarantine", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = settings.in_account_namespace
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=pulumi.Output.concat(bucket_prefix, account_id, "-", region, "-an") if own else None,
            bucket_namespace="account-regional" if own else None,
            bucket_prefix=None if own else bucket_prefix,
            force_destroy=settings.force_destroy,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        public_access = make_private(name, bucket, kms_key_arn=kms_key_arn, opts=child)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                        days=settings.lifetime_days
                    ),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=1
                        )
                    ),
                )
            ],
            opts=child,
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=policy_document(
                deny_without_tls(["s3:*"], [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")])
            ),
            # S3 answers 409 when both are written to one bucket at the same time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access]),
        )
        self.bucket_name = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "arn": self.arn})
