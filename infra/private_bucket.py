"""Settings that all buckets of this project share: private, without ACLs, encrypted."""

import pulumi
import pulumi_aws as aws


def make_private(
    name: str,
    bucket: aws.s3.Bucket,
    *,
    kms_key_arn: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> aws.s3.BucketPublicAccessBlock:
    """Make a bucket private; resources are named `<name>-...`.

    The bucket's policy must depend on the returned resource: S3 answers 409 when both are written to one bucket
    at the same time.
    """
    public_access = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access-block",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership-controls",
        bucket=bucket.bucket,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=opts,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=(
                    aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms" if kms_key_arn else "AES256",
                        kms_master_key_id=kms_key_arn,
                    )
                ),
                # One data key for many objects, instead of one KMS call per object.
                bucket_key_enabled=True if kms_key_arn else None,
            )
        ],
        opts=opts,
    )
    return public_access
