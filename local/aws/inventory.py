"""Lists everything in the account, of the services that the program uses."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.aws.server import Server


def inventory(aws: "Server", prefix: str = "") -> list[str]:
    """List resources as `service: name`, sorted; with a prefix only those of a stack of that name."""
    lambda_ = aws.client("lambda")
    iam = aws.client("iam")
    cloudwatch = aws.client("cloudwatch")
    mappings = lambda_.list_event_source_mappings()["EventSourceMappings"]
    names_by_service = {
        "stream": aws.client("kinesis").list_streams()["StreamNames"],
        "table": aws.client("dynamodb").list_tables()["TableNames"],
        "function": [each["FunctionName"] for each in lambda_.list_functions()["Functions"]],
        "event source mapping": [_last_part(each["FunctionArn"]) for each in mappings],
        "log group": [
            each["logGroupName"].removeprefix("/aws/lambda/")
            for each in aws.client("logs").describe_log_groups()["logGroups"]
        ],
        "role": [each["RoleName"] for each in iam.list_roles()["Roles"]],
        "user": [each["UserName"] for each in iam.list_users()["Users"]],
        "bucket": [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]],
        "topic": [_last_part(each["TopicArn"]) for each in aws.client("sns").list_topics()["Topics"]],
        "subscription": [
            _last_part(each["TopicArn"]) for each in aws.client("sns").list_subscriptions()["Subscriptions"]
        ],
        "alarm": [  # a page has 50, those of four stacks
            each["AlarmName"]
            for page in cloudwatch.get_paginator("describe_alarms").paginate()
            for each in page["MetricAlarms"]
        ],
        "dashboard": [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]],
    }
    return sorted(
        f"{service}: {name}"
        for service, names in names_by_service.items()
        for name in names
        if name.startswith(prefix)
    )


def _last_part(arn: str) -> str:
    return arn.rsplit(":", 1)[1]
