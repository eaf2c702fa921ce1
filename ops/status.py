"""`python -m ops status`: show on one screen whether the stack is healthy."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import click
from botocore.exceptions import ClientError
from rich.table import Table
from rich.text import Text

from infra import alarms
from infra.alarms import MAX_DURATION_SHARE, MAX_ITERATOR_AGE_MS
from ops.display import as_json_option, console, count, printable, size, span, write_json
from ops.errors import ConfigError
from ops.metrics import MINUTES, last_minutes
from ops.quarantine.bucket import Bucket
from ops.stack import CONNECTIONS, Stack, stack_options

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

MAX_KEY_AGE_DAYS = 90
"""Age at which access keys should be rotated ("CIS AWS Foundations Benchmark", 1.14)."""


class State(StrEnum):
    """Result of a check; `BAD` and `UNKNOWN` make the stack unhealthy."""

    OK = "ok"
    NO_DATA = "no data"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


_STYLES = {State.OK: "green", State.NO_DATA: "dim", State.WARNING: "yellow", State.BAD: "bold red"} | {
    State.UNKNOWN: "bold magenta"
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line on the screen."""

    name: str
    state: State
    text: str


@click.command(
    short_help="Show whether the stack is healthy.",
    epilog="""\b
Examples:
  python -m ops status --stack dev
  python -m ops status --outputs outputs.json --json | jq '.checks[] | select(.state != "ok")'
  python -m ops status > /dev/null || echo "unhealthy"

The exit code is 1 if a check is bad, or impossible for lack of a permission. A metric without data is
neither: nothing was processed. Metrics cover the last five minutes.
""",
)
@as_json_option
@stack_options(
    "region",
    "stream_name",
    "table_name",
    "function_name",
    "quarantine_bucket",
    "access_key",
    "alarm_topic_arn",
    "producer_policy_arn",
)
def command(stack: Stack, as_json: bool) -> None:
    """Show on one screen whether the stack is healthy."""
    checks = run_checks(stack)
    wrong = [check for check in checks if check.state in (State.BAD, State.UNKNOWN)]
    if as_json:
        write_json(
            {
                "healthy": not wrong,
                "checks": [
                    {"name": check.name, "state": check.state, "text": check.text} for check in checks
                ],
            }
        )
    else:
        _show(stack, checks, wrong)
    if wrong:
        sys.exit(1)


def run_checks(stack: Stack) -> list[Check]:
    """Run every check; one that fails to run is reported as unknown.

    Raises:
        ConfigError: the stack's outputs cannot be loaded.
        botocore.exceptions.BotoCoreError: AWS cannot be reached, or there are no credentials.
    """
    parts: tuple[tuple[str, Callable[[Stack], Iterator[Check]]], ...] = (
        ("Stream", _stream),
        ("Put", _put),
        ("Mapping", _mapping),
        ("Iterator age", _iterator_age),
        ("Function", _function),
        ("Invocations", _invocations),
        ("Tweets", _tweets),
        ("Table", _table),
        ("Table writes", _table_writes),
        ("Quarantine", _quarantine),
        ("Dropped", _dropped),
        ("Alarms", _alarms),
        ("Access key", _access_key),
    )
    stack.connect()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [check for checks in pool.map(lambda part: _safely(stack, *part), parts) for check in checks]


def _safely(stack: Stack, name: str, part: Callable[[Stack], Iterator[Check]]) -> list[Check]:
    """Run the checks of one part, or report why they could not run."""
    try:
        return list(part(stack))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if "AccessDenied" in code or code == "403":
            return [
                Check(name, State.UNKNOWN, f"unknown: you are not allowed to call {error.operation_name}")
            ]
        gone = code in ("ResourceNotFoundException", "NoSuchBucket", "NoSuchEntity", "404")
        return [Check(name, State.BAD if gone else State.UNKNOWN, str(error))]
    except ConfigError as error:
        return [Check(name, State.UNKNOWN, f"unknown: {error.message}")]


def _stream(stack: Stack) -> Iterator[Check]:
    name = stack.output("stream_name")
    stream = stack.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    mode = stream.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED").lower().replace("_", "-")
    status = stream["StreamStatus"]
    yield Check(
        "Stream",
        State.OK if status in ("ACTIVE", "UPDATING") else State.BAD,
        f"{name} {status}, {mode}, {count(stream['OpenShardCount'], 'shard')}, "
        f"keeps {stream['RetentionPeriodHours']} h",
    )


def _put(stack: Stack) -> Iterator[Check]:
    put, throttled = last_minutes(stack, alarms.PUT, alarms.PUT_THROTTLED)
    if not put and not throttled:
        yield _no_data("Put")
        return
    text = f"{count(round(sum(put)), 'record')}, at most {max(put, default=0):,.0f} a minute"
    if sum(throttled):
        text += f"; {sum(throttled):,.0f} throttled, at most {max(throttled):,.0f} a minute"
        yield Check("Put", State.BAD, text)
    else:
        yield Check("Put", State.OK, f"{text}; none throttled")


def _mappings(stack: Stack) -> "list[EventSourceMappingConfigurationTypeDef]":
    function = stack.output("function_name")
    return stack.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]


def _mapping(stack: Stack) -> Iterator[Check]:
    mappings = _mappings(stack)
    if not mappings:
        yield Check("Mapping", State.BAD, "missing: run `pulumi up` to create it")
    for mapping in mappings:
        state, result = mapping["State"], mapping.get("LastProcessingResult", "none yet")
        works = state in ("Enabled", "Creating", "Enabling", "Updating") and not result.startswith("PROBLEM")
        yield Check("Mapping", State.OK if works else State.BAD, f"{state}, last result: {result}")


def _iterator_age(stack: Stack) -> Iterator[Check]:
    (ages,) = last_minutes(stack, alarms.ITERATOR_AGE)
    if not ages:
        yield _no_data("Iterator age")
        return
    text = f"{_milliseconds(ages[-1])}, at most {_milliseconds(max(ages))}"
    yield Check("Iterator age", State.BAD if ages[-1] >= MAX_ITERATOR_AGE_MS else State.OK, text)


def _function(stack: Stack) -> Iterator[Check]:
    configuration = stack.lambda_.get_function_configuration(FunctionName=stack.output("function_name"))
    state, timeout = configuration.get("State", "Active"), configuration["Timeout"]
    text = f"{configuration['FunctionName']} {state}, {configuration['MemorySize']} MB, {timeout} s"
    yield Check("Function", State.OK if state in ("Active", "Inactive") else State.BAD, text)
    (durations,) = last_minutes(stack, alarms.DURATION)
    if not durations:
        yield _no_data("Duration")
        return
    slow = max(durations) >= MAX_DURATION_SHARE * timeout * 1000
    text = f"at most {_milliseconds(max(durations))} of {timeout} s"
    yield Check("Duration", State.BAD if slow else State.OK, text)


def _invocations(stack: Stack) -> Iterator[Check]:
    invocations, errors, throttles = last_minutes(stack, alarms.INVOCATIONS, alarms.ERRORS, alarms.THROTTLES)
    if not invocations and not throttles:
        yield _no_data("Invocations")
        return
    text = f"{sum(invocations):,.0f}, of which {sum(errors):,.0f} failed; {sum(throttles):,.0f} throttled"
    yield Check("Invocations", State.BAD if sum(errors) or sum(throttles) else State.OK, text)


def _tweets(stack: Stack) -> Iterator[Check]:
    """The function's own count of the records that it received."""
    values = last_minutes(
        stack, alarms.RECEIVED, alarms.STORED, alarms.DUPLICATES, alarms.QUARANTINED, alarms.FAILED
    )
    received, stored, duplicates, quarantined, failed = map(sum, values)
    if not any(values):
        yield _no_data("Tweets")
        return
    text = f"{received:,.0f} received, {stored:,.0f} stored, {duplicates:,.0f} repeats"
    if quarantined:
        text += f", {quarantined:,.0f} quarantined"
    if failed:
        text += f", {failed:,.0f} to be retried"
    yield Check("Tweets", State.WARNING if failed or quarantined else State.OK, text)


def _table(stack: Stack) -> Iterator[Check]:
    name = stack.output("table_name")
    table = stack.dynamodb.describe_table(TableName=name)["Table"]
    status = table.get("TableStatus", "in an unknown status")
    text = (
        f"{name} {status}, {_capacity(table.get('ProvisionedThroughput', {}).get('WriteCapacityUnits', 0))}"
    )
    yield Check("Table", State.OK if status in ("ACTIVE", "UPDATING") else State.BAD, text)


def _table_writes(stack: Stack) -> Iterator[Check]:
    (throttled,) = last_minutes(stack, alarms.TABLE_THROTTLED)
    # DynamoDB emits this metric only when it throttles: no data means no throttling.
    if not sum(throttled):
        yield Check("Table writes", State.OK, "no throttling reported")
        return
    throughput = stack.dynamodb.describe_table(TableName=stack.output("table_name"))["Table"]
    provisioned = bool(throughput.get("ProvisionedThroughput", {}).get("WriteCapacityUnits"))
    text = f"{sum(throttled):,.0f} throttled" + (
        "; the stream buffers them while the table scales, iterator age is what counts" if provisioned else ""
    )
    yield Check("Table writes", State.WARNING if provisioned else State.BAD, text)


def _capacity(write_units: int) -> str:
    return f"{write_units:,} write units" if write_units else "on-demand"


def _quarantine(stack: Stack) -> Iterator[Check]:
    entries = Bucket(stack.s3, stack.output("quarantine_bucket")).entries()
    if not entries:
        yield Check("Quarantine", State.OK, "empty")
        return
    text = (
        f"{count(len(entries), 'object')}, {size(sum(entry.size for entry in entries))}, the oldest "
        f"{span(datetime.now(UTC) - entries[0].since)} old: python -m ops quarantine list"
    )
    yield Check("Quarantine", State.WARNING, text)


def _dropped(stack: Stack) -> Iterator[Check]:
    """Batches that Lambda gave up and could not quarantine, which two metrics report."""
    (refused,) = last_minutes(stack, alarms.QUARANTINE_REFUSED)
    dropped = 0.0
    for mapping in _mappings(stack):
        (values,) = last_minutes(stack, alarms.DROPPED, mapping=mapping["UUID"])
        dropped += sum(values)
    if dropped or sum(refused):
        writes = count(round(sum(refused)), "write")
        text = f"records are lost: {dropped:,.0f} dropped, {writes} to quarantine refused"
        yield Check("Dropped", State.BAD, text)
    else:
        yield Check("Dropped", State.OK, "no drop reported")  # like throttles, emitted only when it happens


def _alarms(stack: Stack) -> Iterator[Check]:
    topic = stack.optional_output("alarm_topic_arn")
    if topic is None:
        yield Check("Alarms", State.WARNING, "off: pulumi config set alarms true")
        return
    pages = stack.cloudwatch.get_paginator("describe_alarms").paginate(ActionPrefix=topic)
    # The prefix may match another stack's topic too.
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"] if topic in alarm["AlarmActions"]]
    firing = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
    if not alarms:
        yield Check("Alarms", State.BAD, "missing: run `pulumi up` to create them")
    elif not firing:
        yield Check("Alarms", State.OK, f"0 of {len(alarms)} firing")
    subscriptions = stack.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    if not any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions):
        waiting = ", ".join(each.get("Endpoint", "") for each in subscriptions)
        yield Check(
            "Alarms",
            State.WARNING,
            f"nobody has confirmed a subscription: {waiting} must follow the link in the mail"
            if waiting
            else "nobody is subscribed: pulumi config set alarmEmail ADDRESS",
        )
    for alarm in firing:
        text = f"{alarm['AlarmName']} in ALARM: {alarm.get('AlarmDescription', '')}"
        yield Check("Alarms", State.BAD, text)


def _access_key(stack: Stack) -> Iterator[Check]:
    key = stack.optional_output("access_key")
    if key is None:
        policy = stack.optional_output("producer_policy_arn")
        text = f"none: the producer uses a role with {policy}" if policy else "none among the outputs"
        yield Check("Access key", State.OK if policy else State.UNKNOWN, text)
        return
    user = stack.iam.get_access_key_last_used(AccessKeyId=key)["UserName"]
    found = stack.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    created = next((each["CreateDate"] for each in found if each["AccessKeyId"] == key), None)
    if created is None:
        yield Check("Access key", State.BAD, f"{user} has no key {key}: `pulumi up --refresh`")
        return
    age = datetime.now(UTC) - created
    old = age >= timedelta(days=MAX_KEY_AGE_DAYS)
    text = f"{span(age)} old" + ("; rotate it (README.md, Operate)" if old else "")
    if len(found) > 1:
        text += "; the previous one is still valid"
    yield Check("Access key", State.WARNING if old else State.OK, text)


def _show(stack: Stack, checks: list[Check], wrong: list[Check]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        table.add_row(check.name, Text(check.state, _STYLES[check.state]), printable(check.text))
    console().print(table)
    console().print()
    where = f"{stack.output('function_name')} in {stack.output('region')}"
    if not wrong:
        console().print(f"Healthy: {where}.", style="green")
        return
    bad = [check.name for check in wrong if check.state is State.BAD]
    unknown = [check.name for check in wrong if check.state is State.UNKNOWN]
    verdict = f"Not healthy ({', '.join(dict.fromkeys(bad))})" if bad else "Health unknown"
    missing = f"; unknown: {', '.join(unknown)}" if unknown else ""
    console().print(f"{verdict}: {where}{missing}.", style="bold red" if bad else "bold magenta")


def _no_data(name: str) -> Check:
    return Check(name, State.NO_DATA, f"in the last {MINUTES} minutes")


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value < 2000 else span(timedelta(milliseconds=value))
