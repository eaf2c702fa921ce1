"""Checks of a stack's health, each with the next step if it fails."""

import re
import shlex
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import ClientError

from ops.aws.default import stack_name
from ops.aws.error_codes import is_denied, is_missing
from ops.aws.mapping import READING_STATES, fails_to_invoke, list_mappings, patterns, works
from ops.aws.stack import CONNECTIONS, Stack
from ops.errors import OptionsError
from ops.health.check import REFRESH, REMEDIES, Check, State
from ops.health.guards import check_access_key, check_alarms
from ops.health.metrics import MINUTES, Series, last_minutes, read_series
from ops.quarantine.bucket import Bucket
from ops.terminal.display import capitalized, count, size, span
from ops.terminal.interrupt import DaemonPool
from ops.versions.published import Live, find_live
from stack import metrics
from stack.alarm_definitions import MAX_DURATION_SHARE, MAX_ITERATOR_AGE_MS
from stack.aws.live_alias import LIVE

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

CHECKED_OUTPUTS = (
    "region",
    "stream_name",
    "stream_arn",
    "table_name",
    "function_name",
    "quarantine_bucket",
    "access_key",
    "alarm_topic_arn",
    "producer_policy_arn",
    "event_type",
)
"""The stack's outputs that the checks read."""


MAX_COUNTED = 10_000
"""Number of quarantined objects up to which they are counted: S3 lists a thousand with each call."""
MAX_FIGURE_AGE = 180
"""Age in seconds beyond which a figure is old: AWS publishes a minute's metrics within the next two."""

_ASKING = re.compile(r"`python -m ops (?!size)[^`]+`")

Part: TypeAlias = Callable[[Stack], Iterator[Check]]
Mappings: TypeAlias = "Future[list[EventSourceMappingConfigurationTypeDef]]"


def run_checks(stack: Stack) -> list[Check]:
    """Run every check; one that fails to run is reported as unknown.

    Raises:
        OptionsError: the stack's outputs cannot be loaded, or this folder has no such event type.
        botocore.exceptions.BotoCoreError: AWS cannot be reached, or there are no credentials.
    """
    stack.connect()
    with DaemonPool(CONNECTIONS) as pool:
        mappings = pool.submit(list_mappings, stack)  # once, for three checks
        parts: tuple[tuple[str, Part, str], ...] = (
            ("Stream", _stream, "stream_name"),
            ("Put", _put, "stream_name"),
            ("Backlog", lambda stack: _backlog(stack, mappings), "stream_name"),
            ("Mapping", lambda _: _mapping(mappings), "function_name"),
            ("Function", _function, "function_name"),
            ("Invocations", _invocations, "function_name"),
            (capitalized(stack.event.plural), _events, "function_name"),
            ("Table", _table, "table_name"),
            ("Table writes", _table_writes, "table_name"),
            ("Quarantine", _quarantine, "quarantine_bucket"),
            ("Dropped", lambda stack: _dropped(stack, mappings), "function_name"),
            ("Alarms", check_alarms, "alarm_topic_arn"),
            ("Access key", check_access_key, "access_key"),
        )
        results = pool.map(lambda part: list(_safely(stack, *part)), parts)
        return [replace(check, next=_for(stack, check.next)) for checks in results for check in checks]


def _for(stack: Stack, remedy: str) -> str:
    """Return a remedy whose commands name the stack: those that ask a deployed one as this command was told to."""
    name = stack_name(stack.optional_output("function_name") or "")
    options = shlex.join(stack.arguments) or f"--stack {name}"
    remedy = _ASKING.sub(lambda command: command[0].replace("--stack STACK", options), remedy)
    return remedy.replace("STACK", name)


def _safely(stack: Stack, name: str, part: Part, output: str) -> Iterator[Check]:
    """Run the checks of one part; if one of them cannot run, report why."""
    try:
        yield from part(stack)
    except ClientError as error:
        if is_denied(error):
            text = f"unknown: you are not allowed to call {error.operation_name}"
            yield Check(name, State.UNKNOWN, text, "`aws sts get-caller-identity` names your credentials")
        elif is_missing(error):
            yield Check(name, State.BAD, f"{stack.output(output)} is missing", REFRESH)
        else:
            yield Check(name, State.UNKNOWN, str(error))
    except OptionsError as error:
        yield Check(name, State.UNKNOWN, f"unknown: {error.message}")


def _stream(stack: Stack) -> Iterator[Check]:
    name = stack.output("stream_name")
    stream = stack.kinesis.describe_stream_summary(**stack.stream)["StreamDescriptionSummary"]
    mode = stream.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED").lower().replace("_", "-")
    status = stream["StreamStatus"]
    is_active = status in ("ACTIVE", "UPDATING")
    shards, hours = count(stream["OpenShardCount"], "shard"), stream["RetentionPeriodHours"]
    text = f"{name} {status}, {mode}, {shards}, keeps {hours} h"
    yield Check("Stream", State.OK if is_active else State.BAD, text, "" if is_active else REFRESH)
    if stream.get("RecordDistributionStrategy") == "AUTO":
        text = f"none: {name} distributes records itself, whatever their partition keys"
        yield Check("Order", State.WARNING, text, "docs/other-producers.md says what that means")


def _put(stack: Stack) -> Iterator[Check]:
    put, throttled = last_minutes(stack, metrics.PUT, metrics.PUT_THROTTLED)
    if not put and not throttled:
        yield _no_data("Put")
        return
    text = f"{count(round(put.total), 'record')}, at most {put.maximum:,.0f} a minute{_as_of(put)}"
    if throttled.total:
        text += f"; {throttled.total:,.0f} throttled, at most {throttled.maximum:,.0f} a minute"
        yield Check("Put", State.BAD, text, REMEDIES["StreamThrottles"])
    else:
        yield Check("Put", State.OK, f"{text}; none throttled")


def _backlog(stack: Stack, listed: Mappings) -> Iterator[Check]:
    """Check how far the mapping is behind: the age of the records that it received last, and the backlog.

    AWS publishes a minute of each metric up to two minutes late: what was put in the newest minute may have
    been received. The function's own metric would count user records, retries and replays too.
    """
    put, ages = last_minutes(stack, metrics.PUT, metrics.ITERATOR_AGE)
    late = ages.newest >= MAX_ITERATOR_AGE_MS
    if ages:
        text = f"{_milliseconds(ages.newest)}, at most {_milliseconds(ages.maximum)}{_as_of(ages)}"
        state, remedy = (State.BAD, REMEDIES["IteratorAge"]) if late else (_fresh(ages), "")
        yield Check("Iterator age", state, text, remedy)
    else:
        yield _no_data("Iterator age")
    if not put and not late:
        yield _no_data("Backlog")
        return
    mappings = listed.result()
    totals = [
        [
            series.total
            for series in last_minutes(stack, metrics.POLLED, metrics.FILTERED, mapping=each["UUID"])
        ]
        for each in mappings
    ]
    polled, filtered = sum(each[0] for each in totals), sum(each[1] for each in totals)
    waiting = round(put.total - polled)
    dropped = f", {filtered:,.0f} filtered" if filtered or any(map(patterns, mappings)) else ""
    text = f"{put.total:,.0f} put, {polled - filtered:,.0f} received{dropped} in the last {MINUTES} minutes"
    if late:
        # The records received are older than those put in these minutes: the difference says nothing.
        behind = timedelta(milliseconds=ages.newest, seconds=ages.age(time.time()))
        (unread,) = read_series(stack, [metrics.PUT], since=behind)
        if unread:
            text += f"; up to {unread.total:,.0f} of the last {span(behind)} not yet received"
    elif waiting >= 0:
        text += f": {waiting:,} not yet received"
    else:
        text += ", earlier ones too"
    if (late or waiting > 0) and not any(map(works, mappings)):
        yield Check("Backlog", State.BAD, f"{text}, and nothing reads the stream", REFRESH)
    elif late or waiting > put.newest:
        yield Check("Backlog", State.WARNING, text, "compare Iterator age, Invocations and Duration")
    else:
        yield Check("Backlog", State.OK, text)


def _mapping(listed: Mappings) -> Iterator[Check]:
    mappings = listed.result()
    if not mappings:
        yield Check("Mapping", State.BAD, "missing: nothing reads the stream", REFRESH)
    for mapping in mappings:
        text = f"{mapping['State']}, last result: {mapping.get('LastProcessingResult', 'none yet')}"
        if filters := patterns(mapping):
            text += f", {count(len(filters), 'filter')}"
        if works(mapping):
            yield Check("Mapping", State.OK, text)
        elif mapping["State"] in READING_STATES and fails_to_invoke(mapping):
            yield Check("Mapping", State.BAD, text, REMEDIES["FunctionErrors"])
        else:
            yield Check("Mapping", State.BAD, text, REFRESH)


def _function(stack: Stack) -> Iterator[Check]:
    live = find_live(stack)
    configuration = stack.lambda_.get_function_configuration(
        FunctionName=stack.output("function_name"), Qualifier=LIVE if live else "$LATEST"
    )
    state, timeout = configuration.get("State", "Active"), configuration["Timeout"]
    text = f"{configuration['FunctionName']} {state}, {configuration['MemorySize']} MB, {timeout} s"
    works = state in ("Active", "Inactive")
    yield Check("Function", State.OK if works else State.BAD, text, "" if works else REFRESH)
    yield _version(live)
    yield from _safely(stack, "Duration", lambda stack: _duration(stack, timeout), "function_name")


def _duration(stack: Stack, timeout: int) -> Iterator[Check]:
    (durations,) = last_minutes(stack, metrics.DURATION)
    if not durations:
        yield _no_data("Duration")
        return
    text = f"at most {_milliseconds(durations.maximum)} of {timeout} s{_as_of(durations)}"
    if durations.maximum >= MAX_DURATION_SHARE * timeout * 1000:
        yield Check("Duration", State.BAD, text, REMEDIES["FunctionDuration"])
    else:
        yield Check("Duration", _fresh(durations), text)


def _version(live: Live | None) -> Check:
    """Check that the live version is the one that the setting functionVersion chose in the last `pulumi up`."""
    if live is None:
        return Check(
            "Version", State.WARNING, "none is published: there is no way back", "`pulumi up --stack STACK`"
        )
    if not live.is_moved:
        return Check("Version", State.OK, f"{live.number} is live, as `pulumi up` set it")
    text = f"{live.number} is live, but the last `pulumi up` set {live.deployed or 'another one'}: it was rolled back"
    remedy = f"`pulumi config set functionVersion {live.number} --stack STACK` keeps it"
    if live.deployed:
        remedy += f"; `python -m ops rollback --stack STACK --to {live.deployed}` takes it back"
    return Check("Version", State.WARNING, text, remedy)


def _invocations(stack: Stack) -> Iterator[Check]:
    invocations, errors, throttles = last_minutes(
        stack, metrics.INVOCATIONS, metrics.ERRORS, metrics.THROTTLES
    )
    if not invocations and not throttles:
        yield _no_data("Invocations")
        return
    text = (
        f"{invocations.total:,.0f}, of which {errors.total:,.0f} failed; {throttles.total:,.0f} throttled"
        f"{_as_of(invocations)}"
    )
    remedy = "FunctionErrors" if errors.total else "FunctionThrottles" if throttles.total else None
    yield Check("Invocations", State.BAD if remedy else State.OK, text, REMEDIES[remedy] if remedy else "")


def _events(stack: Stack) -> Iterator[Check]:
    """Report the function's own counts. A write may replace a row; of the duplicates in a batch one is written."""
    values = last_minutes(
        stack,
        metrics.RECEIVED,
        metrics.STORED,
        metrics.DELETED,
        metrics.DUPLICATES,
        metrics.QUARANTINED,
        metrics.FAILED,
    )
    received, stored, deleted, duplicates, quarantined, failed = (series.total for series in values)
    name = capitalized(stack.event.plural)
    if not any(values):
        yield _no_data(name)
        return
    repeated = count(round(duplicates), "duplicate")
    text = f"{received:,.0f} received, {stored:,.0f} stored, {repeated} in one batch"
    if deleted:
        text += f", {deleted:,.0f} deleted"
    if quarantined:
        text += f", {quarantined:,.0f} quarantined"
    if failed:
        text += f", {failed:,.0f} to be retried"
    text += _as_of(values[0])
    remedy = "Quarantined" if quarantined else "FunctionErrors" if failed else None
    yield Check(name, State.WARNING if remedy else State.OK, text, REMEDIES[remedy] if remedy else "")


def _table(stack: Stack) -> Iterator[Check]:
    name = stack.output("table_name")
    table = stack.dynamodb.describe_table(TableName=name)["Table"]
    status = table.get("TableStatus", "in an unknown status")
    text = (
        f"{name} {status}, {_capacity(table.get('ProvisionedThroughput', {}).get('WriteCapacityUnits', 0))}"
    )
    works = status in ("ACTIVE", "UPDATING")
    yield Check("Table", State.OK if works else State.BAD, text, "" if works else REFRESH)


def _table_writes(stack: Stack) -> Iterator[Check]:
    (throttled,) = last_minutes(stack, metrics.TABLE_THROTTLED)
    # DynamoDB emits this metric only when it throttles: no data means no throttling.
    if not throttled.total:
        yield Check("Table writes", State.OK, "no throttling reported")
        return
    throughput = stack.dynamodb.describe_table(TableName=stack.output("table_name"))["Table"]
    provisioned = bool(throughput.get("ProvisionedThroughput", {}).get("WriteCapacityUnits"))
    text = f"{throttled.total:,.0f} throttled"
    if provisioned:
        text += "; the stream buffers them while the table scales, iterator age is what counts"
        yield Check("Table writes", State.WARNING, text)
    else:
        yield Check("Table writes", State.BAD, text, REMEDIES["TableThrottles"])


def _capacity(write_units: int) -> str:
    return f"{write_units:,} write units" if write_units else "on-demand"


def _quarantine(stack: Stack) -> Iterator[Check]:
    listed = Bucket(stack.s3, stack.output("quarantine_bucket")).entries()
    entries = list(islice(listed, MAX_COUNTED + 1))
    if not entries:
        yield Check("Quarantine", State.OK, "empty")
        return
    if len(entries) > MAX_COUNTED:
        text = f"more than {MAX_COUNTED:,} objects"
    else:
        oldest = min(entry.since for entry in entries)
        text = (
            f"{count(len(entries), 'object')}, {size(sum(entry.size for entry in entries))}, the oldest "
            f"{span(datetime.now(UTC) - oldest)} old"
        )
    yield Check("Quarantine", State.WARNING, text, REMEDIES["Quarantined"])


def _dropped(stack: Stack, listed: Mappings) -> Iterator[Check]:
    """Check for batches that Lambda discarded and could not quarantine, which two metrics report."""
    (failed,) = last_minutes(stack, metrics.QUARANTINE_FAILURES)
    dropped = 0.0
    for mapping in listed.result():
        (values,) = last_minutes(stack, metrics.DROPPED, mapping=mapping["UUID"])
        dropped += values.total
    if dropped or failed.total:
        writes = count(round(failed.total), "write")
        text = f"neither stored nor in quarantine: {dropped:,.0f} dropped, {writes} to quarantine failed"
        yield Check("Dropped", State.BAD, text, REMEDIES["Dropped"])
    else:
        yield Check("Dropped", State.OK, "no drop reported")  # like throttles, emitted only when it happens


def _no_data(name: str) -> Check:
    return Check(name, State.NO_DATA, f"in the last {MINUTES} minutes")


def _fresh(series: Series) -> State:
    return State.OLD if series.age(time.time()) > MAX_FIGURE_AGE else State.OK


def _as_of(series: Series) -> str:
    """Return how old the newest figure is, if it is old."""
    age = series.age(time.time())
    return f", {span(timedelta(seconds=age))} ago" if MAX_FIGURE_AGE < age < float("inf") else ""


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value < 2000 else span(timedelta(milliseconds=value))
