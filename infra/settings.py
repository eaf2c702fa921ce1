"""The configuration of the stack: read once, validated, frozen.

`Pulumi.yaml` declares every key with its type, default and description; the engine takes from there what a
stack file leaves out. This module checks the values against the services' own limits.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime.config import CONFIG, get_config_env

from stack.project import PROJECT

# No higher level: Lambda treats the line of embedded metrics as INFO and would filter it out, and with it
# every metric and alarm of the function ("Log-level filtering", AWS Lambda Developer Guide).
LOG_LEVELS = ("TRACE", "DEBUG", "INFO")
# The retention periods of the CloudWatch Logs API, PutRetentionPolicy.
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+")
KMS_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
# S3 allows a bucket prefix of up to 37 characters: the quarantine's is `<stack>-quarantine-`.
STACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,24}")
# RFC 2606, and the reserved top-level domains of RFC 6761.
EXAMPLE_DOMAIN = re.compile(
    r"@(.*\.)?(example\.(com|net|org)|example|invalid|test|localhost)$", re.IGNORECASE
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ConfigError(pulumi.RunError):
    """A configuration key has a value that the program or AWS refuses; the message says how to fix it."""

    def __init__(
        self, key: str, value: object, allowed: str, remedy: str, problem: str = "is not a valid value"
    ) -> None:
        super().__init__(
            f"{key}: {json.dumps(value)} {problem}.\n"
            f"  Allowed: {allowed}.\n"
            f"  Fix: {remedy} --stack {pulumi.get_stack()}"
        )


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """`shards` is None for an on-demand stream."""

    shards: int | None
    retention_hours: int
    shard_metrics: bool


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """Provisioned capacity in units per second; `utilization` is the target of the scaling, in percent."""

    read: int
    min_write: int
    max_write: int
    utilization: int


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """`item_lifetime_days` is None if tweets are kept forever, `capacity` for a table that pays per request."""

    capacity: CapacitySettings | None
    point_in_time_recovery: bool
    deletion_protection: bool
    item_lifetime_days: int | None


@dataclass(frozen=True, kw_only=True)
class QuarantineSettings:
    """`force_destroy` lets `pulumi destroy` delete a bucket that still holds records."""

    lifetime_days: int
    force_destroy: bool


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Memory in MB, timeout in seconds."""

    memory: int
    timeout: int
    architecture: str
    log_level: str
    log_retention_days: int
    tracing: bool


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """Batching window and maximum record age in seconds."""

    batch_size: int
    batching_window: int
    starting_position: str
    parallelization_factor: int
    maximum_retries: int
    maximum_record_age: int


@dataclass(frozen=True, kw_only=True)
class AccessKeySettings:
    """`serial` numbers the producer's access key; raising it rotates the key."""

    serial: int
    keep_previous: bool


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration; KMS keys, the permissions boundary and the alarms' address are None if not set."""

    stream: StreamSettings
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


@cache
def read_project(folder: Path = PROJECT) -> Mapping[str, Any]:
    """Return the content of a project's `Pulumi.yaml`, read once: parsing takes as long as the program itself."""
    content: dict[str, Any] = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    return content


def with_defaults(project: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """Merge a stack's configuration as the engine passes it to the program: full keys, string values.

    `project` is the content of `Pulumi.yaml`, `config` a stack file's `config:`. For running the program, or
    reading its settings, without the engine.
    """
    defaults = {
        key if ":" in key else f"{project['name']}:{key}": entry["default"]
        for key, entry in project.get("config", {}).items()
        if "default" in entry
    }
    values = {**defaults, **config}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def load() -> Settings:
    """Read the stack's configuration.

    Raises:
        ConfigError: a value has the wrong type, is outside the service's range or contradicts another, or
            a key of this project is unknown.
    """
    _refuse_stack_name(pulumi.get_stack())
    read = _Reader(pulumi.Config())
    read.refuse_unknown_keys()
    settings = Settings(
        stream=StreamSettings(
            shards=_shards(read),
            retention_hours=read.integer("streamRetentionHours", 24, 8760),
            shard_metrics=read.boolean("streamShardMetrics"),
        ),
        table=TableSettings(
            capacity=_capacity(read),
            point_in_time_recovery=read.boolean("tablePointInTimeRecovery"),
            deletion_protection=read.boolean("tableDeletionProtection"),
            item_lifetime_days=read.integer("itemLifetimeDays", 0, 36500) or None,
        ),
        quarantine=QuarantineSettings(
            lifetime_days=read.integer("quarantineLifetimeDays", 1, 36500),
            force_destroy=read.boolean("quarantineForceDestroy"),
        ),
        function=FunctionSettings(
            memory=read.integer("functionMemory", 128, 10240),
            # Less than ten seconds leaves no room for the handler's retries and its margin.
            timeout=read.integer("functionTimeout", 10, 900),
            architecture=read.choice("functionArchitecture", "arm64", "x86_64"),
            log_level=read.choice("functionLogLevel", *LOG_LEVELS),
            log_retention_days=read.member("logRetentionDays", LOG_RETENTION_DAYS),
            tracing=read.boolean("functionTracing"),
        ),
        mapping=MappingSettings(
            batch_size=read.integer("mappingBatchSize", 1, 10_000),
            batching_window=read.integer("mappingBatchingWindow", 0, 300),
            starting_position=read.choice("mappingStartingPosition", "TRIM_HORIZON", "LATEST"),
            parallelization_factor=read.integer("mappingParallelizationFactor", 1, 10),
            maximum_retries=read.integer("mappingMaximumRetries", 0, 10_000),
            maximum_record_age=read.integer("mappingMaximumRecordAge", 60, 604_800),
        ),
        access_key=AccessKeySettings(
            serial=read.integer("accessKeySerial", 1, 1_000_000),
            keep_previous=read.boolean("accessKeyKeepPrevious"),
        ),
        protect=read.boolean("protect"),
        producer_identity=read.choice("producerIdentity", "user", "policy"),
        kms_key_arn=read.optional_string("kmsKeyArn", KMS_KEY_ARN, "the ARN of a KMS key, or nothing"),
        kms_key_arn_previous=read.optional_string(
            "kmsKeyArnPrevious", KMS_KEY_ARN, "the ARN of a KMS key, or nothing"
        ),
        permissions_boundary_arn=read.optional_string(
            "permissionsBoundaryArn", POLICY_ARN, "the ARN of a managed policy, or nothing"
        ),
        alarms=read.boolean("alarms"),
        alarm_email=read.optional_string("alarmEmail", EMAIL, "an e-mail address, or nothing"),
        tags=read.tags("tags"),
    )
    _refuse_contradictions(settings)
    return settings


def _refuse_stack_name(name: str) -> None:
    if not STACK_NAME.fullmatch(name):
        raise ConfigError(
            "the stack's name",
            name,
            "up to 25 letters, digits and hyphens, because the names of AWS resources contain it",
            "pulumi stack rename NAME",
        )


def _shards(read: "_Reader") -> int | None:
    mode = read.choice("streamMode", "provisioned", "on-demand")
    shards = read.integer("streamShards", 0, 10_000)
    if mode == "provisioned":
        return shards or 1
    if shards:
        raise ConfigError(
            "streamShards",
            shards,
            "no shards while streamMode is on-demand: AWS scales such a stream itself",
            "pulumi config rm streamShards",
        )
    return None


def _capacity(read: "_Reader") -> CapacitySettings | None:
    mode = read.choice("tableMode", "on-demand", "provisioned")
    capacity = CapacitySettings(
        read=read.integer("tableReadCapacity", 1, 40_000),
        min_write=read.integer("tableMinWriteCapacity", 1, 40_000),
        max_write=read.integer("tableMaxWriteCapacity", 1, 40_000),
        utilization=read.integer("tableWriteUtilization", 20, 90),
    )
    if capacity.min_write > capacity.max_write:
        raise ConfigError(
            "tableMinWriteCapacity",
            capacity.min_write,
            f"up to tableMaxWriteCapacity, {capacity.max_write}",
            f"pulumi config set tableMaxWriteCapacity {capacity.min_write}",
        )
    return capacity if mode == "provisioned" else None


def _refuse_contradictions(settings: Settings) -> None:
    retention = settings.stream.retention_hours * 3600
    if settings.mapping.maximum_record_age >= retention:
        raise ConfigError(
            "mappingMaximumRecordAge",
            settings.mapping.maximum_record_age,
            f"less than the stream's retention of {retention} seconds (streamRetentionHours): "
            "a record that expires before it reaches quarantine is lost",
            f"pulumi config set mappingMaximumRecordAge {retention // 2}",
        )
    if settings.alarm_email and not settings.alarms:
        raise ConfigError(
            "alarmEmail",
            settings.alarm_email,
            "no address while alarms is false, because nothing would be sent to it",
            "pulumi config set alarms true",
        )
    if settings.alarm_email and EXAMPLE_DOMAIN.search(settings.alarm_email):
        raise ConfigError(
            "alarmEmail",
            settings.alarm_email,
            "an address that somebody reads: example domains receive no mail",
            "pulumi config set alarmEmail ADDRESS",
        )
    if settings.kms_key_arn_previous and settings.kms_key_arn_previous == settings.kms_key_arn:
        raise ConfigError(
            "kmsKeyArnPrevious",
            settings.kms_key_arn_previous,
            "another key than kmsKeyArn",
            "pulumi config rm kmsKeyArnPrevious",
        )
    if settings.access_key.keep_previous and settings.access_key.serial == 1:
        raise ConfigError(
            "accessKeyKeepPrevious",
            True,
            "false while accessKeySerial is 1, because the first key has no predecessor",
            "pulumi config set accessKeyKeepPrevious false",
        )


class _Reader:
    """Reads single keys; each method raises ConfigError for a value that it does not allow."""

    def __init__(self, config: pulumi.Config) -> None:
        self._config = config
        self._schema = read_project()["config"]

    def refuse_unknown_keys(self) -> None:
        for full_key, value in {**get_config_env(), **CONFIG.get()}.items():
            namespace, _, key = full_key.partition(":")
            if namespace not in (self._config.name, "aws", "pulumi") and key in self._schema:
                raise self._other_project(namespace, key, value)
            if namespace == self._config.name and key not in self._schema:
                raise ConfigError(
                    key,
                    value,
                    f"the keys of Pulumi.yaml: {', '.join(self._schema)}",
                    f"pulumi config rm {key}",
                    problem="is the value of a key that this project does not have",
                )

    def _other_project(self, namespace: str, key: str, value: object) -> ConfigError:
        """Return the error for a setting of another project: `pulumi new` renames the project, not its keys."""
        return ConfigError(
            f"{namespace}:{key}",
            value,
            f"keys of this project, {self._config.name}",
            f"sed -i.bak 's/^  {namespace}:/  {self._config.name}:/' Pulumi.*.yaml && pulumi preview",
            problem=f"is a setting of another project, {namespace}, which would be ignored",
        )

    def string(self, key: str) -> str:
        return self._config.require(key)

    def integer(self, key: str, lowest: int, highest: int) -> int:
        allowed = f"a whole number from {lowest} to {highest}"
        value = self._whole_number(key, allowed)
        if not lowest <= value <= highest:
            raise self._error(key, allowed)
        return value

    def member(self, key: str, members: tuple[int, ...]) -> int:
        allowed = f"one of {', '.join(map(str, members))}"
        value = self._whole_number(key, allowed)
        if value not in members:
            raise self._error(key, allowed)
        return value

    def boolean(self, key: str) -> bool:
        return self.choice(key, "true", "false") == "true"

    def choice(self, key: str, *allowed: str) -> str:
        if self.string(key) not in allowed:
            raise self._error(key, f"one of {', '.join(allowed)}")
        return self.string(key)

    def optional_string(self, key: str, pattern: re.Pattern[str], allowed: str) -> str | None:
        value = self.string(key)
        if value and not pattern.fullmatch(value):
            raise self._error(key, allowed)
        return value or None

    def tags(self, key: str) -> Mapping[str, str]:
        """Up to 48, because AWS allows 50 and the program adds two."""
        allowed = (
            'a map of up to 48 string values, such as {"Team": "data"}, no key aws:..., Project or Stack'
        )
        try:
            value = json.loads(self.string(key))
        except ValueError:
            raise self._error(key, allowed) from None
        if (
            not isinstance(value, dict)
            or len(value) > 48
            or not all(isinstance(item, str) for item in value.values())
            or any(re.match("aws:|(project|stack)$", name.lower()) for name in value)
        ):
            raise self._error(key, allowed)
        return value

    def _whole_number(self, key: str, allowed: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", self.string(key)):
            raise self._error(key, allowed)
        return int(self.string(key))

    def _error(self, key: str, allowed: str) -> ConfigError:
        return ConfigError(key, self.string(key), allowed, f"pulumi config set {key} VALUE")
