"""The Kinesis stream that carries events from the producer to the function."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from stack.settings import StreamSettings

# All the metrics that the AWS console calls "enhanced".
SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
)


class EventStream(pulumi.ComponentResource):
    """An encrypted Kinesis stream.

    Attributes:
        stream_name: name of the stream, the producer's `stream_name`.
        arn: ARN of the stream.
    """

    stream_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stream_name: str,
        settings: StreamSettings,
        kms_key_arn: pulumi.Input[str] | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:EventStream", name, None, opts)
        stream = aws.kinesis.Stream(
            f"{name}-stream",
            name=stream_name,
            stream_mode_details=aws.kinesis.StreamStreamModeDetailsArgs(
                stream_mode="ON_DEMAND" if settings.shards is None else "PROVISIONED"
            ),
            shard_count=settings.shards,
            retention_period=settings.retention_hours,
            # Always declared, because the provider keeps a limit that the program stops naming.
            max_record_size_in_kib=settings.max_record_kib,
            warm_throughput_mib_ps=settings.warm_mib,
            shard_level_metrics=list(SHARD_METRICS) if settings.shard_metrics else [],
            encryption_type="KMS",
            kms_key_id=kms_key_arn or "alias/aws/kinesis",
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.stream_name = stream.name
        self.arn = stream.arn
        self.register_outputs({"stream_name": self.stream_name, "arn": self.arn})
