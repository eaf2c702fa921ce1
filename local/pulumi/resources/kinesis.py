"""Kinesis: the stream."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from local.pulumi.provider.resource import Properties, Resource, retag, tag_map, wait_until
from local.pulumi.provider.schema import UNKNOWN, Block, Inputs, Integer, Items, Strings, Text


class Stream(Resource):
    """A data stream, provisioned or on demand; its id is the ARN."""

    token = "aws:kinesis/stream:Stream"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern="[a-zA-Z0-9_.-]{1,128}", replaces=True),
        "shardCount": Integer(low=1, computed=True),
        "retentionPeriod": Integer(low=24, high=8760, default=24),  # hours
        "streamModeDetails": Block(
            fields={"streamMode": Text(one_of=("PROVISIONED", "ON_DEMAND"), required=True)},
            default={"streamMode": "PROVISIONED"},
        ),
        "warmThroughputMibPs": Integer(low=0),
        "maxRecordSizeInKib": Integer(low=1024, high=10240, computed=True),
        "shardLevelMetrics": Items(item=Text()),
        "encryptionType": Text(one_of=("NONE", "KMS"), default="NONE"),
        "kmsKeyId": Text(),
        "tags": Strings(),
    }
    configured_after = ("retentionPeriod", "shardLevelMetrics", "encryptionType", "tags")

    def contradictions(self, inputs: Properties) -> Iterable[tuple[str, str]]:
        mode = inputs["streamModeDetails"]
        if UNKNOWN in (mode, mode["streamMode"]):
            return
        if mode["streamMode"] == "ON_DEMAND" and "shardCount" in inputs:
            yield "shardCount", "is not allowed for a stream in ON_DEMAND mode"
        if mode["streamMode"] == "PROVISIONED" and "shardCount" not in inputs:
            yield "shardCount", "is required for a stream in PROVISIONED mode"
        if mode["streamMode"] == "PROVISIONED" and inputs.get("warmThroughputMibPs"):
            yield "warmThroughputMibPs", "is not allowed for a stream in PROVISIONED mode"
        if inputs["encryptionType"] == "KMS" and "kmsKeyId" not in inputs:
            yield "kmsKeyId", "is required for encryptionType KMS"

    def create_resource(self, inputs: Properties) -> Properties:
        arn = f"arn:aws:kinesis:{self.aws.region}:{self.aws.account}:stream/{inputs['name']}"
        shards: dict[str, Any] = {"ShardCount": inputs["shardCount"]} if "shardCount" in inputs else {}
        mode = inputs["streamModeDetails"]["streamMode"]
        warm = (
            {"WarmThroughputMiBps": inputs["warmThroughputMibPs"]} if "warmThroughputMibPs" in inputs else {}
        )
        size = {"MaxRecordSizeInKiB": inputs["maxRecordSizeInKib"]} if "maxRecordSizeInKib" in inputs else {}
        self.aws.kinesis.create_stream(
            StreamName=inputs["name"], StreamModeDetails={"StreamMode": mode}, **shards, **size, **warm
        )
        return {"id": arn}

    def settle(self, id_: str) -> None:
        name = _name(id_)
        wait_until(lambda: self._summary(name)["StreamStatus"] == "ACTIVE", f"the stream {name}")

    def read_resource(self, id_: str, known: Properties) -> Properties:
        name = _name(id_)
        summary = self._summary(name)
        return {
            "arn": id_,
            "name": name,
            "region": self.aws.region,
            "shardCount": summary["OpenShardCount"],
            "retentionPeriod": summary["RetentionPeriodHours"],
            "warmThroughputMibPs": summary.get("WarmThroughput", {}).get("TargetMiBps") or None,
            "maxRecordSizeInKib": summary["MaxRecordSizeInKiB"],
            "streamModeDetails": {"streamMode": summary["StreamModeDetails"]["StreamMode"]},
            # ministack takes them and tells nothing of them.
            "shardLevelMetrics": summary["EnhancedMonitoring"][0]["ShardLevelMetrics"]
            or known.get("shardLevelMetrics"),
            "encryptionType": summary.get("EncryptionType", "NONE"),
            "kmsKeyId": summary.get("KeyId"),
            "tags": self._tags(name),
            "tagsAll": self._tags(name),
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        kinesis, name = self.aws.kinesis, _name(id_)
        if "streamModeDetails" in changed:
            mode = inputs["streamModeDetails"]["streamMode"]
            kinesis.update_stream_mode(StreamARN=id_, StreamModeDetails={"StreamMode": mode})
            self.settle(id_)
        if "shardCount" in changed:
            kinesis.update_shard_count(
                StreamName=name, TargetShardCount=inputs["shardCount"], ScalingType="UNIFORM_SCALING"
            )
            self.settle(id_)
        if "retentionPeriod" in changed:
            hours, now = inputs["retentionPeriod"], self._summary(name)["RetentionPeriodHours"]
            if hours > now:
                kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)
            elif hours < now:
                kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=hours)
            self.settle(id_)
        if "warmThroughputMibPs" in changed:
            kinesis.update_stream_warm_throughput(
                StreamARN=id_, WarmThroughputMiBps=inputs.get("warmThroughputMibPs", 0)
            )
            self.settle(id_)
        if "maxRecordSizeInKib" in changed:
            kinesis.update_max_record_size(StreamARN=id_, MaxRecordSizeInKiB=inputs["maxRecordSizeInKib"])
            self.settle(id_)
        if "shardLevelMetrics" in changed:
            kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
            if wanted := inputs.get("shardLevelMetrics"):
                kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=wanted)
        if "encryptionType" in changed or "kmsKeyId" in changed:
            self._encrypt(name, inputs)
            self.settle(id_)
        if "tags" in changed:
            retag(
                self._tags(name),
                inputs.get("tags"),
                lambda keys: kinesis.remove_tags_from_stream(StreamName=name, TagKeys=keys),
                lambda tags: kinesis.add_tags_to_stream(StreamName=name, Tags=tags),
            )

    def delete_resource(self, id_: str, state: Properties) -> None:
        name = _name(id_)
        self.aws.kinesis.delete_stream(StreamName=name)
        wait_until(lambda: self.read(id_, state) is None, f"deleting the stream {name}")

    def _encrypt(self, name: str, inputs: Properties) -> None:
        before = self._summary(name)
        if inputs["encryptionType"] == "KMS":
            self.aws.kinesis.start_stream_encryption(
                StreamName=name, EncryptionType="KMS", KeyId=inputs["kmsKeyId"]
            )
        elif before.get("EncryptionType", "NONE") == "KMS":
            self.aws.kinesis.stop_stream_encryption(
                StreamName=name, EncryptionType="KMS", KeyId=before["KeyId"]
            )

    def _summary(self, name: str) -> Any:
        return self.aws.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]

    def _tags(self, name: str) -> dict[str, str]:
        return tag_map(self.aws.kinesis.list_tags_for_stream(StreamName=name)["Tags"])


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
