"""CloudWatch dashboard, and alarms that notify an SNS topic."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.iam import Statement, deny_without_tls, policy_document
from stack import metrics
from stack.alarm_definitions import WARM_UP_MINUTES, Alarm
from stack.metrics import Metric, Resource

# The AWS console of each partition, as "Service endpoints" of the AWS General Reference lists them.
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class Monitoring(pulumi.ComponentResource):
    """A dashboard, and alarms that notify an SNS topic.

    Attributes:
        dashboard_url: the dashboard in the AWS console.
        alarm_topic_arn: the topic to subscribe to; None if the alarms are off.
    """

    dashboard_url: pulumi.Output[str]
    alarm_topic_arn: pulumi.Output[str] | None

    def __init__(
        self,
        name: str,
        *,
        prefix: str,
        account_id: pulumi.Input[str],
        region: pulumi.Input[str],
        partition: pulumi.Input[str],
        watched: Mapping[Resource, pulumi.Input[str]],
        alarms: Sequence[Alarm],
        alarm_email: str | None,
        kms_key_arn: pulumi.Input[str] | None,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the dashboard, and the alarms if there are any.

        Args:
            prefix: start of the names of the dashboard, the topic and the alarms.
            watched: name or UUID of each resource that the metrics are of.
        """
        super().__init__("stream-processing:infra:Monitoring", name, None, opts)
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=f"{prefix}-EventPath",
            dashboard_body=pulumi.Output.json_dumps(_dashboard(watched, region)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_url = pulumi.Output.format(
            "https://{0}.{1}/cloudwatch/home?region={0}#dashboards/dashboard/{2}",
            region,
            # In an unknown partition, a link that may be wrong is better than a failed deployment.
            pulumi.Output.from_input(partition).apply(lambda name: CONSOLES.get(name, CONSOLES["aws"])),
            dashboard.dashboard_name,
        )
        self.alarm_topic_arn = None
        if alarms:
            topic = self._topic(name, prefix, account_id, alarm_email, kms_key_arn, tags)
            for alarm in alarms:
                self._alarm(name, prefix, alarm, watched, topic, tags)
            self.alarm_topic_arn = topic.arn
        self.register_outputs({"dashboard_url": self.dashboard_url, "alarm_topic_arn": self.alarm_topic_arn})

    def _topic(
        self,
        name: str,
        prefix: str,
        account_id: pulumi.Input[str],
        email: str | None,
        kms_key_arn: pulumi.Input[str] | None,
        tags: Mapping[str, str],
    ) -> aws.sns.Topic:
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=f"{prefix}-EventAlarms",
            # Without a customer key not encrypted: CloudWatch cannot use the key that AWS manages.
            kms_master_key_id=kms_key_arn,
            tags=tags,
            opts=child,
        )
        aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=policy_document(
                Statement(
                    sid="AlarmsOfThisAccount",
                    principal={"Service": "cloudwatch.amazonaws.com"},
                    actions=["sns:Publish"],
                    resources=[topic.arn],
                    condition={"StringEquals": {"aws:SourceAccount": account_id}},
                ),
                deny_without_tls(["sns:Publish"], [topic.arn]),
            ),
            opts=child,
        )
        if email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=email, opts=child
            )
        return topic

    def _alarm(
        self,
        name: str,
        prefix: str,
        alarm: Alarm,
        watched: Mapping[Resource, pulumi.Input[str]],
        topic: aws.sns.Topic,
        tags: Mapping[str, str],
    ) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{name}-{alarm.name}",
            name=f"{prefix}-{alarm.name}",
            alarm_description=alarm.description,
            namespace=alarm.metric.namespace,
            metric_name=alarm.metric.name,
            dimensions=_dimensions(alarm.metric, watched),
            statistic=alarm.metric.statistic,
            comparison_operator="LessThanThreshold" if alarm.silence else "GreaterThanOrEqualToThreshold",
            threshold=alarm.threshold,
            period=60,
            evaluation_periods=5,
            datapoints_to_alarm=alarm.datapoints,
            # A quiet stream has no data and is not broken.
            treat_missing_data="breaching" if alarm.silence else "notBreaching",
            warm_up_configuration=aws.cloudwatch.MetricAlarmWarmUpConfigurationArgs(
                warm_up_period_duration_in_minutes=WARM_UP_MINUTES
            )
            if alarm.silence
            else None,
            alarm_actions=[topic.arn],
            ok_actions=[topic.arn],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _dimensions(
    metric: Metric, watched: Mapping[Resource, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]]:
    dimensions = {metric.dimension: watched[metric.resource]}
    return dimensions | ({"Operation": metric.operation} if metric.operation else {})


def _dashboard(watched: Mapping[Resource, pulumi.Input[str]], region: pulumi.Input[str]) -> dict[str, Any]:
    """Return the dashboard: the path of an event from left to right, one column per step, 24 units wide."""
    columns: Sequence[tuple[int, str, Mapping[str, Metric]]] = (
        (
            5,
            "Put on the stream",
            {"put": metrics.PUT, "put throttled": metrics.PUT_THROTTLED, "filtered": metrics.FILTERED},
        ),
        (5, "Lag, ms", {"iterator age": metrics.ITERATOR_AGE, "lag": metrics.LAG}),
        (
            5,
            "Processed",
            {
                "reads": metrics.READS,
                "invocations": metrics.INVOCATIONS,
                "errors": metrics.ERRORS,
                "throttles": metrics.THROTTLES,
                "received": metrics.RECEIVED,
                "failed": metrics.FAILED,
            },
        ),
        (
            5,
            "Stored",
            {
                "stored": metrics.STORED,
                "deleted": metrics.DELETED,
                "duplicates": metrics.DUPLICATES,
                "table throttled": metrics.TABLE_THROTTLED,
                "table errors": metrics.TABLE_ERRORS,
            },
        ),
        (
            4,
            "Quarantined",
            {
                "quarantined": metrics.QUARANTINED,
                "quarantined by Lambda": metrics.QUARANTINED_BY_LAMBDA,
                "quarantine failures": metrics.QUARANTINE_FAILURES,
                "dropped": metrics.DROPPED,
            },
        ),
    )
    widgets = []
    x = 0
    for width, title, shown in columns:
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
                    "metrics": [_line(label, metric, watched) for label, metric in shown.items()],
                },
            }
        )
        x += width
    return {"widgets": widgets}


def _line(label: str, metric: Metric, watched: Mapping[Resource, pulumi.Input[str]]) -> list[Any]:
    """Return a graph's line: namespace, name, dimensions as alternating names and values, rendering options."""
    dimensions = [part for dimension in _dimensions(metric, watched).items() for part in dimension]
    return [metric.namespace, metric.name, *dimensions, {"label": label, "stat": metric.statistic}]
