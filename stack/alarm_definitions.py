"""The alarms of the stack, as data for the program and for the operator's commands: metric, threshold, remedy."""

from collections.abc import Sequence
from dataclasses import dataclass

from stack import metrics

MAX_ITERATOR_AGE_MS = 60_000
MAX_DURATION_SHARE = 0.8
"""Share of the function's timeout."""
WARM_UP_MINUTES = 30
"""Longest time for which a new alarm on silence waits for its first data: a mapping starts within minutes."""

_BRING_BACK = (
    "`pulumi up --refresh --stack STACK` (role and bucket), then `python -m ops replay --stack STACK --from 1h`; "
    "what the stream no longer has, send again from its source"
)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm on one metric, evaluated each minute.

    It fires when the metric is at or above the threshold in `datapoints` of the last five minutes, so that
    one bad minute, which the retries repair, wakes nobody. An alarm on `silence` fires when the metric is
    below the threshold or missing, except in its first WARM_UP_MINUTES, while what it watches starts.
    """

    name: str
    description: str
    remedy: str
    """The next step for the operator, in Markdown: for `docs/alarms.md`, and for `ops status`, which replaces STACK."""
    metric: metrics.Metric
    threshold: float = 1
    datapoints: int = 3
    silence: bool = False


def alarms(
    *,
    function_timeout: int,
    provisioned_table: bool,
    existing_stream: bool = False,
    foreign_stream: bool = False,
) -> Sequence[Alarm]:
    """Return the stack's alarms; `function_timeout` is in seconds.

    A table with provisioned capacity throttles while it scales, and the stream buffers meanwhile: then only
    `IteratorAge` shows that the table cannot keep up, and there is no alarm on throttled writes. A stream that
    exists may have other readers, whose reads its metric counts too: then the mapping's own polls tell. The metrics of
    a stream of another account are in that account, and so are alarms on them.
    """
    throttled_writes = Alarm(
        name="TableThrottles",
        description="The table throttles writes: the limit of a partition or of the account is reached",
        remedy="one very active partition key: wait, the function retries; all of them: ask for a higher quota, "
        "`python -m ops size --stack STACK` has the command",
        metric=metrics.TABLE_THROTTLED,
    )
    every = (
        Alarm(
            name="IteratorAge",
            description="The function is more than a minute behind the stream",
            remedy="`python -m ops status --stack STACK`: errors, throttles or duration show why; none of them: "
            "`pulumi config set mappingParallelizationFactor 2 --stack STACK`",
            metric=metrics.ITERATOR_AGE,
            threshold=MAX_ITERATOR_AGE_MS,
        ),
        Alarm(
            name="FunctionErrors",
            description="Invocations of the function keep failing",
            remedy="right after a deployment, once, `python -m ops rollback --stack STACK`; else "
            "`aws logs tail /aws/lambda/STACK-DDBEventProcessor --since 15m`, then `pulumi up --refresh --stack STACK`",
            metric=metrics.ERRORS,
        ),
        Alarm(
            name="FunctionThrottles",
            description="Lambda throttles the function: the account's concurrency is used up",
            remedy="`aws lambda get-account-settings`; ask for a higher quota: "
            "`python -m ops size --stack STACK` has the command",
            metric=metrics.THROTTLES,
        ),
        Alarm(
            name="FunctionDuration",
            description="Invocations take more than 80 % of the function's timeout",
            remedy="`pulumi config set functionMemory 512 --stack STACK`, or a smaller `mappingBatchSize`; "
            "`pulumi up --stack STACK`",
            metric=metrics.DURATION,
            threshold=round(function_timeout * 1000 * MAX_DURATION_SHARE),
        ),
        Alarm(
            name="StreamThrottles",
            description="The stream throttles records: a shard is full",
            remedy="the producer waits and loses nothing; more shards: "
            "`pulumi config set streamShards N --stack STACK`, `pulumi up --stack STACK` "
            "(with `streamArn`, its owner: `aws kinesis update-shard-count`)",
            metric=metrics.PUT_THROTTLED,
        ),
        *(() if provisioned_table else (throttled_writes,)),
        Alarm(
            name="TableSystemErrors",
            description="DynamoDB answers writes with internal errors",
            remedy="the AWS Health Dashboard; the records are retried",
            metric=metrics.TABLE_ERRORS,
        ),
        Alarm(
            name="Quarantined",
            description="The function put a record that can never be stored into quarantine",
            remedy="`python -m ops quarantine list --stack STACK` names each, and the command that shows it",
            metric=metrics.QUARANTINED,
            datapoints=1,
        ),
        Alarm(
            name="QuarantinedByLambda",
            description="Lambda put a batch that ran out of retries or age into quarantine",
            remedy="fix the cause, then `python -m ops quarantine redrive --stack STACK --reason discarded`",
            metric=metrics.QUARANTINED_BY_LAMBDA,
            datapoints=1,
        ),
        Alarm(
            name="Dropped",
            description="Lambda dropped records that it could not put into quarantine either: only the stream has them",
            remedy=_BRING_BACK,
            metric=metrics.DROPPED,
            datapoints=1,
        ),
        Alarm(
            name="QuarantineRefused",
            description="Lambda could not write a batch to the quarantine bucket: only the stream has its records",
            remedy=_BRING_BACK,
            metric=metrics.QUARANTINE_FAILURES,
            datapoints=1,
        ),
        # Lambda reads once a second even from an empty stream: silence means that the mapping is disabled,
        # missing or denied, which no metric of the function would show.
        Alarm(
            name="StreamNotRead",
            description="Nothing reads the stream: records expire unless the mapping is repaired in time",
            remedy="`python -m ops status --stack STACK`, then `pulumi up --refresh --stack STACK`",
            metric=metrics.POLLS if existing_stream else metrics.READS,
            datapoints=5,
            silence=True,
        ),
    )
    return [each for each in every if not (foreign_stream and each.metric.resource == "stream")]
