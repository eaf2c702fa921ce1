"""DynamoDB: the table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from local.pulumi.provider.resource import Properties, Resource, retag, tag_list, tag_map, wait_until
from local.pulumi.provider.schema import UNKNOWN, Block, Flag, Inputs, Integer, Items, Strings, Text

_THROUGHPUTS = ("onDemandThroughput", "warmThroughput")


@dataclass(frozen=True, kw_only=True)
class TimeToLive(Block):
    """A table's time to live, whose attribute means nothing while it is disabled."""

    def same(self, one: Any, other: Any) -> bool:
        if not (one or {}).get("enabled") and not (other or {}).get("enabled"):
            return True
        return super().same(one, other)


class Table(Resource):
    """A table; its id is the name."""

    token = "aws:dynamodb/table:Table"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern="[a-zA-Z0-9_.-]{3,255}", replaces=True),
        "hashKey": Text(required=True, replaces=True),
        "rangeKey": Text(replaces=True),
        "attributes": Items(
            item=Block(
                fields={"name": Text(required=True), "type": Text(required=True, one_of=("S", "N", "B"))}
            ),
            low=1,
            required=True,
        ),
        "billingMode": Text(one_of=("PROVISIONED", "PAY_PER_REQUEST"), default="PROVISIONED"),
        "readCapacity": Integer(low=1, computed=True),
        "writeCapacity": Integer(low=1, computed=True),
        "onDemandThroughput": Block(
            fields={
                "maxReadRequestUnits": Integer(low=-1, computed=True),
                "maxWriteRequestUnits": Integer(low=-1, computed=True),
            }
        ),
        "warmThroughput": Block(
            fields={
                "readUnitsPerSecond": Integer(low=12_000, computed=True),
                "writeUnitsPerSecond": Integer(low=4_000, computed=True),
            },
            computed=True,
        ),
        "deletionProtectionEnabled": Flag(default=False),
        "pointInTimeRecovery": Block(
            fields={
                "enabled": Flag(required=True),
                "recoveryPeriodInDays": Integer(low=1, high=35, computed=True),
            },
            computed=True,
        ),
        "serverSideEncryption": Block(
            fields={"enabled": Flag(required=True), "kmsKeyArn": Text(computed=True)}, computed=True
        ),
        "ttl": TimeToLive(
            fields={"attributeName": Text(computed=True), "enabled": Flag(default=False)}, computed=True
        ),
        "tags": Strings(),
    }
    configured_after = ("pointInTimeRecovery", "ttl")

    def contradictions(self, inputs: Properties) -> Iterable[tuple[str, str]]:
        for key in ("readCapacity", "writeCapacity"):
            if inputs["billingMode"] == "PAY_PER_REQUEST" and key in inputs:
                yield key, "is not allowed for billingMode PAY_PER_REQUEST"
        if UNKNOWN in inputs["attributes"]:
            return
        keys = {inputs["hashKey"], inputs.get("rangeKey", inputs["hashKey"])}
        defined = {attribute["name"] for attribute in inputs["attributes"]}
        if UNKNOWN not in keys | defined and keys != defined:
            yield "attributes", f"must define the key attributes and no others: {', '.join(sorted(keys))}"

    def create_resource(self, inputs: Properties) -> Properties:
        settings: dict[str, Any] = {}
        if inputs.get("serverSideEncryption", {}).get("enabled"):
            settings["SSESpecification"] = _encryption(inputs)
        for key in _THROUGHPUTS:
            if key in inputs:
                settings[_upper(key)] = _throughput(inputs, key)
        self.aws.dynamodb.create_table(
            TableName=inputs["name"],
            KeySchema=_key_schema(inputs),
            AttributeDefinitions=_attributes(inputs),
            DeletionProtectionEnabled=inputs["deletionProtectionEnabled"],
            Tags=tag_list(inputs.get("tags")),
            **_capacity(inputs),
            **settings,
        )
        return {"id": inputs["name"]}

    def settle(self, id_: str) -> None:
        wait_until(lambda: self._table(id_)["TableStatus"] == "ACTIVE", f"the table {id_}")

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        dynamodb = self.aws.dynamodb
        table: Any = self._table(id_)
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        backups = dynamodb.describe_continuous_backups(TableName=id_)["ContinuousBackupsDescription"]
        recovery: Any = backups.get("PointInTimeRecoveryDescription", {})
        ttl: Any = dynamodb.describe_time_to_live(TableName=id_)["TimeToLiveDescription"]
        encryption = table.get("SSEDescription", {})
        capacity = table.get("ProvisionedThroughput", {})
        tags = self._tags(table["TableArn"])
        return {
            "arn": table["TableArn"],
            "name": id_,
            "region": self.aws.region,
            "hashKey": keys["HASH"],
            "rangeKey": keys.get("RANGE"),
            "attributes": [
                {"name": one["AttributeName"], "type": one["AttributeType"]}
                for one in table["AttributeDefinitions"]
            ],
            "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            # Zero means "on demand".
            "readCapacity": capacity.get("ReadCapacityUnits") or None,
            "writeCapacity": capacity.get("WriteCapacityUnits") or None,
            **{
                key: {_lower(unit): value for unit, value in table.get(_upper(key), {}).items()}
                for key in _THROUGHPUTS
            },
            "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
            "pointInTimeRecovery": {
                "enabled": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
                "recoveryPeriodInDays": recovery.get("RecoveryPeriodInDays"),
            },
            "serverSideEncryption": {
                "enabled": encryption.get("Status") == "ENABLED",
                "kmsKeyArn": encryption.get("KMSMasterKeyArn"),
            },
            "ttl": {
                "attributeName": ttl.get("AttributeName"),
                "enabled": ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"),
            },
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        dynamodb = self.aws.dynamodb
        # AWS accepts only one of these changes per call. Without a ceiling, its call changes nothing, which AWS rejects
        # and AWS's own provider makes, unless the billing mode changes in the same call.
        throughputs = [key for key in _THROUGHPUTS if key in changed]
        if {"billingMode", "readCapacity", "writeCapacity"} & set(changed):
            self._update(id_, **_capacity(inputs))
            throughputs = [key for key in throughputs if key in inputs]
        for key in throughputs:
            self._update(id_, **({_upper(key): _throughput(inputs, key)} if key in inputs else {}))
        if "deletionProtectionEnabled" in changed:
            self._update(id_, DeletionProtectionEnabled=inputs["deletionProtectionEnabled"])
        if "serverSideEncryption" in changed:
            self._update(id_, SSESpecification=_encryption(inputs))
        if "pointInTimeRecovery" in changed:
            recovery: dict[str, Any] = {
                "PointInTimeRecoveryEnabled": inputs["pointInTimeRecovery"]["enabled"]
            }
            if days := inputs["pointInTimeRecovery"].get("recoveryPeriodInDays"):
                recovery["RecoveryPeriodInDays"] = days
            dynamodb.update_continuous_backups(
                TableName=id_,
                PointInTimeRecoverySpecification=recovery,  # type: ignore[arg-type]
            )
        if "ttl" in changed:
            self._update_ttl(id_, inputs["ttl"])
        if "tags" in changed:
            arn = self._table(id_)["TableArn"]
            retag(
                self._tags(arn),
                inputs.get("tags"),
                lambda keys: dynamodb.untag_resource(ResourceArn=arn, TagKeys=keys),
                lambda tags: dynamodb.tag_resource(ResourceArn=arn, Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, state: Properties) -> None:
        self.aws.dynamodb.delete_table(TableName=id_)
        wait_until(lambda: self.read(id_, state) is None, f"deleting the table {id_}")

    def _update_ttl(self, name: str, ttl: Properties) -> None:
        now: Any = self.aws.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        enabled = now.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        attribute = ttl.get("attributeName") or now.get("AttributeName")
        # AWS rejects a call that changes nothing.
        if (enabled, now.get("AttributeName") if enabled else None) == (
            ttl["enabled"],
            attribute if ttl["enabled"] else None,
        ):
            return
        self.aws.dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": ttl["enabled"], "AttributeName": attribute}
        )

    def _update(self, name: str, **settings: Any) -> None:
        self.aws.dynamodb.update_table(TableName=name, **settings)
        self.settle(name)

    def _table(self, name: str) -> Any:
        return self.aws.dynamodb.describe_table(TableName=name)["Table"]

    def _tags(self, arn: str) -> dict[str, str]:
        return tag_map(self.aws.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"])


def _throughput(inputs: Properties, key: str) -> dict[str, Any]:
    return {_upper(unit): value for unit, value in inputs[key].items()}


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _key_schema(inputs: Properties) -> Any:
    keys = [{"AttributeName": inputs["hashKey"], "KeyType": "HASH"}]
    if "rangeKey" in inputs:
        keys.append({"AttributeName": inputs["rangeKey"], "KeyType": "RANGE"})
    return keys


def _attributes(inputs: Properties) -> Any:
    return [{"AttributeName": one["name"], "AttributeType": one["type"]} for one in inputs["attributes"]]


def _capacity(inputs: Properties) -> dict[str, Any]:
    if inputs["billingMode"] == "PAY_PER_REQUEST":
        return {"BillingMode": "PAY_PER_REQUEST"}
    # A table that changes to PROVISIONED without a capacity gets 1, as from AWS's own provider.
    units = {
        "ReadCapacityUnits": inputs.get("readCapacity", 1),
        "WriteCapacityUnits": inputs.get("writeCapacity", 1),
    }
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}


def _encryption(inputs: Properties) -> dict[str, Any]:
    wanted = inputs["serverSideEncryption"]
    if not wanted["enabled"]:
        return {"Enabled": False}
    key = {"KMSMasterKeyId": wanted["kmsKeyArn"]} if "kmsKeyArn" in wanted else {}
    return {"Enabled": True, "SSEType": "KMS", **key}
