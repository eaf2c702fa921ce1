"""The Lambda function that stores the stream's tweets in the table, with its role, log group and mapping."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from infra.iam import Statement, policy_document
from infra.settings import FunctionSettings, MappingSettings

HANDLER_FOLDER = Path(__file__).parent.parent / "handler"
HANDLER = "handler.app.lambda_handler"
RUNTIME = "python3.13"


@dataclass(frozen=True, kw_only=True)
class EventProcessorArgs:
    """The resources that the function reads and writes, and its settings.

    `item_lifetime_days` is None if items are kept forever, `kms_key_arn` if AWS manages the keys.
    """

    function_name: str
    account_id: pulumi.Input[str]
    stream_arn: pulumi.Input[str]
    table_name: pulumi.Input[str]
    table_arn: pulumi.Input[str]
    quarantine_name: pulumi.Input[str]
    quarantine_arn: pulumi.Input[str]
    item_lifetime_days: int | None
    kms_key_arn: str | None
    function: FunctionSettings
    mapping: MappingSettings
    tags: Mapping[str, str]


class EventProcessor(pulumi.ComponentResource):
    """Log group, role, function and event source mapping.

    Decided against: a VPC (the function reaches public AWS endpoints only), reserved concurrency (shards
    times the parallelization factor already bound it), a dead-letter queue (Lambda uses one for asynchronous
    invocations only; here the mapping's on-failure destination does that work), code signing (the archive
    comes straight from the reviewed repository), a customer key for the log group (no tweet is logged).

    Attributes:
        function_name: name of the function.
        mapping_uuid: identity of the event source mapping, the dimension of its metrics.
    """

    function_name: pulumi.Output[str]
    mapping_uuid: pulumi.Output[str]

    def __init__(
        self, name: str, args: EventProcessorArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("stream-processing:infra:EventProcessor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Created before the function, because Lambda would create one that keeps its lines forever.
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-log-group",
            name=f"/aws/lambda/{args.function_name}",
            retention_in_days=args.function.log_retention_days,
            tags=args.tags,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=args.function_name,
            assume_role_policy=policy_document(
                Statement(
                    sid="LambdaOfThisAccount",
                    principal={"Service": "lambda.amazonaws.com"},
                    actions=["sts:AssumeRole"],
                    condition={"StringEquals": {"aws:SourceAccount": args.account_id}},
                )
            ),
            tags=args.tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="StoreEvents",
            role=role.name,
            policy=policy_document(*_statements(args, log_group)),
            opts=child,
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            name=args.function_name,
            description="Stores the tweets of the stream in the table",
            runtime=RUNTIME,
            handler=HANDLER,
            architectures=[args.function.architecture],
            code=_code(),
            role=role.arn,
            memory_size=args.function.memory,
            timeout=args.function.timeout,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=_environment(args)),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="JSON",
                log_group=log_group.name,
                application_log_level=args.function.log_level,
                system_log_level="INFO",
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if args.function.tracing else "PassThrough"
            ),
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        mapping = aws.lambda_.EventSourceMapping(
            f"{name}-mapping",
            event_source_arn=args.stream_arn,
            function_name=function.arn,
            starting_position=args.mapping.starting_position,
            batch_size=args.mapping.batch_size,
            maximum_batching_window_in_seconds=args.mapping.batching_window,
            parallelization_factor=args.mapping.parallelization_factor,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=args.mapping.maximum_retries,
            maximum_record_age_in_seconds=args.mapping.maximum_record_age,
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(
                on_failure=aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(
                    destination_arn=args.quarantine_arn
                )
            ),
            # The only metrics that show a batch that Lambda quarantined or dropped.
            metrics_config=aws.lambda_.EventSourceMappingMetricsConfigArgs(metrics=["EventCount"]),
            tags=args.tags,
            # AWS refuses a mapping whose role is not yet allowed to read the stream.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.function_name = function.name
        self.mapping_uuid = mapping.uuid
        self.register_outputs({"function_name": self.function_name, "mapping_uuid": self.mapping_uuid})


def _statements(args: EventProcessorArgs, log_group: aws.cloudwatch.LogGroup) -> list[Statement]:
    """Exactly the actions that Lambda and the function use."""
    statements = [
        Statement(
            sid="ReadStream",
            actions=[
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            resources=[args.stream_arn],
        ),
        Statement(sid="WriteTable", actions=["dynamodb:BatchWriteItem"], resources=[args.table_arn]),
        Statement(
            sid="WriteLog",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[pulumi.Output.concat(log_group.arn, ":*")],
        ),
        Statement(
            sid="WriteQuarantine",
            actions=["s3:PutObject"],
            resources=[pulumi.Output.concat(args.quarantine_arn, "/*")],
        ),
        # Lambda checks that the on-failure bucket exists.
        Statement(sid="FindQuarantine", actions=["s3:ListBucket"], resources=[args.quarantine_arn]),
    ]
    if args.kms_key_arn:
        statements.append(
            Statement(
                sid="UseKey", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[args.kms_key_arn]
            )
        )
    if args.function.tracing:
        # X-Ray has no resources, so "*" is the only one that grants these two actions.
        statements.append(
            Statement(
                sid="SendTraces",
                actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                resources=["*"],
            )
        )
    return statements


def _environment(args: EventProcessorArgs) -> dict[str, pulumi.Input[str]]:
    environment: dict[str, pulumi.Input[str]] = {
        "TABLE_NAME": args.table_name,
        "QUARANTINE_BUCKET": args.quarantine_name,
    }
    if args.item_lifetime_days:
        environment["ITEM_LIFETIME_DAYS"] = str(args.item_lifetime_days)
    return environment


def _code() -> pulumi.AssetArchive:
    """The modules of `handler/` and nothing else, so that the function changes only when they do."""
    return pulumi.AssetArchive(
        {
            f"{HANDLER_FOLDER.name}/{module.name}": pulumi.FileAsset(module)
            for module in sorted(HANDLER_FOLDER.glob("*.py"))
        }
    )
