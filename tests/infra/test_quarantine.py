import json

from tests.infra.recorder import DEV_TAGS, KEY, Deployed, deploy


def test_the_bucket_is_named_after_the_stack_and_made_unique_by_the_provider(dev: Deployed) -> None:
    assert dev.one("Bucket").inputs == {
        "bucketPrefix": "dev-quarantine-",
        "forceDestroy": True,
        "tags": DEV_TAGS,
    }


def test_the_bucket_has_a_name_of_its_own_in_the_namespace_of_the_account() -> None:
    inputs = deploy("Dev", file="dev", quarantineNamespace="account").one("Bucket").inputs
    assert (inputs["bucket"], inputs["bucketNamespace"]) == (
        "dev-quarantine-123456789012-us-east-1-an",
        "account-regional",
    )
    assert "bucketPrefix" not in inputs


def test_prod_never_deletes_evidence(dev: Deployed, prod: Deployed) -> None:
    assert prod.one("Bucket").inputs["forceDestroy"] is False
    assert prod.one("Bucket").protect
    assert not dev.one("Bucket").protect


def test_the_bucket_blocks_public_access(dev: Deployed) -> None:
    block = dict(dev.one("BucketPublicAccessBlock").inputs)
    assert block.pop("bucket") == dev.outputs["quarantine_bucket"]
    assert block == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }


def test_access_lists_are_off(dev: Deployed) -> None:
    assert dev.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_objects_are_encrypted(dev: Deployed) -> None:
    assert dev.one("BucketServerSideEncryptionConfiguration").inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    ]


def test_a_customer_key_encrypts_the_objects() -> None:
    assert deploy(kmsKeyArn=KEY).one("BucketServerSideEncryptionConfiguration").inputs["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY},
            "bucketKeyEnabled": True,
        }
    ]


def test_the_objects_expire(dev: Deployed, prod: Deployed) -> None:
    (rule,) = dev.one("BucketLifecycleConfiguration").inputs["rules"]
    assert (rule["status"], rule["filter"], rule["expiration"]) == ("Enabled", {"prefix": ""}, {"days": 30})
    (rule,) = prod.one("BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 365}


def test_the_bucket_denies_every_request_without_tls(dev: Deployed) -> None:
    bucket = dev.arn("quarantine-bucket")
    assert json.loads(dev.one("BucketPolicy").inputs["policy"])["Statement"] == [
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:*"],
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_the_policy_waits_for_the_public_access_block(dev: Deployed) -> None:
    assert dev.one("BucketPublicAccessBlock").urn in dev.one("BucketPolicy").depends_on


def test_a_stack_with_capitals_has_a_valid_bucket_name() -> None:
    assert deploy("Dev", file="dev").one("Bucket").inputs["bucketPrefix"] == "dev-quarantine-"
