"""CloudWatch Logs: the log group."""

from collections.abc import Collection
from typing import ClassVar

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag
from local.pulumi.provider.schema import Inputs, Integer, Strings, Text

# CloudWatch Logs API reference, PutRetentionPolicy; 0 means "never expire".
DAYS = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class LogGroup(Resource):
    """A log group; its id is the name."""

    token = "aws:cloudwatch/logGroup:LogGroup"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern="[a-zA-Z0-9_./#-]{1,512}", replaces=True),
        "retentionInDays": Integer(one_of=DAYS, default=0),
        "kmsKeyId": Text(),
        "tags": Strings(),
    }
    configured_after = ("retentionInDays",)

    def create_resource(self, inputs: Properties) -> Properties:
        key = {"kmsKeyId": inputs["kmsKeyId"]} if inputs.get("kmsKeyId") else {}
        self.aws.logs.create_log_group(
            logGroupName=inputs["name"],
            tags=inputs.get("tags", {}),
            **key,
        )
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        pages = self.aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=id_)
        group = next((one for page in pages for one in page["logGroups"] if one["logGroupName"] == id_), None)
        if group is None:
            raise NotFoundError(f"log group {id_} does not exist")
        arn = group["arn"].removesuffix(":*")
        tags = self.aws.logs.list_tags_for_resource(resourceArn=arn)["tags"]
        return {
            "arn": arn,
            "name": id_,
            "region": self.aws.region,
            "retentionInDays": group.get("retentionInDays", 0),
            "kmsKeyId": group.get("kmsKeyId"),
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        logs = self.aws.logs
        if "retentionInDays" in changed:
            if inputs["retentionInDays"]:
                logs.put_retention_policy(logGroupName=id_, retentionInDays=inputs["retentionInDays"])
            else:
                logs.delete_retention_policy(logGroupName=id_)
        if "kmsKeyId" in changed:
            if "kmsKeyId" in inputs:
                logs.associate_kms_key(logGroupName=id_, kmsKeyId=inputs["kmsKeyId"])
            else:
                logs.disassociate_kms_key(logGroupName=id_)
        if "tags" in changed:
            actual = self.read_resource(id_, {})
            retag(
                actual["tags"],
                inputs.get("tags"),
                lambda keys: logs.untag_resource(resourceArn=actual["arn"], tagKeys=keys),
                lambda tags: logs.tag_resource(resourceArn=actual["arn"], tags=tags),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.logs.delete_log_group(logGroupName=id_)
