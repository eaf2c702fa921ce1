"""Listing and deleting objects, on local AWS's S3."""

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from ops.aws.s3 import delete_objects, list_objects, read_fast
from tests.ops.stack import DeployedStack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ODD_KEYS = ["records/a b+c%2F&<>\"'é😀.json", "records/tab\tand\nline.json", "records/x.json"]


@pytest.fixture
def s3(stack: DeployedStack) -> "S3Client":
    """A client that reads fast."""
    client: S3Client = stack.aws.client("s3")
    read_fast(client)
    return client


@pytest.fixture
def bucket(stack: DeployedStack) -> str:
    name: str = stack.outputs["quarantine_bucket"]
    return name


def put(s3: "S3Client", bucket: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"content")


def test_a_listing_that_is_read_fast_is_the_one_that_botocore_reads(
    stack: DeployedStack, s3: "S3Client", bucket: str
) -> None:
    put(s3, bucket, *ODD_KEYS)
    slowly = [
        (each["Key"], each["LastModified"], each["Size"])
        for each in list_objects(stack.s3, bucket, "records/")
    ]

    fast = [
        (each["Key"], each["LastModified"], each["Size"]) for each in list_objects(s3, bucket, "records/")
    ]

    assert fast == slowly
    assert sorted(key for key, _, _ in fast) == sorted(ODD_KEYS)


def test_a_listing_goes_on_after_each_page(
    s3: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"records/{number}" for number in range(10, 17)]
    put(s3, bucket, *keys, "redriven/x")
    list_page = s3.list_objects_v2
    monkeypatch.setattr(s3, "list_objects_v2", lambda **request: list_page(**request, MaxKeys=3))

    assert [each["Key"] for each in list_objects(s3, bucket, "records/")] == keys
    assert [each["Key"] for each in list_objects(s3, bucket, "records/", start_after=keys[3])] == keys[4:]


def test_a_listing_leaves_out_what_lies_behind_a_delimiter(s3: "S3Client", bucket: str) -> None:
    put(s3, bucket, "redriven/1.json", "redriven/records/2.json", "redriven/zz.json")

    listed = [each["Key"] for each in list_objects(s3, bucket, "redriven/", delimiter="/")]

    assert listed == ["redriven/1.json", "redriven/zz.json"]


def test_an_empty_listing_is_read(s3: "S3Client", bucket: str) -> None:
    assert list(list_objects(s3, bucket, "records/nothing/")) == []


def test_an_error_of_a_listing_is_botocores(s3: "S3Client") -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        list(list_objects(s3, "no-such-bucket", "records/"))


def test_a_thousand_objects_are_deleted_with_each_call(s3: "S3Client", bucket: str) -> None:
    keys = [f"records/{number}" for number in range(1_001)]
    put(s3, bucket, *ODD_KEYS)

    deleted = list(delete_objects(s3, bucket, [*ODD_KEYS, *keys]))

    assert deleted == [1_000, 4]
    assert list(list_objects(s3, bucket, "records/")) == []
