"""CloudWatch dashboard, and alarms that notify an SNS topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from handler import metrics
from infra.iam import Statement, policy_document

# The AWS console of each partition, as "Service endpoints" of the AWS General Reference lists them.
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """The resources to monitor; `prefix` starts the names of the alarms, `function_timeout` is in seconds."""

    prefix: str
    account_id: pulumi.Input[str]
    region: pulumi.Input[str]
    partition: pulumi.Input[str]
    stream_name: pulumi.Input[str]
    function_name: pulumi.Input[str]
    function_timeout: int
    mapping_uuid: pulumi.Input[str]
    table_name: pulumi.Input[str]
    alarms: bool
    alarm_email: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric of one resource."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str = "Sum"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm on one metric, evaluated each minute.

    It fires when the metric is at or above the threshold in `datapoints` of the last five minutes, so that
    one bad minute, which the retries heal, wakes nobody. An alarm on `silence` fires when the metric is
    below the threshold or missing.
    """

    name: str
    description: str
    metric: Metric
    threshold: float = 1
    datapoints: int = 3
    silence: bool = False


class Monitoring(pulumi.ComponentResource):
    """A dashboard, and alarms that notify an SNS topic.

    Attributes:
        dashboard_url: the dashboard in the AWS console.
        alarm_topic_arn: the topic to subscribe to; None if the alarms are off.
    """

    dashboard_url: pulumi.Output[str]
    alarm_topic_arn: pulumi.Output[str] | None

    def __init__(
        self, name: str, args: MonitoringArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("stream-processing:infra:Monitoring", name, None, opts)
        watched = _metrics(args)
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=f"{args.prefix}-EventPath",
            dashboard_body=pulumi.Output.json_dumps(_dashboard(watched, args.region)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_url = pulumi.Output.format(
            "https://{0}.{1}/cloudwatch/home?region={0}#dashboards/dashboard/{2}",
            args.region,
            # In an unknown partition, a link that may be wrong is better than a failed deployment.
            pulumi.Output.from_input(args.partition).apply(lambda name: CONSOLES.get(name, CONSOLES["aws"])),
            dashboard.dashboard_name,
        )
        self.alarm_topic_arn = self._alarms(name, args, watched) if args.alarms else None
        self.register_outputs({"dashboard_url": self.dashboard_url, "alarm_topic_arn": self.alarm_topic_arn})

    def _alarms(self, name: str, args: MonitoringArgs, watched: Mapping[str, Metric]) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        # Not encrypted: CloudWatch cannot use the key that AWS manages, and an alarm carries no tweet.
        topic = aws.sns.Topic(f"{name}-topic", name=f"{args.prefix}-EventAlarms", tags=args.tags, opts=child)
        aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=policy_document(
                Statement(
                    sid="AlarmsOfThisAccount",
                    principal={"Service": "cloudwatch.amazonaws.com"},
                    actions=["sns:Publish"],
                    resources=[topic.arn],
                    condition={"StringEquals": {"aws:SourceAccount": args.account_id}},
                )
            ),
            opts=child,
        )
        if args.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.alarm_email, opts=child
            )
        for alarm in _alarms(args, watched):
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.name}",
                name=f"{args.prefix}-{alarm.name}",
                alarm_description=alarm.description,
                namespace=alarm.metric.namespace,
                metric_name=alarm.metric.name,
                dimensions=alarm.metric.dimensions,
                statistic=alarm.metric.statistic,
                comparison_operator=(
                    "LessThanThreshold" if alarm.silence else "GreaterThanOrEqualToThreshold"
                ),
                threshold=alarm.threshold,
                period=60,
                evaluation_periods=5,
                datapoints_to_alarm=alarm.datapoints,
                # A quiet stream has no data and is not broken.
                treat_missing_data="breaching" if alarm.silence else "notBreaching",
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
                tags=args.tags,
                opts=child,
            )
        return topic.arn


def _metrics(args: MonitoringArgs) -> dict[str, Metric]:
    """Every metric of the dashboard and the alarms, by its label."""
    stream = {"StreamName": args.stream_name}
    function = {"FunctionName": args.function_name}
    table = {"TableName": args.table_name}
    batch_write = {**table, "Operation": "BatchWriteItem"}
    mapping = {"EventSourceMappingUUID": args.mapping_uuid}
    handler = {metrics.DIMENSION: args.function_name}

    def kinesis(name: str, statistic: str = "Sum") -> Metric:
        return Metric(namespace="AWS/Kinesis", name=name, dimensions=stream, statistic=statistic)

    def lambda_(name: str, statistic: str = "Sum") -> Metric:
        return Metric(namespace="AWS/Lambda", name=name, dimensions=function, statistic=statistic)

    def poller(name: str) -> Metric:
        return Metric(namespace="AWS/Lambda", name=name, dimensions=mapping)

    def own(name: str, statistic: str = "Sum") -> Metric:
        return Metric(namespace=metrics.NAMESPACE, name=name, dimensions=handler, statistic=statistic)

    return {
        "put": kinesis("IncomingRecords"),
        "put throttled": kinesis("WriteProvisionedThroughputExceeded"),
        "reads": kinesis("GetRecords.Success"),
        "iterator age": lambda_("IteratorAge", "Maximum"),
        "lag": own(metrics.LAG, "Maximum"),
        "invocations": lambda_("Invocations"),
        "errors": lambda_("Errors"),
        "throttles": lambda_("Throttles"),
        "duration": lambda_("Duration", "Maximum"),
        "received": own(metrics.RECEIVED),
        "stored": own(metrics.STORED),
        "duplicates": own(metrics.DUPLICATES),
        "failed": own(metrics.FAILED),
        "table throttled": Metric(namespace="AWS/DynamoDB", name="WriteThrottleEvents", dimensions=table),
        "table errors": Metric(namespace="AWS/DynamoDB", name="SystemErrors", dimensions=batch_write),
        "quarantined": own(metrics.QUARANTINED),
        "quarantined by Lambda": poller("OnFailureDestinationDeliveredEventCount"),
        "dropped": poller("DroppedEventCount"),
        "quarantine refused": lambda_("DestinationDeliveryFailures"),
    }


def _alarms(args: MonitoringArgs, watched: Mapping[str, Metric]) -> Sequence[Alarm]:
    return (
        Alarm(
            name="IteratorAge",
            description="The function is more than a minute behind the stream",
            metric=watched["iterator age"],
            threshold=60_000,
        ),
        Alarm(
            name="FunctionErrors",
            description="Invocations of the function keep failing",
            metric=watched["errors"],
        ),
        Alarm(
            name="FunctionThrottles",
            description="Lambda refuses to run the function: the account's concurrency is used up",
            metric=watched["throttles"],
        ),
        Alarm(
            name="FunctionDuration",
            description="Invocations take more than 80 % of the function's timeout",
            metric=watched["duration"],
            threshold=args.function_timeout * 800,
        ),
        Alarm(
            name="StreamThrottles",
            description="The stream refuses records: a shard is full",
            metric=watched["put throttled"],
        ),
        Alarm(
            name="TableThrottles",
            description="The table refuses writes: a partition or the account's limit is reached",
            metric=watched["table throttled"],
        ),
        Alarm(
            name="TableSystemErrors",
            description="DynamoDB answers writes with internal errors",
            metric=watched["table errors"],
        ),
        Alarm(
            name="Quarantined",
            description="The function put a record that can never be stored into quarantine",
            metric=watched["quarantined"],
            datapoints=1,
        ),
        Alarm(
            name="QuarantinedByLambda",
            description="Lambda put a batch that ran out of retries or age into quarantine",
            metric=watched["quarantined by Lambda"],
            datapoints=1,
        ),
        Alarm(
            name="Dropped",
            description="Lambda dropped records that it could not put into quarantine either: they are lost",
            metric=watched["dropped"],
            datapoints=1,
        ),
        Alarm(
            name="QuarantineRefused",
            description="Lambda could not write a batch to the quarantine bucket: its records are lost",
            metric=watched["quarantine refused"],
            datapoints=1,
        ),
        # Lambda reads once a second even from an empty stream: silence means that the mapping is disabled,
        # missing or denied, which no metric of the function would show. The alarm fires once at the first
        # deployment, until the mapping starts.
        Alarm(
            name="NobodyReads",
            description="Nothing reads the stream: records expire unless the mapping is repaired in time",
            metric=watched["reads"],
            datapoints=5,
            silence=True,
        ),
    )


def _dashboard(watched: Mapping[str, Metric], region: pulumi.Input[str]) -> dict[str, Any]:
    """The dashboard: the path of a tweet from left to right, one column per step, 24 units wide."""
    columns = (
        (5, ("Put on the stream", ("put", "put throttled"))),
        (5, ("Lag, ms", ("iterator age", "lag"))),
        (5, ("Processed", ("reads", "invocations", "errors", "throttles", "received", "failed"))),
        (5, ("Stored", ("stored", "duplicates", "table throttled", "table errors"))),
        (4, ("Quarantined", ("quarantined", "quarantined by Lambda", "quarantine refused", "dropped"))),
    )
    widgets = []
    x = 0
    for width, (title, names) in columns:
        widgets.append(
            {
                "type": "metric",
                "x": x,
                "y": 0,
                "width": width,
                "height": 8,
                "properties": {
                    "title": title,
                    "region": region,
                    "period": 60,
                    "metrics": [_line(name, watched[name]) for name in names],
                },
            }
        )
        x += width
    return {"widgets": widgets}


def _line(label: str, metric: Metric) -> list[Any]:
    """A graph's line: namespace, name, dimensions as alternating names and values, rendering options."""
    dimensions = [part for dimension in metric.dimensions.items() for part in dimension]
    return [metric.namespace, metric.name, *dimensions, {"label": label, "stat": metric.statistic}]
