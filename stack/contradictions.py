"""Values of settings that another setting, the event's definition or the stack's region forbids."""

import re
from collections.abc import Iterator, Mapping

from event.schema import SchemaError
from event.types import load
from stack.errors import SettingsError
from stack.rules import KMS_KEY_ARN, STREAM_ARN

# RFC 2606, and the reserved top-level domains of RFC 6761.
EXAMPLE_DOMAIN = re.compile(
    r"@(.*\.)?(example\.(com|net|org)|example|invalid|test|localhost)$", re.IGNORECASE
)
NEW_TABLE_WRITES = 4000
"""Write units per second that every on-demand table takes at once ("On-demand capacity mode", DynamoDB guide)."""
MAX_ACCOUNT_NAMESPACE_STACK = 21
"""Characters of a stack's name with which `<stack>-quarantine-<account>-<region>-an` has 63, in the longest region."""


def check_regions(own: Mapping[str, str], region: str | None, stack: str) -> Iterator[SettingsError]:
    """Yield an error for each KMS key or existing stream of another region than the stack's, if that is known."""
    of_key = f"a key of the stack's region, {region}, because no service uses one of another region"
    of_stream = f"a stream of the stack's region, {region}, because Lambda reads none of another region"
    for key, pattern, allowed in (
        ("kmsKeyArn", KMS_KEY_ARN, of_key),
        ("kmsKeyArnPrevious", KMS_KEY_ARN, of_key),
        ("streamKeyArn", KMS_KEY_ARN, of_key),
        ("streamArn", STREAM_ARN, of_stream),
    ):
        if region and (arn := pattern.fullmatch(own[key])) and arn["region"] != region:
            yield SettingsError(key, own[key], allowed, f"pulumi config set {key} ARN", stack)


def check_contradictions(own: Mapping[str, str], stack: str) -> Iterator[SettingsError]:
    """Yield an error for each value that another one, or the event's definition, forbids."""

    def contradiction(key: str, value: object, allowed: str, remedy: str) -> SettingsError:
        return SettingsError(key, value, allowed, remedy, stack)

    try:
        load(own["eventType"]).validate()
    except SchemaError as error:
        yield SettingsError(
            "eventType",
            own["eventType"],
            "a definition that agrees with itself and with its samples",
            f"change event/types/{own['eventType']}.py, then pulumi preview",
            stack,
            problem=f"contradicts itself: {error}",
        )
    if own["streamMode"] == "on-demand" and (shards := int(own["streamShards"])):
        yield contradiction(
            "streamShards",
            shards,
            "no shards while streamMode is on-demand: AWS scales such a stream itself",
            "pulumi config rm streamShards",
        )
    min_write, max_write = int(own["tableMinWriteCapacity"]), int(own["tableMaxWriteCapacity"])
    if min_write > max_write:
        yield contradiction(
            "tableMinWriteCapacity",
            min_write,
            f"up to tableMaxWriteCapacity, {max_write}",
            f"pulumi config set tableMaxWriteCapacity {min_write}",
        )
    record_age, retention = int(own["mappingMaximumRecordAge"]), int(own["streamRetentionHours"]) * 3600
    if record_age >= retention:
        yield contradiction(
            "mappingMaximumRecordAge",
            record_age,
            f"less than the stream's retention of {retention} seconds (streamRetentionHours): "
            "a record that expires before it reaches quarantine is lost",
            f"pulumi config set mappingMaximumRecordAge {retention // 2}",
        )
    window = int(own["mappingBatchingWindow"])
    if window >= record_age:
        yield contradiction(
            "mappingBatchingWindow",
            window,
            f"less than mappingMaximumRecordAge, {record_age} seconds: a record that waited as long for its batch "
            "would go to quarantine without an invocation",
            f"pulumi config set mappingBatchingWindow {record_age // 2}",
        )
    if own["alarmEmail"] and own["alarms"] == "false":
        yield contradiction(
            "alarmEmail",
            own["alarmEmail"],
            "no address while alarms is false, because nothing would be sent to it",
            "pulumi config set alarms true",
        )
    if EXAMPLE_DOMAIN.search(own["alarmEmail"]):
        yield contradiction(
            "alarmEmail",
            own["alarmEmail"],
            "an address that somebody reads: example domains receive no mail",
            "pulumi config set alarmEmail ADDRESS",
        )
    if own["kmsKeyArnPrevious"] and own["kmsKeyArnPrevious"] == own["kmsKeyArn"]:
        yield contradiction(
            "kmsKeyArnPrevious",
            own["kmsKeyArnPrevious"],
            "another key than kmsKeyArn",
            "pulumi config rm kmsKeyArnPrevious",
        )
    if own["accessKeyKeepPrevious"] == "true" and int(own["accessKeySerial"]) == 1:
        yield contradiction(
            "accessKeyKeepPrevious",
            True,
            "false while accessKeySerial is 1, because the first key has no predecessor",
            "pulumi config set accessKeyKeepPrevious false",
        )


def check_on_demand(own: Mapping[str, str], stack: str) -> Iterator[SettingsError]:
    """Yield an error for each limit of an on-demand stream or table that is none, and for too long a bucket's name."""
    warm, ceiling = int(own["tableWarmWrites"]), int(own["tableMaxWrites"])
    streams_own = "0 while streamMode is provisioned: such a stream has what its shards take"
    tables_own = (
        "0 while tableMode is provisioned: its limits are tableMinWriteCapacity and tableMaxWriteCapacity"
    )
    new = f"0, or more than the {NEW_TABLE_WRITES:,} that every on-demand table takes at once"
    room = (
        f"global for a stack's name of more than {MAX_ACCOUNT_NAMESPACE_STACK} characters: with account and region the "
        "bucket's name would have more than the 63 of S3"
    )
    stream_is_provisioned = own["streamMode"] == "provisioned"
    table_is_provisioned = own["tableMode"] == "provisioned"
    is_long = len(stack) > MAX_ACCOUNT_NAMESPACE_STACK
    for key, holds, allowed in (
        ("streamWarmMiBps", stream_is_provisioned and own["streamWarmMiBps"] != "0", streams_own),
        ("tableWarmWrites", table_is_provisioned and warm, tables_own),
        ("tableMaxWrites", table_is_provisioned and ceiling, tables_own),
        ("tableWarmWrites", 0 < warm <= NEW_TABLE_WRITES, new),
        ("tableWarmWrites", 0 < ceiling < warm, f"up to tableMaxWrites, {ceiling}"),
        ("quarantineNamespace", is_long and own["quarantineNamespace"] == "account", room),
    ):
        if holds:
            yield SettingsError(key, own[key], allowed, f"pulumi config rm {key}", stack)


def check_existing_stream(own: Mapping[str, str], stack: str) -> Iterator[SettingsError]:
    """Yield an error for each value that would change a stream that exists, or that only such a stream has."""
    for key, is_wrong, allowed in (
        (
            "streamKeyArn",
            own["streamKeyArn"] and not own["streamArn"],
            "nothing without streamArn: kmsKeyArn is the key of the stack's own stream",
        ),
        (
            "streamWarmMiBps",
            own["streamArn"] and own["streamWarmMiBps"] != "0",
            "0 with streamArn: the stream's owner warms it",
        ),
        (
            "streamShardMetrics",
            own["streamArn"] and own["streamShardMetrics"] == "true",
            "false with streamArn: the stream's owner turns them on",
        ),
    ):
        if is_wrong:
            yield SettingsError(key, own[key], allowed, f"pulumi config rm {key}", stack)
