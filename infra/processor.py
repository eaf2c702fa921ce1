"""The Lambda function that stores the stream's events in the table, with its role, log group and mapping."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from event import quarantine_object
from infra.archive import function_code
from infra.iam import Statement, policy_document, via_service, via_stream
from infra.live import DeployedAlias
from stack.aws.live_alias import LIVE, describe
from stack.settings import FunctionSettings, MappingSettings

HANDLER = "handler.app.lambda_handler"
RUNTIME = "python3.13"
READ_STREAM = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
"""What Lambda does with the stream, under the function's role."""


class EventProcessor(pulumi.ComponentResource):
    """Log group, role, function, its alias `live` and event source mapping.

    docs/decisions.md: why without a VPC, reserved concurrency, a dead-letter queue and code signing.

    Attributes:
        function_name: name of the function.
        mapping_uuid: identity of the event source mapping, the dimension of its metrics.
    """

    function_name: pulumi.Output[str]
    mapping_uuid: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        function_name: str,
        region: pulumi.Input[str],
        event_type: str,
        stream_arn: pulumi.Input[str],
        stream_key_arn: pulumi.Input[str] | None,
        table_name: pulumi.Input[str],
        table_arn: pulumi.Input[str],
        quarantine_name: pulumi.Input[str],
        quarantine_arn: pulumi.Input[str],
        item_lifetime_days: int | None,
        kms_key_arn: pulumi.Input[str] | None,
        kms_key_arn_previous: pulumi.Input[str] | None,
        permissions_boundary_arn: str | None,
        function: FunctionSettings,
        mapping: MappingSettings,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the function and what it needs.

        Args:
            event_type: name of the module of `event/types/` that defines what the stream carries.
            item_lifetime_days: None if items are kept forever.
            stream_key_arn: None if the stream is not encrypted with a customer's key.
            kms_key_arn: None if AWS manages the keys of table, bucket and log group.
            kms_key_arn_previous: a key that something readable may still be encrypted with.
            permissions_boundary_arn: the managed policy that limits the role.
        """
        super().__init__("stream-processing:infra:EventProcessor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        deployed = DeployedAlias(function_name, function.version)
        # Created before the function, because Lambda would create one that keeps its lines forever.
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log-group",
            name=f"/aws/lambda/{function_name}",
            retention_in_days=function.log_retention_days,
            kms_key_id=kms_key_arn,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, transforms=[deployed.read]),
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=function_name,
            assume_role_policy=policy_document(
                Statement(
                    sid="Lambda",
                    principal={"Service": "lambda.amazonaws.com"},
                    actions=["sts:AssumeRole"],
                )
            ),
            permissions_boundary=permissions_boundary_arn,
            tags=tags,
            opts=child,
        )
        statements = [
            *_read_and_write(stream_arn, table_arn, quarantine_arn, log_group.arn),
            *_use_keys(stream_arn, region, stream_key_arn, kms_key_arn, kms_key_arn_previous),
        ]
        if function.tracing:
            # X-Ray has no resources, so "*" is the only one that grants these two actions.
            statements.append(
                Statement(
                    sid="SendTraces",
                    actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                    resources=["*"],
                )
            )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="StoreEvents",
            role=role.name,
            policy=policy_document(*statements),
            opts=child,
        )
        environment: dict[str, pulumi.Input[str]] = {
            "EVENT_TYPE": event_type,
            "TABLE_NAME": table_name,
            "QUARANTINE_BUCKET": quarantine_name,
        }
        if item_lifetime_days:
            environment["ITEM_LIFETIME_DAYS"] = str(item_lifetime_days)
        lambda_function = aws.lambda_.Function(
            f"{name}-function",
            name=function_name,
            description="Stores the events of the stream in the table",
            runtime=RUNTIME,
            handler=HANDLER,
            architectures=[function.architecture],
            code=function_code(event_type),
            role=role.arn,
            memory_size=function.memory,
            timeout=function.timeout,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=environment),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="JSON",
                # The function waits for the check, and with it everything that an `up` would change of it.
                log_group=deployed.check(log_group.name),
                application_log_level=function.log_level,
                system_log_level="INFO",
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if function.tracing else "PassThrough"
            ),
            # Code and settings of each deployment are a version. AWS keeps them all: `python -m ops versions --prune`.
            publish=True,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        version = pulumi.Output.from_input(function.version or lambda_function.version)
        alias = aws.lambda_.Alias(
            f"{name}-live",
            name=LIVE,
            description=version.apply(describe),
            function_name=lambda_function.name,
            function_version=version,
            opts=child,
        )
        source_mapping = aws.lambda_.EventSourceMapping(
            f"{name}-mapping",
            event_source_arn=stream_arn,
            function_name=alias.arn,
            starting_position=mapping.starting_position,
            batch_size=mapping.batch_size,
            maximum_batching_window_in_seconds=mapping.batching_window,
            parallelization_factor=mapping.parallelization_factor,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=mapping.maximum_retries,
            maximum_record_age_in_seconds=mapping.maximum_record_age,
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(
                on_failure=aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(
                    destination_arn=quarantine_arn
                )
            ),
            filter_criteria=_filter_criteria(mapping.filters),
            # The only metrics that show a batch that Lambda quarantined or dropped, and records that a filter dropped.
            metrics_config=aws.lambda_.EventSourceMappingMetricsConfigArgs(metrics=["EventCount"]),
            tags=tags,
            # AWS rejects a mapping whose role is not yet allowed to read the stream. The starting position is
            # read only when a mapping is created: a change must not replace it, which would skip retried events.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[policy], ignore_changes=["startingPosition"]
            ),
        )
        self.function_name = lambda_function.name
        self.mapping_uuid = source_mapping.uuid
        self.register_outputs({"function_name": self.function_name, "mapping_uuid": self.mapping_uuid})


def _filter_criteria(patterns: Sequence[str]) -> aws.lambda_.EventSourceMappingFilterCriteriaArgs | None:
    """Return the mapping's filters; None for none.

    To take filters back the provider then sends an empty list, after which AWS reports none (its acceptance test
    `TestAccLambdaEventSourceMapping_SQS_filterCriteria`).
    """
    if not patterns:
        return None
    return aws.lambda_.EventSourceMappingFilterCriteriaArgs(
        filters=[
            aws.lambda_.EventSourceMappingFilterCriteriaFilterArgs(pattern=pattern) for pattern in patterns
        ]
    )


def _read_and_write(
    stream_arn: pulumi.Input[str],
    table_arn: pulumi.Input[str],
    quarantine_arn: pulumi.Input[str],
    log_group_arn: pulumi.Input[str],
) -> list[Statement]:
    """Return exactly the actions that Lambda and the function use."""
    return [
        Statement(
            sid="ReadStream",
            actions=READ_STREAM,
            resources=[stream_arn],
        ),
        Statement(sid="WriteTable", actions=["dynamodb:BatchWriteItem"], resources=[table_arn]),
        Statement(
            sid="WriteLog",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[pulumi.Output.concat(log_group_arn, ":*")],
        ),
        # The function's own objects, and Lambda's.
        Statement(
            sid="WriteQuarantine",
            actions=["s3:PutObject"],
            resources=[
                pulumi.Output.concat(quarantine_arn, "/", quarantine_object.PREFIX, "*"),
                pulumi.Output.concat(quarantine_arn, "/aws/lambda/*"),
            ],
        ),
        # Lambda checks that the on-failure bucket exists.
        Statement(sid="FindQuarantine", actions=["s3:ListBucket"], resources=[quarantine_arn]),
    ]


def _use_keys(
    stream_arn: pulumi.Input[str],
    region: pulumi.Input[str],
    stream_key: pulumi.Input[str] | None,
    key: pulumi.Input[str] | None,
    previous: pulumi.Input[str] | None,
) -> list[Statement]:
    """Return the uses of customer keys, each through one service; the previous key decrypts only.

    The actions for the table are those of "DynamoDB encryption at rest usage notes" (Developer Guide), which the
    CDK grants for writes too.
    """
    readable = [arn for arn in (stream_key, previous) if arn is not None]
    statements = []
    if readable:
        statements.append(
            Statement(
                sid="DecryptStream",
                actions=["kms:Decrypt"],
                resources=readable,
                condition=via_stream(stream_arn, region),
            )
        )
    if key is not None:
        statements += [
            Statement(
                sid="UseTableKey",
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=[key],
                condition=via_service("dynamodb", region),
            ),
            Statement(
                sid="EncryptQuarantine",
                actions=["kms:GenerateDataKey"],
                resources=[key],
                condition=via_service("s3", region),
            ),
        ]
    if previous is not None:
        statements.append(
            Statement(
                sid="ReadPreviousTableKey",
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:ReEncryptFrom"],
                resources=[previous],
                condition=via_service("dynamodb", region),
            )
        )
    return statements
