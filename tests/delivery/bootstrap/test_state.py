"""The bucket for the state."""

import json
from typing import Any

from tests.infra.recorder import ACCOUNT, Deployed, deploy_bootstrap


def statements(stack: Deployed) -> dict[str, Any]:
    return {
        each["Sid"]: each for each in json.loads(stack.named("state-policy").inputs["policy"])["Statement"]
    }


def test_the_bucket_is_private_versioned_encrypted_and_protected(account: Deployed) -> None:
    bucket = account.one("Bucket")
    assert bucket.protect
    assert bucket.inputs["bucket"] == f"stream-processing-state-{ACCOUNT}-us-east-1"
    assert "forceDestroy" not in bucket.inputs
    assert account.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    block = account.one("BucketPublicAccessBlock").inputs
    assert all(block[flag] is True for flag in block if flag != "bucket")
    assert len(block) == 5
    [rule] = account.one("BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    assert account.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_an_old_version_expires_after_a_year_and_the_current_state_never(account: Deployed) -> None:
    [rule] = account.one("BucketLifecycleConfiguration").inputs["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 365}
    assert "expiration" not in rule


def test_the_bucket_denies_reads_without_tls_and_its_own_and_its_versions_deletion(account: Deployed) -> None:
    bucket = account.arn("state-bucket")
    deny = {"Effect": "Deny", "Principal": "*"}
    assert statements(account) == {
        "DenyWithoutTls": {
            "Sid": "DenyWithoutTls",
            **deny,
            "Action": ["s3:*"],
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        "DenyDeletingTheBucket": {
            "Sid": "DenyDeletingTheBucket",
            **deny,
            "Action": ["s3:DeleteBucket"],
            "Resource": [bucket],
        },
        "DenyDeletingVersions": {
            "Sid": "DenyDeletingVersions",
            **deny,
            "Action": ["s3:DeleteObjectVersion"],
            "Resource": [f"{bucket}/*"],
        },
    }


def test_one_setting_removes_the_protection_before_the_account_is_abandoned() -> None:
    stack = deploy_bootstrap(protect=False)
    assert [each.name for each in stack.resources if each.protect] == []
    assert set(statements(stack)) == {"DenyWithoutTls"}


def test_the_program_names_neither_region_nor_partition() -> None:
    stack = deploy_bootstrap(partition="aws-cn")
    assert "arn:aws:" not in stack.named("dev-deploy-policy").inputs["policy"].replace(
        stack.arn("state-bucket"), ""
    ).replace(stack.arn("dev-key"), "").replace(stack.arn("dev-boundary"), "")
