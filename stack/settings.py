"""The settings of the stack: the values that each allows, parsed, checked and frozen.

`Pulumi.yaml` declares every setting with its type, default and description; the engine takes from there what a
stack file leaves out. The rules here are the program's and the services' own limits.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from event.limits import MAX_RAISED_RECORD_BYTES, MAX_RECORD_BYTES
from event.types import DEFAULT_EVENT_TYPE, event_types
from stack.aws.tags import MAX_TAGS, are_tags, check_tags
from stack.contradictions import (
    check_contradictions,
    check_existing_stream,
    check_on_demand,
    check_regions,
)
from stack.errors import SettingsError, raise_errors
from stack.filters.setting import MAX_FILTERS, are_filters, check_filters
from stack.rules import (
    BOOLEAN,
    KMS_KEY_ARN,
    STREAM_ARN,
    Rule,
    check_values,
    one_of,
    optional,
    whole_number,
)

MAX_SHARDS = 10_000
"""Shards of one stream, also the limit of UpdateShardCount (Amazon Kinesis API reference)."""
MAX_BATCH_SIZE = 10_000
MAX_PARALLELIZATION_FACTOR = 10
MAX_TABLE_CAPACITY = 40_000
"""Units per second, for reads and for writes."""
MAX_DELIVERED_KIB = 4600
"""A function's payload has 6 MB; a record in it is base64, with some 600 bytes of its own ("Lambda quotas")."""

# No higher level: Lambda treats the line of embedded metrics as INFO and would filter it out, and with it
# every metric and alarm of the function ("Log-level filtering", AWS Lambda Developer Guide).
LOG_LEVELS = ("TRACE", "DEBUG", "INFO")
# The retention periods of the CloudWatch Logs API, PutRetentionPolicy.
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
POLICY_ARN = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/([\w+=,.@/-]{0,510}/)?[\w+=,.@-]{1,128}", re.ASCII
)
# S3 allows a bucket prefix of up to 37 characters: the quarantine's is `<stack>-quarantine-`. Roles of the stack `dev`
# are granted the tables `dev-EventData-*` and the functions `dev-DDBEventProcessor*`, so no other stack's name may
# begin like that. S3 reserves three prefixes ("General purpose bucket naming rules", Amazon S3 User Guide).
STACK_NAME = re.compile(
    r"(?!.*-(?:EventData|DDBEventProcessor))(?!(?i:xn--|sthree-|amzn-s3-demo-))[A-Za-z0-9][A-Za-z0-9-]{0,24}"
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
VERSION = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """`shards` is None for an on-demand stream, `warm_mib` (MiB per second) for one that is not warmed.

    Where the stack has an `ExistingStream`, this describes it, and makes nothing.
    """

    shards: int | None
    retention_hours: int
    max_record_kib: int
    warm_mib: int | None
    shard_metrics: bool


@dataclass(frozen=True, kw_only=True)
class ExistingStream:
    """A stream that the stack reads and does not make.

    `account` is the owner's. `key_arn` is that of the owner's own key, None for one that AWS manages.
    """

    arn: str
    stream_name: str
    account: str
    key_arn: str | None


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """Provisioned capacity in units per second; `utilization` is the target of the scaling, in percent."""

    read: int
    min_write: int
    max_write: int
    utilization: int


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """`item_lifetime_days` is None if items are kept forever, `capacity` for a table that pays per request.

    Write units per second of such a table: `warm_writes`, None if it is not warmed, and `max_writes`, None without a
    ceiling, -1 to remove one.
    """

    capacity: CapacitySettings | None
    warm_writes: int | None
    max_writes: int | None
    point_in_time_recovery: bool
    deletion_protection: bool
    item_lifetime_days: int | None


@dataclass(frozen=True, kw_only=True)
class QuarantineSettings:
    """`force_destroy` lets `pulumi destroy` delete a bucket that still holds records.

    `in_account_namespace` gives the bucket a name that no other account can take.
    """

    lifetime_days: int
    in_account_namespace: bool
    force_destroy: bool


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Memory in MB, timeout in seconds; `version` is the one that is live, None for the newest."""

    memory: int
    timeout: int
    architecture: str
    log_level: str
    log_retention_days: int
    tracing: bool
    version: str | None


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """Batching window and maximum record age in seconds; `filters` are patterns, of which a record must match one."""

    batch_size: int
    batching_window: int
    starting_position: str
    parallelization_factor: int
    maximum_retries: int
    maximum_record_age: int
    filters: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class AccessKeySettings:
    """`serial` numbers the producer's access key; raising it rotates the key."""

    serial: int
    keep_previous: bool


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration; KMS keys, the permissions boundary and the alarms' address are None if not set.

    `existing_stream` is None if the stack makes its stream.
    """

    event_type: str
    stream: StreamSettings
    existing_stream: ExistingStream | None
    table: TableSettings
    quarantine: QuarantineSettings
    function: FunctionSettings
    mapping: MappingSettings
    access_key: AccessKeySettings
    protect: bool
    producer_identity: str
    kms_key_arn: str | None
    kms_key_arn_previous: str | None
    permissions_boundary_arn: str | None
    alarms: bool
    alarm_email: str | None
    tags: Mapping[str, str]


RULES: Mapping[str, Rule] = {
    "eventType": one_of(*event_types()),
    "streamMode": one_of("provisioned", "on-demand"),
    "streamShards": whole_number(0, MAX_SHARDS),
    "streamRetentionHours": whole_number(24, 8760),
    # "Scale to more than 10 GiBps" needs a higher quota (UpdateStreamWarmThroughput, Amazon Kinesis API reference).
    "streamWarmMiBps": whole_number(0, 10_240),
    # MaxRecordSizeInKiB (UpdateMaxRecordSize, Amazon Kinesis API reference).
    "streamMaxRecordKiB": whole_number(MAX_RECORD_BYTES // 1024, MAX_RAISED_RECORD_BYTES // 1024),
    "streamShardMetrics": BOOLEAN,
    "streamArn": optional(STREAM_ARN, "the ARN of a Kinesis stream"),
    "streamKeyArn": optional(KMS_KEY_ARN, "the ARN of a KMS key"),
    "tablePointInTimeRecovery": BOOLEAN,
    "tableDeletionProtection": BOOLEAN,
    "tableMode": one_of("on-demand", "provisioned"),
    "tableWarmWrites": whole_number(0, MAX_TABLE_CAPACITY),
    "tableMaxWrites": whole_number(-1, MAX_TABLE_CAPACITY),
    "tableMinWriteCapacity": whole_number(1, MAX_TABLE_CAPACITY),
    "tableMaxWriteCapacity": whole_number(1, MAX_TABLE_CAPACITY),
    "tableWriteUtilization": whole_number(20, 90),
    "tableReadCapacity": whole_number(1, MAX_TABLE_CAPACITY),
    "itemLifetimeDays": whole_number(0, 36_500),
    "quarantineLifetimeDays": whole_number(1, 36_500),
    "quarantineNamespace": one_of("global", "account"),
    "quarantineForceDestroy": BOOLEAN,
    "protect": BOOLEAN,
    "functionMemory": whole_number(128, 10_240),
    # Less than ten seconds leaves no room for the handler's retries and its margin.
    "functionTimeout": whole_number(10, 900),
    "functionArchitecture": one_of("arm64", "x86_64"),
    "functionLogLevel": one_of(*LOG_LEVELS),
    "functionTracing": BOOLEAN,
    "functionVersion": optional(VERSION, "the number of a version, as `python -m ops versions` lists them"),
    "logRetentionDays": one_of(*map(str, LOG_RETENTION_DAYS)),
    "mappingBatchSize": whole_number(1, MAX_BATCH_SIZE),
    "mappingBatchingWindow": whole_number(0, 300),
    "mappingStartingPosition": one_of("TRIM_HORIZON", "LATEST"),
    "mappingParallelizationFactor": whole_number(1, MAX_PARALLELIZATION_FACTOR),
    "mappingMaximumRetries": whole_number(0, 10_000),
    "mappingMaximumRecordAge": whole_number(60, 604_800),
    "mappingFilters": Rule(
        f"a list of up to {MAX_FILTERS} of AWS's filter patterns, each as text (docs/filters.md)",
        are_filters,
        remedy="pulumi config rm {key}",  # `set` makes text of it, which the engine rejects
    ),
    "kmsKeyArn": optional(KMS_KEY_ARN, "the ARN of a KMS key"),
    "kmsKeyArnPrevious": optional(KMS_KEY_ARN, "the ARN of a KMS key"),
    "permissionsBoundaryArn": optional(POLICY_ARN, "the ARN of a managed policy"),
    "producerIdentity": one_of("user", "policy", "none"),
    "accessKeySerial": whole_number(1, 1_000_000),
    "accessKeyKeepPrevious": BOOLEAN,
    "alarms": BOOLEAN,
    "alarmEmail": optional(EMAIL, "an e-mail address"),
    "tags": Rule(
        f'a map of up to {MAX_TAGS} tags that IAM accepts, such as {{"Team": "data"}}',
        are_tags,
        remedy="pulumi config rm {key}",  # `set` makes text of it, which the engine rejects
    ),
}
"""The rule of each setting, in the order of `Pulumi.yaml`; contradictions between settings are checked after them."""


def parse_settings(values: Mapping[str, str], project: str, stack: str) -> Settings:
    """Parse a stack's configuration, which has the defaults of `Pulumi.yaml`.

    `values` are as the engine passes them to the program: full keys, string values. Keys of KMS and a stream that
    exists are compared with `aws:region` if it is there.

    Raises:
        SettingsError: a value is not allowed or contradicts another, or a key is unknown.
    """
    if not STACK_NAME.fullmatch(stack):
        raise SettingsError(
            "the stack's name",
            stack,
            "up to 25 letters, digits and hyphens, because the names of AWS resources contain it, but not -EventData "
            "and -DDBEventProcessor, and at the start none of xn--, sthree- and amzn-s3-demo-, which S3 reserves",
            "pulumi stack rename NAME",
            stack,
        )
    own = check_values(RULES, values, project, stack)
    raise_errors(
        (
            *check_tags(json.loads(own["tags"]), stack),
            *check_filters(json.loads(own["mappingFilters"]), stack),
            *check_regions(own, values.get("aws:region"), stack),
            *check_contradictions(own, stack),
            *check_on_demand(own, stack),
            *check_existing_stream(own, stack),
        )
    )

    def integer(key: str) -> int:
        return int(own[key])

    def boolean(key: str) -> bool:
        return own[key] == "true"

    capacity = CapacitySettings(
        read=integer("tableReadCapacity"),
        min_write=integer("tableMinWriteCapacity"),
        max_write=integer("tableMaxWriteCapacity"),
        utilization=integer("tableWriteUtilization"),
    )
    return Settings(
        event_type=own["eventType"],
        stream=StreamSettings(
            shards=integer("streamShards") or 1 if own["streamMode"] == "provisioned" else None,
            retention_hours=integer("streamRetentionHours"),
            max_record_kib=integer("streamMaxRecordKiB"),
            warm_mib=integer("streamWarmMiBps") or None,
            shard_metrics=boolean("streamShardMetrics"),
        ),
        existing_stream=_existing_stream(own["streamArn"], own["streamKeyArn"]),
        table=TableSettings(
            capacity=capacity if own["tableMode"] == "provisioned" else None,
            warm_writes=integer("tableWarmWrites") or None,
            max_writes=integer("tableMaxWrites") or None,
            point_in_time_recovery=boolean("tablePointInTimeRecovery"),
            deletion_protection=boolean("tableDeletionProtection"),
            item_lifetime_days=integer("itemLifetimeDays") or None,
        ),
        quarantine=QuarantineSettings(
            lifetime_days=integer("quarantineLifetimeDays"),
            in_account_namespace=own["quarantineNamespace"] == "account",
            force_destroy=boolean("quarantineForceDestroy"),
        ),
        function=FunctionSettings(
            memory=integer("functionMemory"),
            timeout=integer("functionTimeout"),
            architecture=own["functionArchitecture"],
            log_level=own["functionLogLevel"],
            log_retention_days=integer("logRetentionDays"),
            tracing=boolean("functionTracing"),
            version=own["functionVersion"] or None,
        ),
        mapping=MappingSettings(
            batch_size=integer("mappingBatchSize"),
            batching_window=integer("mappingBatchingWindow"),
            starting_position=own["mappingStartingPosition"],
            parallelization_factor=integer("mappingParallelizationFactor"),
            maximum_retries=integer("mappingMaximumRetries"),
            maximum_record_age=integer("mappingMaximumRecordAge"),
            filters=json.loads(own["mappingFilters"]),
        ),
        access_key=AccessKeySettings(
            serial=integer("accessKeySerial"),
            keep_previous=boolean("accessKeyKeepPrevious"),
        ),
        protect=boolean("protect"),
        producer_identity=own["producerIdentity"],
        kms_key_arn=own["kmsKeyArn"] or None,
        kms_key_arn_previous=own["kmsKeyArnPrevious"] or None,
        permissions_boundary_arn=own["permissionsBoundaryArn"] or None,
        alarms=boolean("alarms"),
        alarm_email=own["alarmEmail"] or None,
        tags=json.loads(own["tags"]),
    )


def _existing_stream(arn: str, key_arn: str) -> ExistingStream | None:
    parts = STREAM_ARN.fullmatch(arn)
    if parts is None:
        return None
    return ExistingStream(
        arn=arn, stream_name=parts["name"], account=parts["account"], key_arn=key_arn or None
    )


def table_name(stack: str, event_type: str) -> str:
    """Return the name of a stack's table: events of another type, with other keys, are never in the same one."""
    name = f"{stack}-EventData"
    return name if event_type == DEFAULT_EVENT_TYPE else f"{name}-{event_type}"


def quarantine_prefix(stack: str) -> str:
    """Return the start of the name of a stack's quarantine bucket, up to the hyphen."""
    return f"{stack.lower()}-quarantine-"
