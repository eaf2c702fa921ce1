from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import set_all_config
from pulumi.runtime import settings as runtime

from infra.settings import ConfigError, load, read_project
from stack.project import PROJECT
from tests.infra.recorder import deploy, stack_config

SCHEMA: dict[str, dict[str, Any]] = read_project()["config"]

# key, a value that is refused, what the message says is allowed
REFUSED: list[tuple[str, Any, str]] = [
    ("streamMode", "serverless", "one of provisioned, on-demand"),
    ("streamShards", -1, "a whole number from 0 to 10000"),
    ("streamShards", "two", "a whole number from 0 to 10000"),
    ("streamShards", 1.5, "a whole number from 0 to 10000"),
    ("streamRetentionHours", 23, "a whole number from 24 to 8760"),
    ("streamRetentionHours", 8761, "a whole number from 24 to 8760"),
    ("streamShardMetrics", "yes", "one of true, false"),
    ("tablePointInTimeRecovery", 1, "one of true, false"),
    ("tableDeletionProtection", "", "one of true, false"),
    ("itemLifetimeDays", -1, "a whole number from 0 to 36500"),
    ("tableMode", "serverless", "one of on-demand, provisioned"),
    ("tableMinWriteCapacity", 0, "a whole number from 1 to 40000"),
    ("tableMaxWriteCapacity", 40_001, "a whole number from 1 to 40000"),
    ("tableWriteUtilization", 91, "a whole number from 20 to 90"),
    ("tableReadCapacity", 0, "a whole number from 1 to 40000"),
    ("permissionsBoundaryArn", "my-boundary", "the ARN of a managed policy"),
    ("producerIdentity", "role", "one of user, policy"),
    ("kmsKeyArnPrevious", "alias/mine", "the ARN of a KMS key"),
    ("quarantineLifetimeDays", 0, "a whole number from 1 to 36500"),
    ("quarantineForceDestroy", "True", "one of true, false"),
    ("protect", "on", "one of true, false"),
    ("functionMemory", 127, "a whole number from 128 to 10240"),
    ("functionMemory", 10241, "a whole number from 128 to 10240"),
    ("functionTimeout", 901, "a whole number from 10 to 900"),
    ("functionArchitecture", "amd64", "one of arm64, x86_64"),
    ("functionLogLevel", "info", "one of TRACE, DEBUG, INFO"),
    ("functionLogLevel", "WARN", "one of TRACE, DEBUG, INFO"),
    ("functionTracing", "Active", "one of true, false"),
    ("logRetentionDays", 8, "one of 1, 3, 5, 7, 14, 30"),
    ("mappingBatchSize", 0, "a whole number from 1 to 10000"),
    ("mappingBatchSize", 10_001, "a whole number from 1 to 10000"),
    ("mappingBatchingWindow", 301, "a whole number from 0 to 300"),
    ("mappingStartingPosition", "AT_TIMESTAMP", "one of TRIM_HORIZON, LATEST"),
    ("mappingParallelizationFactor", 11, "a whole number from 1 to 10"),
    ("mappingMaximumRetries", -1, "a whole number from 0 to 10000"),
    ("mappingMaximumRecordAge", 59, "a whole number from 60 to 604800"),
    ("kmsKeyArn", "alias/mine", "the ARN of a KMS key"),
    ("kmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/mine", "the ARN of a KMS key"),
    ("accessKeySerial", 0, "a whole number from 1 to 1000000"),
    ("accessKeyKeepPrevious", "maybe", "one of true, false"),
    ("alarms", "off", "one of true, false"),
    ("alarmEmail", "on-call", "an e-mail address"),
    ("tags", "Team=data", "a map of up to 48 string values"),
    ("tags", {"Team": 7}, "a map of up to 48 string values"),
    ("tags", {"aws:team": "data"}, "no key aws:..., Project or Stack"),
    ("tags", {"Stack": "prod"}, "no key aws:..., Project or Stack"),
    ("tags", {"stack": "prod"}, "no key aws:..., Project or Stack"),
    ("tags", {"Project": "tweets"}, "no key aws:..., Project or Stack"),
    ("tags", {f"Tag{number}": "" for number in range(49)}, "a map of up to 48 string values"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), REFUSED)
def test_a_bad_value_is_refused_with_what_is_allowed_and_how_to_set_it(
    key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ConfigError) as error:
        deploy("dev", **{key: value})
    message = str(error.value)
    assert message.startswith(f"{key}: ")
    assert allowed in message
    assert f"pulumi config set {key} VALUE --stack dev" in message


def test_every_key_of_the_schema_has_a_value_that_is_refused() -> None:
    assert {key for key, _, _ in REFUSED} == set(SCHEMA)


def test_settings_under_the_name_of_another_project_are_refused_with_the_command_that_renames_them() -> None:
    set_all_config(stack_config("dev"), [])
    runtime.configure(pulumi.runtime.Settings(project="my-stream", stack="dev"))
    with pytest.raises(ConfigError) as error:
        load()
    message = str(error.value)
    assert "is a setting of another project, stream-processing, which would be ignored" in message
    assert "sed -i.bak 's/^  stream-processing:/  my-stream:/' Pulumi.*.yaml && pulumi preview" in message


def test_the_values_that_pulumi_new_asks_for_are_settings_of_the_project() -> None:
    asked = read_project()["template"]["config"]
    assert set(asked) - {"aws:region"} <= set(SCHEMA)
    assert all(entry["default"] == SCHEMA[key]["default"] for key, entry in asked.items() if key in SCHEMA)


def test_the_message_shows_the_value_that_was_given() -> None:
    with pytest.raises(ConfigError, match='functionMemory: "lots" is not a valid value'):
        deploy(functionMemory="lots")


def test_shards_of_an_on_demand_stream_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)streamShards.*on-demand.*pulumi config rm streamShards"):
        deploy(streamMode="on-demand", streamShards=2)


def test_records_may_not_expire_before_they_reach_quarantine() -> None:
    with pytest.raises(ConfigError, match=r"(?s)mappingMaximumRecordAge: 86400 .*less than .* 86400 seconds"):
        deploy(mappingMaximumRecordAge=86_400, streamRetentionHours=24)
    assert deploy(mappingMaximumRecordAge=86_399, streamRetentionHours=24)


def test_an_address_without_alarms_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)alarmEmail.*pulumi config set alarms true"):
        deploy(alarms=False, alarmEmail="on-call@company.io")


@pytest.mark.parametrize("address", ["on-call@example.com", "a@mail.example.org", "a@b.test", "a@x.invalid"])
def test_an_address_that_nobody_reads_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)alarmEmail.*example domains receive no mail"):
        deploy(alarmEmail=address)


def test_alarms_without_an_address_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    deploy(alarmEmail="on-call@company.io")
    deploy(alarms=False)
    assert warnings == []
    deploy()
    assert ["pulumi config set alarmEmail ADDRESS" in warning for warning in warnings] == [True]


def test_the_smallest_write_capacity_is_not_above_the_largest() -> None:
    with pytest.raises(ConfigError, match=r"(?s)tableMinWriteCapacity: 20 .*tableMaxWriteCapacity, 10"):
        deploy(tableMinWriteCapacity=20, tableMaxWriteCapacity=10)


def test_the_previous_key_is_another_key() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000"
    with pytest.raises(ConfigError, match=r"(?s)kmsKeyArnPrevious.*another key than kmsKeyArn"):
        deploy(kmsKeyArn=key, kmsKeyArnPrevious=key)


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_throttled_table_exhausts_no_retries_before_the_record_age(stack: str) -> None:
    """The function retries throttled writes itself, so that each invocation lasts until its deadline."""
    deployed = deploy(stack)
    mapping, timeout = deployed.one("EventSourceMapping").inputs, deployed.one("Function").inputs["timeout"]
    assert mapping["maximumRetryAttempts"] * (timeout - 5) >= mapping["maximumRecordAgeInSeconds"]


def test_the_first_key_has_no_previous_one() -> None:
    with pytest.raises(ConfigError, match=r"(?s)accessKeyKeepPrevious.*accessKeySerial is 1"):
        deploy(accessKeyKeepPrevious=True)


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"(?s)streamShard: .*does not have.*streamShards.*config rm streamShard "
    ):
        deploy(streamShard=2)


@pytest.mark.parametrize("name", ["feature_x", "a" * 26, "-x", "x.y"])
def test_a_stack_whose_name_aws_would_refuse_is_refused_before_anything_is_made(name: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)the stack's name: .*25 letters.*pulumi stack rename"):
        deploy(name, file="dev")


def test_the_limits_themselves_are_allowed() -> None:
    assert deploy(
        streamRetentionHours=8760,
        functionMemory=10_240,
        functionTimeout=900,
        mappingBatchSize=10_000,
        mappingMaximumRetries=0,
        mappingMaximumRecordAge=604_800,
        itemLifetimeDays=36_500,
    )


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_committed_stack_file_sets_known_keys_only_and_no_default_again(stack: str) -> None:
    given = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text())["config"]
    own = {key.removeprefix("stream-processing:"): value for key, value in given.items() if "stream-" in key}
    assert own.keys() <= SCHEMA.keys()
    assert not [key for key, value in own.items() if SCHEMA[key]["default"] == value]


def test_every_key_of_the_schema_has_type_default_and_description() -> None:
    for key, entry in SCHEMA.items():
        assert entry.keys() == {"type", "default", "description"}, key
        python_type = {"string": str, "integer": int, "boolean": bool, "object": dict}[entry["type"]]
        assert type(entry["default"]) is python_type, key


def test_a_stack_file_overrides_the_defaults() -> None:
    assert stack_config("prod")["stream-processing:streamMode"] == "on-demand"
    assert stack_config("dev")["stream-processing:streamMode"] == "provisioned"
