import json
from typing import Any

import pytest

from event import metrics
from handler.metrics import metrics_line
from tests.infra.recorder import Deployed, deploy

FUNCTION = {"FunctionName": "dev-DDBEventProcessor"}
MAPPING = {"EventSourceMappingUUID": "f8d2b9a1-0000-4000-8000-000000000000"}
STREAM = {"StreamName": "dev-EventStream"}
TABLE = {"TableName": "dev-EventData"}

# name -> namespace, metric, dimensions, statistic, threshold, minutes of five
ALARMS = {
    "IteratorAge": ("AWS/Lambda", "IteratorAge", FUNCTION, "Maximum", 60_000, 3),
    "FunctionErrors": ("AWS/Lambda", "Errors", FUNCTION, "Sum", 1, 3),
    "FunctionThrottles": ("AWS/Lambda", "Throttles", FUNCTION, "Sum", 1, 3),
    "FunctionDuration": ("AWS/Lambda", "Duration", FUNCTION, "Maximum", 48_000, 3),
    "StreamThrottles": (
        "AWS/Kinesis",
        "WriteProvisionedThroughputExceeded",
        STREAM,
        "Sum",
        1,
        3,
    ),
    "TableThrottles": ("AWS/DynamoDB", "WriteThrottleEvents", TABLE, "Sum", 1, 3),
    "TableSystemErrors": (
        "AWS/DynamoDB",
        "SystemErrors",
        {**TABLE, "Operation": "BatchWriteItem"},
        "Sum",
        1,
        3,
    ),
    "Quarantined": (
        metrics.NAMESPACE,
        metrics.QUARANTINED,
        {metrics.DIMENSION: "dev-DDBEventProcessor"},
        "Sum",
        1,
        1,
    ),
    "QuarantinedByLambda": ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", MAPPING, "Sum", 1, 1),
    "Dropped": ("AWS/Lambda", "DroppedEventCount", MAPPING, "Sum", 1, 1),
    "QuarantineRefused": ("AWS/Lambda", "DestinationDeliveryFailures", FUNCTION, "Sum", 1, 1),
    "StreamNotRead": ("AWS/Kinesis", "GetRecords.Success", STREAM, "Sum", 1, 5),
}
SILENCE = {"StreamNotRead"}


def test_every_alarm_is_expected(dev: Deployed) -> None:
    assert {alarm.inputs["name"] for alarm in dev.of("MetricAlarm")} == {f"dev-{name}" for name in ALARMS}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_the_right_metric_and_does_not_flap(dev: Deployed, name: str) -> None:
    namespace, metric, dimensions, statistic, threshold, datapoints = ALARMS[name]
    alarm = dict(dev.named(f"monitoring-{name}").inputs)
    assert alarm.pop("alarmDescription")
    assert alarm.pop("tags")["Stack"] == "dev"
    assert alarm == {
        "name": f"dev-{name}",
        "namespace": namespace,
        "metricName": metric,
        "dimensions": dimensions,
        "statistic": statistic,
        "comparisonOperator": "LessThanThreshold" if name in SILENCE else "GreaterThanOrEqualToThreshold",
        "threshold": threshold,
        "period": 60,
        "evaluationPeriods": 5,
        "datapointsToAlarm": datapoints,
        "treatMissingData": "breaching" if name in SILENCE else "notBreaching",
        **({"warmUpConfiguration": {"warmUpPeriodDurationInMinutes": 30}} if name in SILENCE else {}),
        "alarmActions": [dev.outputs["alarm_topic_arn"]],
        "okActions": [dev.outputs["alarm_topic_arn"]],
    }


def test_the_duration_alarm_follows_the_timeout() -> None:
    assert deploy(functionTimeout=100).named("monitoring-FunctionDuration").inputs["threshold"] == 80_000


def test_the_alarm_topic_accepts_alarms_of_this_account_over_tls_only(dev: Deployed) -> None:
    assert json.loads(dev.one("TopicPolicy").inputs["policy"])["Statement"] == [
        {
            "Sid": "AlarmsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["sns:Publish"],
            "Resource": [dev.arn("monitoring-topic")],
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sns:Publish"],
            "Resource": [dev.arn("monitoring-topic")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


def test_the_alarms_are_mailed_to_the_address_that_is_set(dev: Deployed, prod: Deployed) -> None:
    assert dev.of("TopicSubscription") == prod.of("TopicSubscription") == []
    stack = deploy("prod", alarmEmail="on-call@company.io")
    assert stack.one("TopicSubscription").inputs == {
        "topic": stack.arn("monitoring-topic"),
        "protocol": "email",
        "endpoint": "on-call@company.io",
    }


def test_a_table_that_scales_has_no_alarm_on_throttled_writes(dev: Deployed) -> None:
    scaling = {alarm.inputs["name"] for alarm in deploy(tableMode="provisioned").of("MetricAlarm")}
    assert {alarm.inputs["name"] for alarm in dev.of("MetricAlarm")} - scaling == {"dev-TableThrottles"}


def test_a_stack_without_alarms_has_a_dashboard_and_no_topic() -> None:
    stack = deploy(alarms=False)
    assert stack.of("MetricAlarm") == stack.of("Topic") == stack.of("TopicPolicy") == []
    assert stack.outputs.get("alarm_topic_arn") is None
    assert stack.one("Dashboard")


def widgets(deployed: Deployed) -> list[dict[str, Any]]:
    body: dict[str, list[dict[str, Any]]] = json.loads(deployed.one("Dashboard").inputs["dashboardBody"])
    return body["widgets"]


def test_the_dashboard_shows_the_path_of_a_tweet_from_left_to_right(dev: Deployed) -> None:
    titles = [each["properties"]["title"] for each in widgets(dev)]
    assert titles == ["Put on the stream", "Lag, ms", "Processed", "Stored", "Quarantined"]
    edges = [(each["x"], each["x"] + each["width"]) for each in widgets(dev)]
    assert [right for _, right in edges] == [left for left, _ in edges[1:]] + [24], "no gap, no overlap"
    assert {each["properties"]["region"] for each in widgets(dev)} == {"us-east-1"}


def test_the_dashboard_shows_the_metric_of_every_alarm(dev: Deployed) -> None:
    shown = {
        (line[0], line[1], tuple(line[2:-1]))
        for each in widgets(dev)
        for line in each["properties"]["metrics"]
    }
    for namespace, metric, dimensions, *_ in ALARMS.values():
        if metric != "Duration":
            assert (namespace, metric, tuple(part for pair in dimensions.items() for part in pair)) in shown


def test_the_dashboard_shows_exactly_the_metrics_that_the_function_emits(dev: Deployed) -> None:
    emitted = json.loads(metrics_line("dev-DDBEventProcessor", dict.fromkeys(metrics.UNITS, 1)))
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    (dimensions,) = directive["Dimensions"]
    shown = {
        (line[0], line[1], *line[2:-1])
        for each in widgets(dev)
        for line in each["properties"]["metrics"]
        if not line[0].startswith("AWS/")
    }
    assert shown == {
        (directive["Namespace"], metric["Name"], dimensions[0], emitted[dimensions[0]])
        for metric in directive["Metrics"]
    }


@pytest.mark.parametrize(
    ("partition", "console"),
    [
        ("aws", "us-east-1.console.aws.amazon.com"),
        ("aws-cn", "us-east-1.console.amazonaws.cn"),
        ("aws-eusc", "us-east-1.console.amazonaws-eusc.eu"),
        ("aws-us-gov", "us-east-1.console.amazonaws-us-gov.com"),
        ("aws-of-tomorrow", "us-east-1.console.aws.amazon.com"),
    ],
)
def test_the_dashboard_is_linked_in_the_console_of_the_partition(partition: str, console: str) -> None:
    url = deploy(partition=partition).outputs["dashboard_url"]
    assert url == f"https://{console}/cloudwatch/home?region=us-east-1#dashboards/dashboard/dev-EventPath"
