"""S3: the bucket and its settings."""

import time
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from local.pulumi.provider.resource import Properties, Resource, tag_list, tag_map
from local.pulumi.provider.schema import UNKNOWN, Block, Flag, Inputs, Integer, Items, Json, Strings, Text

BUCKET = Text(required=True, replaces=True)
NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


class Bucket(Resource):
    """A bucket; its id is the name."""

    token = "aws:s3/bucket:Bucket"
    named_by = "bucket"
    inputs: ClassVar[Inputs] = {
        "bucket": Text(pattern=NAME, replaces=True, computed=True),
        "bucketNamespace": Text(one_of=("account-regional", "global"), replaces=True, computed=True),
        "bucketPrefix": Text(pattern=r"[a-z0-9][a-z0-9.-]{0,36}", replaces=True),
        "forceDestroy": Flag(default=False),
        "tags": Strings(),
    }
    configured_after = ("tags",)

    def contradictions(self, inputs: Properties) -> Iterable[tuple[str, str]]:
        if inputs.get("bucketNamespace") == "account-regional" and inputs.get("bucket") != UNKNOWN:
            end = self._account_regional_end
            if not inputs.get("bucket", "").endswith(end):
                yield "bucket", f"must end with {end} in the namespace account-regional"

    def create_resource(self, inputs: Properties) -> Properties:
        # A unique name, built on the prefix as Terraform's AWS provider does.
        name = inputs.get("bucket") or f"{inputs['bucketPrefix']}{time.time_ns():026d}"
        region = self.aws.region
        # us-east-1 is S3's default, which it rejects by name.
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        namespace = {"BucketNamespace": inputs["bucketNamespace"]} if "bucketNamespace" in inputs else {}
        self.aws.s3.create_bucket(Bucket=name, **(place if region != "us-east-1" else {}), **namespace)
        return {"id": name}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        self.aws.s3.head_bucket(Bucket=id_)
        tags = self._tags(id_)
        return {
            "arn": f"arn:aws:s3:::{id_}",
            "bucket": id_,
            "bucketNamespace": "account-regional" if id_.endswith(self._account_regional_end) else "global",
            "bucketDomainName": f"{id_}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{id_}.s3.{self.aws.region}.amazonaws.com",
            "region": self.aws.region,
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        if "tags" in changed:
            if wanted := inputs.get("tags"):
                self.aws.s3.put_bucket_tagging(Bucket=id_, Tagging={"TagSet": tag_list(wanted)})
            else:
                self.aws.s3.delete_bucket_tagging(Bucket=id_)

    def delete_resource(self, id_: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            for page in self.aws.s3.get_paginator("list_object_versions").paginate(Bucket=id_):
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    self.aws.s3.delete_object(Bucket=id_, Key=one["Key"], VersionId=one["VersionId"])
        self.aws.s3.delete_bucket(Bucket=id_)

    @property
    def _account_regional_end(self) -> str:
        return f"-{self.aws.account}-{self.aws.region}-an"

    def _tags(self, name: str) -> dict[str, str]:
        try:
            return tag_map(self.aws.s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except self.aws.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return {}
            raise


class BucketPublicAccessBlock(Resource):
    """A bucket's block of public access; its id is the bucket, as for all types below."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    flags: ClassVar = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    inputs: ClassVar[Inputs] = {"bucket": BUCKET, **dict.fromkeys(flags, Flag(default=False))}

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, self.flags)
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        block: Any = self.aws.s3.get_public_access_block(Bucket=id_)["PublicAccessBlockConfiguration"]
        return {"bucket": id_} | {flag: block.get(_upper(flag), False) for flag in self.flags}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        wanted: Any = {_upper(flag): inputs[flag] for flag in self.flags}
        self.aws.s3.put_public_access_block(Bucket=id_, PublicAccessBlockConfiguration=wanted)

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.s3.delete_public_access_block(Bucket=id_)


class BucketOwnershipControls(Resource):
    """The ownership of a bucket's objects."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    ownerships = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
    inputs: ClassVar[Inputs] = {
        "bucket": BUCKET,
        "rule": Block(
            fields={"objectOwnership": Text(required=True, one_of=ownerships)},
            required=True,
        ),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, ("rule",))
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        rules = self.aws.s3.get_bucket_ownership_controls(Bucket=id_)["OwnershipControls"]["Rules"]
        return {"bucket": id_, "rule": {"objectOwnership": rules[0]["ObjectOwnership"]}}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        rule: Any = {"ObjectOwnership": inputs["rule"]["objectOwnership"]}
        self.aws.s3.put_bucket_ownership_controls(Bucket=id_, OwnershipControls={"Rules": [rule]})

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.s3.delete_bucket_ownership_controls(Bucket=id_)


class BucketVersioning(Resource):
    """The versioning of a bucket. Deleting it suspends versioning."""

    token = "aws:s3/bucketVersioning:BucketVersioning"
    inputs: ClassVar[Inputs] = {
        "bucket": BUCKET,
        "versioningConfiguration": Block(
            fields={"status": Text(required=True, one_of=("Enabled", "Suspended"))}, required=True
        ),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, ("versioningConfiguration",))
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        versioning = self.aws.s3.get_bucket_versioning(Bucket=id_)
        return {"bucket": id_, "versioningConfiguration": {"status": versioning.get("Status", "Suspended")}}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        self._put(id_, inputs["versioningConfiguration"]["status"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self._put(id_, "Suspended")

    def _put(self, bucket: str, status: Any) -> None:
        self.aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


class BucketServerSideEncryptionConfiguration(Resource):
    """A bucket's default encryption."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    inputs: ClassVar[Inputs] = {
        "bucket": BUCKET,
        "rules": Items(
            item=Block(
                fields={
                    "applyServerSideEncryptionByDefault": Block(
                        fields={
                            "sseAlgorithm": Text(required=True, one_of=("AES256", "aws:kms", "aws:kms:dsse")),
                            "kmsMasterKeyId": Text(),
                        }
                    ),
                    "bucketKeyEnabled": Flag(computed=True),
                }
            ),
            low=1,
            high=1,
            required=True,
        ),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, ("rules",))
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        encryption = self.aws.s3.get_bucket_encryption(Bucket=id_)["ServerSideEncryptionConfiguration"]
        rules = []
        for rule in encryption["Rules"]:
            by_default: Any = rule.get("ApplyServerSideEncryptionByDefault", {})
            rules.append(
                {
                    "applyServerSideEncryptionByDefault": _present(
                        sseAlgorithm=by_default.get("SSEAlgorithm"),
                        kmsMasterKeyId=by_default.get("KMSMasterKeyID"),
                    ),
                    "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                }
            )
        return {"bucket": id_, "rules": rules}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        rules: Any = []
        for rule in inputs["rules"]:
            by_default = rule.get("applyServerSideEncryptionByDefault", {})
            rules.append(
                _present(
                    ApplyServerSideEncryptionByDefault=_present(
                        SSEAlgorithm=by_default.get("sseAlgorithm"),
                        KMSMasterKeyID=by_default.get("kmsMasterKeyId"),
                    ),
                    BucketKeyEnabled=rule.get("bucketKeyEnabled"),
                )
            )
        self.aws.s3.put_bucket_encryption(Bucket=id_, ServerSideEncryptionConfiguration={"Rules": rules})

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.s3.delete_bucket_encryption(Bucket=id_)


class BucketLifecycleConfiguration(Resource):
    """When S3 removes objects."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    inputs: ClassVar[Inputs] = {
        "bucket": BUCKET,
        "rules": Items(
            item=Block(
                fields={
                    "id": Text(required=True),
                    "status": Text(required=True, one_of=("Enabled", "Disabled")),
                    "filter": Block(fields={"prefix": Text()}),
                    "expiration": Block(fields={"days": Integer(low=1)}),
                    "noncurrentVersionExpiration": Block(fields={"noncurrentDays": Integer(low=1)}),
                    "abortIncompleteMultipartUpload": Block(fields={"daysAfterInitiation": Integer(low=1)}),
                }
            ),
            low=1,
            required=True,
        ),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, ("rules",))
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        lifecycle: Any = self.aws.s3.get_bucket_lifecycle_configuration(Bucket=id_)
        rules = []
        for rule in lifecycle["Rules"]:
            uploads = rule.get("AbortIncompleteMultipartUpload", {})
            rules.append(
                _present(
                    id=rule["ID"],
                    status=rule["Status"],
                    filter={"prefix": rule.get("Filter", {}).get("Prefix", "")},
                    expiration=_present(days=rule.get("Expiration", {}).get("Days")),
                    noncurrentVersionExpiration=_present(
                        noncurrentDays=rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
                    ),
                    abortIncompleteMultipartUpload=_present(
                        daysAfterInitiation=uploads.get("DaysAfterInitiation")
                    ),
                )
            )
        return {"bucket": id_, "rules": rules}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        rules: Any = []
        for rule in inputs["rules"]:
            uploads = rule.get("abortIncompleteMultipartUpload", {})
            rules.append(
                {"Filter": {"Prefix": rule.get("filter", {}).get("prefix", "")}}
                | _present(
                    ID=rule["id"],
                    Status=rule["status"],
                    Expiration=_present(Days=rule.get("expiration", {}).get("days")),
                    NoncurrentVersionExpiration=_present(
                        NoncurrentDays=rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays")
                    ),
                    AbortIncompleteMultipartUpload=_present(
                        DaysAfterInitiation=uploads.get("daysAfterInitiation")
                    ),
                )
            )
        self.aws.s3.put_bucket_lifecycle_configuration(Bucket=id_, LifecycleConfiguration={"Rules": rules})

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.s3.delete_bucket_lifecycle(Bucket=id_)


class BucketPolicy(Resource):
    """A bucket's policy."""

    token = "aws:s3/bucketPolicy:BucketPolicy"
    inputs: ClassVar[Inputs] = {"bucket": BUCKET, "policy": Json(required=True)}

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["bucket"], inputs, ("policy",))
        return {"id": inputs["bucket"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        return {"bucket": id_, "policy": self.aws.s3.get_bucket_policy(Bucket=id_)["Policy"]}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        self.aws.s3.put_bucket_policy(Bucket=id_, Policy=inputs["policy"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.s3.delete_bucket_policy(Bucket=id_)


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def _present(**values: Any) -> dict[str, Any]:
    """Drop empty members: S3 rejects empty elements."""
    return {key: value for key, value in values.items() if value not in (None, {})}
