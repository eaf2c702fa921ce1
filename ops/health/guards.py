"""Checks of what guards the stack: the alarms, and the producer's access key."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ops.aws.stack import Stack
from ops.health.check import REFRESH, REMEDIES, Check, State
from ops.terminal.display import span

MAX_KEY_AGE_DAYS = 90
"""Age at which access keys should be rotated ("CIS AWS Foundations Benchmark", 1.14)."""


def check_alarms(stack: Stack) -> Iterator[Check]:
    """Check that the alarms are there, that somebody hears of them, and that none is firing."""
    topic = stack.optional_output("alarm_topic_arn")
    if topic is None:
        yield Check(
            "Alarms",
            State.WARNING,
            "off",
            "`pulumi config set alarms true --stack STACK`, `pulumi up --stack STACK`",
        )
        return
    pages = stack.cloudwatch.get_paginator("describe_alarms").paginate(ActionPrefix=topic)
    # The prefix may match another stack's topic too.
    active = [alarm for page in pages for alarm in page["MetricAlarms"] if topic in alarm["AlarmActions"]]
    firing = [alarm for alarm in active if alarm["StateValue"] == "ALARM"]
    if not active:
        yield Check("Alarms", State.BAD, "missing", REFRESH)
    elif not firing:
        yield Check("Alarms", State.OK, f"0 of {len(active)} firing")
    subscriptions = stack.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if not any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions):
        waiting = ", ".join(each.get("Endpoint", "") for each in subscriptions)
        if waiting:
            text = "nobody has confirmed a subscription"
            yield Check("Alarms", State.WARNING, text, f"{waiting}: follow the link in the mail")
        else:
            remedy = "`pulumi config set alarmEmail ADDRESS --stack STACK`, `pulumi up --stack STACK`"
            yield Check("Alarms", State.WARNING, "nobody is subscribed", remedy)
    for alarm in firing:
        name = alarm["AlarmName"]
        text = f"{name} in ALARM: {alarm.get('AlarmDescription', '')}"
        kind = name.rpartition("-")[2]
        yield Check("Alarms", State.BAD, text, REMEDIES.get(kind, ""))


def check_access_key(stack: Stack) -> Iterator[Check]:
    """Check the age of the producer's key, if the stack has one."""
    key = stack.optional_output("access_key")
    if key is None:
        policy = stack.optional_output("producer_policy_arn")
        identity = f"a role with {policy}" if policy else "an identity of its own (producerIdentity none)"
        yield Check("Access key", State.OK, f"none: the producer uses {identity}")
        return
    user = stack.iam.get_access_key_last_used(AccessKeyId=key)["UserName"]
    keys = stack.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    created = next((each["CreateDate"] for each in keys if each["AccessKeyId"] == key), None)
    if created is None:
        yield Check("Access key", State.BAD, f"{key} of {user} is missing", REFRESH)
        return
    age = datetime.now(UTC) - created
    old = age >= timedelta(days=MAX_KEY_AGE_DAYS)
    text = f"{span(age)} old"
    if len(keys) > 1:
        text += "; the previous one is still valid"
    remedy = "rotate it: docs/producer.md" if old else ""
    yield Check("Access key", State.WARNING if old else State.OK, text, remedy)
