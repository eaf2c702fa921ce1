"""KMS: keys and their aliases."""

from collections.abc import Collection
from typing import Any, ClassVar

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag
from local.pulumi.provider.schema import Flag, Inputs, Integer, Strings, Text


class Key(Resource):
    """A symmetric key; its id is the key id. It is deleted at the end of a waiting period."""

    token = "aws:kms/key:Key"
    inputs: ClassVar[Inputs] = {
        "description": Text(),
        "deletionWindowInDays": Integer(low=7, high=30, write_only=True),
        "enableKeyRotation": Flag(default=False),
        "tags": Strings(),
    }
    configured_after = ("enableKeyRotation",)

    def create_resource(self, inputs: Properties) -> Properties:
        created = self.aws.kms.create_key(
            Description=inputs.get("description", ""), Tags=_tag_list(inputs.get("tags"))
        )
        return {"id": created["KeyMetadata"]["KeyId"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        key = self.aws.kms.describe_key(KeyId=id_)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            raise NotFoundError(f"key {id_} is being deleted")
        tags = self._tags(id_)
        return {
            "arn": key["Arn"],
            "keyId": id_,
            "description": key["Description"],
            "enableKeyRotation": self.aws.kms.get_key_rotation_status(KeyId=id_)["KeyRotationEnabled"],
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        kms = self.aws.kms
        if "description" in changed:
            kms.update_key_description(KeyId=id_, Description=inputs.get("description", ""))
        if "enableKeyRotation" in changed:
            (kms.enable_key_rotation if inputs["enableKeyRotation"] else kms.disable_key_rotation)(KeyId=id_)
        if "tags" in changed:
            retag(
                self._tags(id_),
                inputs.get("tags"),
                lambda keys: kms.untag_resource(KeyId=id_, TagKeys=keys),
                lambda tags: kms.tag_resource(KeyId=id_, Tags=_tag_list(tags)),
            )

    def delete_resource(self, id_: str, state: Properties) -> None:
        self.aws.kms.schedule_key_deletion(
            KeyId=id_, PendingWindowInDays=state.get("deletionWindowInDays", 30)
        )

    def _tags(self, key: str) -> dict[str, str]:
        return {tag["TagKey"]: tag["TagValue"] for tag in self.aws.kms.list_resource_tags(KeyId=key)["Tags"]}


class Alias(Resource):
    """A name for a key; its id is the name."""

    token = "aws:kms/alias:Alias"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern="alias/[A-Za-z0-9/_-]+", replaces=True),
        "targetKeyId": Text(required=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.aws.kms.create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        for page in self.aws.kms.get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == id_:
                    return {"arn": alias["AliasArn"], "name": id_, "targetKeyId": alias["TargetKeyId"]}
        raise NotFoundError(f"{id_} does not exist")

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        if "targetKeyId" in changed:
            self.aws.kms.update_alias(AliasName=id_, TargetKeyId=inputs["targetKeyId"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.kms.delete_alias(AliasName=id_)


def _tag_list(tags: Any) -> list[Any]:
    """Convert tags to the form of KMS."""
    return [{"TagKey": key, "TagValue": value} for key, value in (tags or {}).items()]
