"""The settings of the stack, from strings alone: no test here runs the program."""

import re
from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape

from event.types import order
from stack.errors import SettingsError
from stack.files.stack_file import read_stack_file
from stack.project import (
    ACCOUNT_SETTINGS,
    PROJECT,
    declared_settings,
    full_key,
    read_project,
    with_defaults,
    without_account,
)
from stack.settings import RULES, ExistingStream, Settings, parse_settings, quarantine_prefix, table_name

NAME = read_project()["name"]
SCHEMA = declared_settings()

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/orders-in"

# key, an invalid value, what the message says is allowed
INVALID: list[tuple[str, Any, str]] = [
    ("eventType", "invoice", "one of order, page_view, telemetry, tweet"),
    ("streamMode", "serverless", "one of provisioned, on-demand"),
    ("streamShards", -1, "a whole number from 0 to 10000"),
    ("streamShards", "two", "a whole number from 0 to 10000"),
    ("streamShards", 1.5, "a whole number from 0 to 10000"),
    ("streamRetentionHours", 23, "a whole number from 24 to 8760"),
    ("streamRetentionHours", 8761, "a whole number from 24 to 8760"),
    ("streamWarmMiBps", 10_241, "a whole number from 0 to 10240"),
    ("streamWarmMiBps", -1, "a whole number from 0 to 10240"),
    ("streamMaxRecordKiB", 1023, "a whole number from 1024 to 10240"),
    ("streamMaxRecordKiB", 10_241, "a whole number from 1024 to 10240"),
    ("streamShardMetrics", "yes", "one of true, false"),
    ("streamArn", "orders-in", "the ARN of a Kinesis stream, or nothing"),
    ("streamArn", "arn:aws:dynamodb:us-east-1:123456789012:table/x/stream/y", "the ARN of a Kinesis stream"),
    ("streamArn", f"{STREAM}/consumer/mine:1", "the ARN of a Kinesis stream"),
    ("streamKeyArn", "alias/aws/kinesis", "the ARN of a KMS key"),
    ("tablePointInTimeRecovery", 1, "one of true, false"),
    ("tableDeletionProtection", "", "one of true, false"),
    ("itemLifetimeDays", -1, "a whole number from 0 to 36500"),
    ("tableMode", "serverless", "one of on-demand, provisioned"),
    ("tableWarmWrites", 40_001, "a whole number from 0 to 40000"),
    ("tableMaxWrites", -2, "a whole number from -1 to 40000"),
    ("tableMaxWrites", 40_001, "a whole number from -1 to 40000"),
    ("tableMinWriteCapacity", 0, "a whole number from 1 to 40000"),
    ("tableMaxWriteCapacity", 40_001, "a whole number from 1 to 40000"),
    ("tableWriteUtilization", 91, "a whole number from 20 to 90"),
    ("tableReadCapacity", 0, "a whole number from 1 to 40000"),
    ("permissionsBoundaryArn", "my-boundary", "the ARN of a managed policy"),
    ("producerIdentity", "role", "one of user, policy, none"),
    ("kmsKeyArnPrevious", "alias/mine", "the ARN of a KMS key"),
    ("quarantineLifetimeDays", 0, "a whole number from 1 to 36500"),
    ("quarantineNamespace", "regional", "one of global, account"),
    ("quarantineForceDestroy", "True", "one of true, false"),
    ("protect", "on", "one of true, false"),
    ("functionMemory", 127, "a whole number from 128 to 10240"),
    ("functionMemory", 10241, "a whole number from 128 to 10240"),
    ("functionTimeout", 901, "a whole number from 10 to 900"),
    ("functionArchitecture", "amd64", "one of arm64, x86_64"),
    ("functionLogLevel", "info", "one of TRACE, DEBUG, INFO"),
    ("functionLogLevel", "WARN", "one of TRACE, DEBUG, INFO"),
    ("functionTracing", "Active", "one of true, false"),
    ("functionVersion", "live", "the number of a version"),
    ("functionVersion", 0, "the number of a version"),
    ("logRetentionDays", 8, "one of 1, 3, 5, 7, 14, 30"),
    ("mappingBatchSize", 0, "a whole number from 1 to 10000"),
    ("mappingBatchSize", 10_001, "a whole number from 1 to 10000"),
    ("mappingBatchingWindow", 301, "a whole number from 0 to 300"),
    ("mappingStartingPosition", "AT_TIMESTAMP", "one of TRIM_HORIZON, LATEST"),
    ("mappingParallelizationFactor", 11, "a whole number from 1 to 10"),
    ("mappingMaximumRetries", -1, "a whole number from 0 to 10000"),
    ("mappingMaximumRecordAge", 59, "a whole number from 60 to 604800"),
    ("mappingFilters", '{"data": {"lang": ["en"]}}', "a list of up to 10 of AWS's filter patterns"),
    ("mappingFilters", {"data": {"lang": ["en"]}}, "a list of up to 10 of AWS's filter patterns"),
    ("mappingFilters", [{"data": {"lang": ["en"]}}], "a list of up to 10 of AWS's filter patterns"),
    ("mappingFilters", ['{"data": {"lang": ["en"]}}'] * 11, "a list of up to 10 of AWS's filter patterns"),
    ("kmsKeyArn", "alias/mine", "the ARN of a KMS key"),
    ("kmsKeyArn", "arn:aws:kms:us-east-1:123456789012:alias/mine", "the ARN of a KMS key"),
    ("accessKeySerial", 0, "a whole number from 1 to 1000000"),
    ("accessKeyKeepPrevious", "maybe", "one of true, false"),
    ("alarms", "off", "one of true, false"),
    ("alarmEmail", "on-call", "an e-mail address"),
    ("tags", "Team=data", "a map of up to 48 tags"),
    ("tags", ["data"], "a map of up to 48 tags"),
    ("tags", {f"Tag{number}": "" for number in range(49)}, "a map of up to 48 tags"),
]


def parse(stack: str = "dev", **config: Any) -> Settings:
    """Parse the project's defaults with some settings changed."""
    changed = {f"{NAME}:{key}": value for key, value in config.items()}
    return parse_settings(with_defaults(read_project(), changed), NAME, stack)


@pytest.mark.parametrize(("key", "value", "allowed"), INVALID)
def test_an_invalid_value_is_rejected_with_what_is_allowed_and_how_to_set_it(
    key: str, value: Any, allowed: str
) -> None:
    with pytest.raises(SettingsError) as error:
        parse("prod", **{key: value})
    message = str(error.value)
    assert message.startswith(f"{key}: ")
    assert allowed in message
    is_text = SCHEMA[key]["type"] not in ("object", "array")
    remedy = f"pulumi config set {key} VALUE" if is_text else f"pulumi config rm {key}"
    assert f"Fix: {remedy} --stack prod" in message


def test_every_setting_of_the_project_has_a_rule_and_an_invalid_value() -> None:
    assert list(RULES) == list(SCHEMA)
    assert {key for key, _, _ in INVALID} == set(SCHEMA)


@pytest.mark.parametrize("key", SCHEMA)
def test_a_description_leaves_the_range_to_the_rule(key: str) -> None:
    description = SCHEMA[key]["description"]
    assert RULES[key].allowed not in description
    assert not re.search(r"\d+ to \d|up to \d", description)
    limits = {number for number in re.findall(r"\d+", RULES[key].allowed) if int(number) > 1}
    assert not limits & set(re.findall(r"\d+", description.replace(",", "")))


def test_a_setting_that_names_something_of_an_account_is_left_out_locally() -> None:
    assert set(ACCOUNT_SETTINGS) == {key for key in SCHEMA if re.search("Arn|Email", key)}
    config = {full_key(key): "value" for key in (*ACCOUNT_SETTINGS, "eventType")}
    assert without_account(config | {"aws:region": "us-east-1"}).keys() == {
        full_key("eventType"),
        "aws:region",
    }


def test_settings_under_the_name_of_another_project_are_rejected_with_the_command_that_renames_them() -> None:
    values = with_defaults(read_project(), {})
    with pytest.raises(SettingsError) as error:
        parse_settings(values, "another", "dev")
    message = str(error.value)
    name = read_project()["name"]
    assert f"is a setting of another project, {name}, which would be ignored" in message
    assert f"sed -i.bak 's/^  {name}:/  /' Pulumi.*.yaml && rm Pulumi.*.yaml.bak && pulumi preview" in message


def test_an_unknown_key_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(
        SettingsError, match=r"(?s)streamShard: .*does not have.*streamShards.*config rm streamShard "
    ):
        parse(streamShard=2)


def test_a_key_of_the_provider_is_not_a_setting_of_the_project() -> None:
    values = with_defaults(
        read_project(), {"aws:region": "us-east-1", "aws:protect": "x", "pulumi:tags": "{}"}
    )
    assert parse_settings(values, NAME, "dev") == parse()


@pytest.mark.parametrize(
    "wrong",
    [
        {"functionMemory": "lots", "streamShards": -1},
        {"streamShard": 2, "functionMemry": 512},
        {"streamMode": "on-demand", "streamShards": 2, "alarmEmail": "a@example.com", "tags": '{"Team": 1}'},
    ],
    ids=["values", "keys", "contradictions"],
)
def test_all_that_is_wrong_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as error:
        parse(**wrong)
    found = re.findall(r"^([a-zA-Z]+)\S*: ", str(error.value), re.MULTILINE)
    assert set(found) == set(wrong) - {"streamMode"}
    assert str(error.value).count("  Fix: ") == len(found)


def test_the_message_shows_the_value_that_was_given() -> None:
    with pytest.raises(SettingsError, match='functionMemory: "lots" is not a valid value'):
        parse(functionMemory="lots")


@pytest.mark.parametrize(
    "name", ["feature_x", "a" * 26, "-x", "x.y", "dev-EventData-x", "dev-EventData", "xn--dev", "Sthree-dev"]
)
def test_a_stack_name_that_aws_or_another_stacks_grants_would_take_amiss_is_rejected(name: str) -> None:
    with pytest.raises(SettingsError, match=r"(?s)the stack's name: .*25 letters.*pulumi stack rename"):
        parse(name)


def test_shards_of_an_on_demand_stream_are_rejected() -> None:
    with pytest.raises(SettingsError, match=r"(?s)streamShards.*on-demand.*pulumi config rm streamShards"):
        parse(streamMode="on-demand", streamShards=2)


@pytest.mark.parametrize(
    ("mode", "shards", "expected"), [("provisioned", 0, 1), ("provisioned", 3, 3), ("on-demand", 0, None)]
)
def test_a_provisioned_stream_has_at_least_one_shard_and_an_on_demand_stream_no_number(
    mode: str, shards: int, expected: int | None
) -> None:
    assert parse(streamMode=mode, streamShards=shards).stream.shards == expected


def test_a_record_must_not_expire_before_it_reaches_quarantine() -> None:
    with pytest.raises(
        SettingsError, match=r"(?s)mappingMaximumRecordAge: 86400 .*less than .* 86400 seconds"
    ):
        parse(mappingMaximumRecordAge=86_400, streamRetentionHours=24)
    assert parse(mappingMaximumRecordAge=86_399, streamRetentionHours=24)


@pytest.mark.parametrize("window", [60, 300])
def test_a_record_must_not_be_too_old_once_its_batch_is_due(window: int) -> None:
    with pytest.raises(SettingsError, match=r"(?s)mappingBatchingWindow.*without an invocation") as error:
        parse(mappingBatchingWindow=window, mappingMaximumRecordAge=60)
    assert "pulumi config set mappingBatchingWindow 30 --stack dev" in str(error.value)
    assert parse(mappingBatchingWindow=59, mappingMaximumRecordAge=60)


@pytest.mark.parametrize("key", ["kmsKeyArn", "kmsKeyArnPrevious"])
def test_a_key_of_another_region_is_rejected(key: str) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/mrk-0f7c2d2e"
    values = with_defaults(read_project(), {f"{NAME}:{key}": arn, "aws:region": "us-east-1"})
    with pytest.raises(SettingsError, match=rf"(?s){key}: .*a key of the stack's region, us-east-1"):
        parse_settings(values, NAME, "dev")
    assert parse_settings({**values, "aws:region": "eu-west-1"}, NAME, "dev")


@pytest.mark.parametrize(
    ("tags", "problem", "remedy"),
    [
        (
            {"Team": "R&D"},
            'tags.Team: "R&D" is not a valid value',
            "set --path tags.Team VALUE --type string",
        ),
        ({"Team": "v" * 257}, "is not a valid value", "set --path tags.Team VALUE --type string"),
        ({"Team": "a\tb"}, "is not a valid value", "set --path tags.Team VALUE --type string"),
        ({"Team": "AWS:data"}, "is not a valid value", "set --path tags.Team VALUE --type string"),
        ({"Cost": 4711}, "tags.Cost: 4711 is not text", "set --path tags.Cost 4711 --type string"),
        (
            {"Since": "2026-11-28 00:00:00 +0000 UTC"},
            "is what the engine makes of a date that is not quoted",
            "set --path tags.Since 2026-11-28 --type string",
        ),
        ({"Cost": -1}, "tags.Cost: -1 is not text", "set --path tags.Cost VALUE --type string"),
        ({"a.b": True}, "true is not text", """set --path 'tags["a.b"]' true --type string"""),
        ({"Team": None}, "tags.Team: null is not text", "set --path tags.Team VALUE --type string"),
        ({"Team": {"a": "b"}}, "is not text", "set --path tags.Team VALUE --type string"),
        ({"aws:team": "x"}, 'tags: "aws:team" is not a valid key', """rm --path 'tags["aws:team"]'"""),
        ({"k" * 129: "x"}, "is not a valid key", f"rm --path tags.{'k' * 129}"),
        ({"a&b": "x"}, 'tags: "a&b" is not a valid key', """rm --path 'tags["a&b"]'"""),
        ({"": "x"}, 'tags: "" is not a valid key', """rm --path 'tags[""]'"""),
        ({"Stack": "x"}, 'tags: "Stack" is the key of the program\'s own tag Stack', "rm --path tags.Stack"),
        ({"project": "x"}, "is the key of the program's own tag Project", "rm --path tags.project"),
        ({"team": "x", "Team": "y"}, 'tags: "Team" is the key of the tag team', "rm --path tags.Team"),
    ],
)
def test_a_tag_that_iam_rejects_fails_with_the_command_for_this_tag(
    tags: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(SettingsError) as error:
        parse(tags=tags)
    assert problem in str(error.value)
    assert f"Fix: pulumi config {remedy} --stack dev" in str(error.value)


def test_tags_of_the_longest_size_and_of_any_script_are_allowed() -> None:
    tags = {"k" * 128: "v" * 256, "Équipe 東京": "a_b.c:d/e=f+g-h@i"} | {
        f"Tag{number}": "" for number in range(46)
    }
    assert parse(tags=tags).tags == tags
    assert len(tags) == 48


def test_an_address_without_alarms_is_rejected() -> None:
    with pytest.raises(SettingsError, match=r"(?s)alarmEmail.*pulumi config set alarms true"):
        parse(alarms=False, alarmEmail="on-call@company.io")


@pytest.mark.parametrize("address", ["on-call@example.com", "a@mail.example.org", "a@b.test", "a@x.invalid"])
def test_an_address_that_nobody_reads_is_rejected(address: str) -> None:
    with pytest.raises(SettingsError, match=r"(?s)alarmEmail.*example domains receive no mail"):
        parse(alarmEmail=address)


def test_the_minimum_write_capacity_is_not_above_the_maximum() -> None:
    with pytest.raises(SettingsError, match=r"(?s)tableMinWriteCapacity: 20 .*tableMaxWriteCapacity, 10"):
        parse(tableMinWriteCapacity=20, tableMaxWriteCapacity=10)


def test_the_previous_key_is_another_key() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000"
    with pytest.raises(SettingsError, match=r"(?s)kmsKeyArnPrevious.*another key than kmsKeyArn"):
        parse(kmsKeyArn=key, kmsKeyArnPrevious=key)


def test_the_first_access_key_has_no_previous_one() -> None:
    with pytest.raises(SettingsError, match=r"(?s)accessKeyKeepPrevious.*accessKeySerial is 1"):
        parse(accessKeyKeepPrevious=True)


def test_the_limits_themselves_are_allowed() -> None:
    settings = parse(
        streamRetentionHours=8760,
        functionMemory=10_240,
        functionTimeout=900,
        mappingBatchSize=10_000,
        mappingMaximumRetries=0,
        mappingMaximumRecordAge=604_800,
        itemLifetimeDays=36_500,
    )
    assert (settings.function.memory, settings.table.item_lifetime_days) == (10_240, 36_500)


def test_the_values_that_pulumi_new_asks_for_are_settings_of_the_project() -> None:
    asked = (
        read_project().get("template", {}).get("config", {})
    )  # which `pulumi new` leaves out of what it makes
    assert set(asked) - {"aws:region"} <= set(SCHEMA)
    assert all(entry["default"] == SCHEMA[key]["default"] for key, entry in asked.items() if key in SCHEMA)


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_committed_stack_file_sets_known_keys_only_and_no_default_again(stack: str) -> None:
    given = read_stack_file(PROJECT / f"Pulumi.{stack}.yaml", read_project())
    prefix = f"{read_project()['name']}:"
    own = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    assert own.keys() <= SCHEMA.keys()
    assert not [key for key, value in own.items() if SCHEMA[key]["default"] == value]


def test_every_setting_of_the_project_has_type_default_and_description() -> None:
    for key, entry in SCHEMA.items():
        assert entry.keys() - {"items"} == {"type", "default", "description"}, key
        types = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}
        python_type = types[entry["type"]]
        assert type(entry["default"]) is python_type, key


def test_an_event_type_that_contradicts_itself_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order.EVENT, "shown", ("Colour",))
    with pytest.raises(
        SettingsError, match=r"(?s)eventType: .*shown names Colour.*change event/types/order.py"
    ):
        parse(eventType="order")


def test_a_stream_of_another_region_or_its_key_is_rejected() -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/mrk-0f7c2d2e"
    values = with_defaults(
        read_project(), {f"{NAME}:streamArn": STREAM, f"{NAME}:streamKeyArn": key, "aws:region": "us-east-1"}
    )
    with pytest.raises(SettingsError, match=r"(?s)streamKeyArn: .*a key of the stack's region, us-east-1"):
        parse_settings(values, NAME, "dev")
    values = with_defaults(read_project(), {f"{NAME}:streamArn": STREAM, "aws:region": "eu-west-1"})
    with pytest.raises(SettingsError) as error:
        parse_settings(values, NAME, "dev")
    assert "a stream of the stack's region, eu-west-1" in str(error.value)
    assert "pulumi config set streamArn ARN --stack dev" in str(error.value)


def test_a_stream_that_exists_is_named_by_its_arn() -> None:
    assert parse().existing_stream is None
    key = "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e"
    assert parse(streamArn=STREAM, streamKeyArn=key).existing_stream == ExistingStream(
        arn=STREAM, stream_name="orders-in", account="123456789012", key_arn=key
    )
    existing = parse(streamArn=STREAM).existing_stream
    assert existing
    assert existing.key_arn is None


def test_capacity_retention_and_record_size_describe_a_stream_that_exists() -> None:
    described = parse(
        streamArn=STREAM, streamShards=4, streamRetentionHours=72, streamMaxRecordKiB=2048
    ).stream
    assert (described.shards, described.retention_hours, described.max_record_kib) == (4, 72, 2048)


@pytest.mark.parametrize(
    ("config", "key", "allowed"),
    [
        (
            {"streamKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0f7c"},
            "streamKeyArn",
            "kmsKeyArn is the key",
        ),
        (
            {"streamArn": STREAM, "streamMode": "on-demand", "streamWarmMiBps": 5},
            "streamWarmMiBps",
            "0 with streamArn",
        ),
        ({"streamArn": STREAM, "streamShardMetrics": "true"}, "streamShardMetrics", "false with streamArn"),
    ],
)
def test_what_would_change_a_stream_that_exists_is_rejected(
    config: dict[str, Any], key: str, allowed: str
) -> None:
    assert_rejected(config, key, allowed)


def assert_rejected(config: dict[str, Any], key: str, allowed: str) -> None:
    """Assert that a key is rejected, with what is allowed and the command that removes it."""
    with pytest.raises(SettingsError) as error:
        parse(**config)
    assert str(error.value).startswith(f"{key}: ")
    assert allowed in str(error.value)
    assert f"pulumi config rm {key} --stack dev" in str(error.value)


def test_events_of_another_type_have_a_table_of_their_own() -> None:
    assert table_name("dev", "tweet") == "dev-EventData"
    assert table_name("dev", "page_view") == "dev-EventData-page_view"


def test_the_name_of_a_bucket_in_the_accounts_namespace_has_room_for_21_characters_of_the_stacks() -> None:
    assert parse("a" * 21, quarantineNamespace="account").quarantine.in_account_namespace
    name = f"{quarantine_prefix('a' * 21)}123456789012-ap-southeast-1-an"
    assert len(name) == 63  # "General purpose bucket naming rules", Amazon S3 User Guide
    with pytest.raises(SettingsError) as error:
        parse("a" * 22, quarantineNamespace="account")
    assert "global for a stack's name of more than 21 characters" in str(error.value)
    assert f"pulumi config rm quarantineNamespace --stack {'a' * 22}" in str(error.value)


@pytest.mark.parametrize(
    ("config", "key", "allowed"),
    [
        ({"streamWarmMiBps": 5}, "streamWarmMiBps", "0 while streamMode is provisioned"),
        ({"tableMode": "provisioned", "tableWarmWrites": 5000}, "tableWarmWrites", "0 while tableMode is"),
        (
            {"tableMode": "provisioned", "tableMaxWrites": 5},
            "tableMaxWrites",
            "0 while tableMode is provisioned",
        ),
        ({"tableWarmWrites": 4000}, "tableWarmWrites", "0, or more than the 4,000"),
        ({"tableWarmWrites": 5000, "tableMaxWrites": 4500}, "tableWarmWrites", "up to tableMaxWrites, 4500"),
    ],
)
def test_limits_of_an_on_demand_stream_or_table_are_no_others(
    config: dict[str, Any], key: str, allowed: str
) -> None:
    assert_rejected(config, key, allowed)


@pytest.mark.parametrize(
    ("service", "shape", "member", "key"),
    [
        ("kinesis", "CreateStreamInput", "MaxRecordSizeInKiB", "streamMaxRecordKiB"),
        ("kinesis", "CreateStreamInput", "WarmThroughputMiBps", "streamWarmMiBps"),
        ("dynamodb", "WarmThroughput", "WriteUnitsPerSecond", "tableWarmWrites"),
        ("dynamodb", "OnDemandThroughput", "MaxWriteRequestUnits", "tableMaxWrites"),
    ],
)
def test_a_limit_of_the_service_model_is_the_rules_own(
    service: str, shape: str, member: str, key: str
) -> None:
    model = botocore.session.get_session().get_service_model(service)
    structure = model.shape_for(shape)
    assert isinstance(structure, StructureShape)
    limits = structure.members[member].metadata
    rule = RULES[key]
    for limit, beyond in ((limits.get("min"), -1), (limits.get("max"), 1)):
        if limit is not None:
            assert rule.allows(str(limit))
            assert not rule.allows(str(limit + beyond))
