"""The rules of the settings, against the limits, patterns and enumerations in botocore's models of the services."""

import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest
from botocore.loaders import Loader

from stack.aws.tags import MAX_KEY_LENGTH, MAX_TAGS, MAX_VALUE_LENGTH, PROGRAM_KEYS, check_tags
from stack.settings import LOG_RETENTION_DAYS, RULES
from tests.stack.test_settings import SCHEMA, parse


class Bounds(NamedTuple):
    """The smallest and the largest number that a setting allows, where they are not the service model's own."""

    service: str
    shape: str
    lowest: int | None = None
    highest: int | None = None
    reason: str = ""


NUMBERS: Mapping[str, Bounds] = {
    "streamShards": Bounds(
        "kinesis", "PositiveIntegerObject", 0, 10_000, "0 is one; UpdateShardCount ends there"
    ),
    "streamRetentionHours": Bounds("kinesis", "RetentionPeriodHours", 24, 8760, "in words: see below"),
    "streamWarmMiBps": Bounds("kinesis", "NaturalIntegerObject", None, 10_240, "more takes a higher quota"),
    "streamMaxRecordKiB": Bounds("kinesis", "MaxRecordSizeInKiB"),
    "tableWarmWrites": Bounds("dynamodb", "LongObject", 0, 40_000, "quota of a table"),
    "tableMaxWrites": Bounds("dynamodb", "LongObject", -1, 40_000, "-1 removes a ceiling; quota of a table"),
    "tableMinWriteCapacity": Bounds("dynamodb", "PositiveLongObject", None, 40_000, "quota of a table"),
    "tableMaxWriteCapacity": Bounds("dynamodb", "PositiveLongObject", None, 40_000, "quota of a table"),
    "tableReadCapacity": Bounds("dynamodb", "PositiveLongObject", None, 40_000, "quota of a table"),
    "tableWriteUtilization": Bounds(
        "application-autoscaling", "MetricScale", 20, 90, "DynamoDB's, in its guide"
    ),
    "quarantineLifetimeDays": Bounds("s3", "Days", 1, 36_500, "S3 wants a positive number"),
    "functionMemory": Bounds("lambda", "MemorySize", None, 10_240, "more on managed instances only"),
    "functionTimeout": Bounds(
        "lambda", "Timeout", 10, 900, "the handler's margin; more on managed instances only"
    ),
    "mappingBatchSize": Bounds("lambda", "BatchSize"),
    "mappingBatchingWindow": Bounds("lambda", "MaximumBatchingWindowInSeconds"),
    "mappingParallelizationFactor": Bounds("lambda", "ParallelizationFactor"),
    "mappingMaximumRetries": Bounds(
        "lambda", "MaximumRetryAttemptsEventSourceMapping", 0, reason="-1 is no limit"
    ),
    "mappingMaximumRecordAge": Bounds("lambda", "MaximumRecordAgeInSeconds", 60, reason="-1 is no limit"),
}
OURS = {"itemLifetimeDays", "accessKeySerial"}
"""Whole numbers that no service is given as they are."""

MEMBERS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "streamMode": ("kinesis", "StreamMode", {"provisioned": "PROVISIONED", "on-demand": "ON_DEMAND"}),
    "tableMode": ("dynamodb", "BillingMode", {"provisioned": "PROVISIONED", "on-demand": "PAY_PER_REQUEST"}),
    "quarantineNamespace": ("s3", "BucketNamespace", {"account": "account-regional"}),
    "functionArchitecture": ("lambda", "Architecture", {}),
    "functionLogLevel": ("lambda", "ApplicationLogLevel", {}),
    "mappingStartingPosition": ("lambda", "EventSourcePosition", {}),
}
"""The members of a setting, by the service's names where they are others."""
NOT_OFFERED = {"functionLogLevel": {"WARN", "ERROR", "FATAL"}, "mappingStartingPosition": {"AT_TIMESTAMP"}}

TAGS = (
    *(
        ("iam", "tagKeyType", "tagValueType"),
        ("lambda", "TagKey", "TagValue"),
        ("logs", "TagKey", "TagValue"),
    ),
    *(("kinesis", "TagKey", "TagValue"), ("dynamodb", "TagKeyString", "TagValueString")),
    *(("sns", "TagKey", "TagValue"), ("cloudwatch", "TagKey", "TagValue")),
    ("application-autoscaling", "TagKey", "TagValue"),
)
"""The services whose resources the stack tags, with the shapes of key and value; S3's model has no limits."""

REGION = "us-east-1"
STREAM_PREFIX = f"arn:aws:kinesis:{REGION}:123456789012:stream/"
KEY_PREFIX = f"arn:aws:kms:{REGION}:123456789012:key/"
POLICY_PREFIX = "arn:aws:iam::123456789012:policy/"


@cache
def model(service: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return loaded


def shape(service: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = model(service)["shapes"][name]
    return found


def in_words(text: str) -> str:
    return " ".join(re.sub("<[^>]+>", "", text).split())


def allows(key: str, value: object) -> bool:
    return RULES[key].allows(str(value))


def test_every_number_and_every_enumeration_has_a_model() -> None:
    integers = {key for key, entry in SCHEMA.items() if entry["type"] == "integer"}
    assert integers == NUMBERS.keys() | OURS | {"logRetentionDays"}
    closed = {key for key, rule in RULES.items() if rule.allowed.startswith("one of") and key not in integers}
    booleans = {key for key, entry in SCHEMA.items() if entry["type"] == "boolean"}
    assert closed - booleans == MEMBERS.keys() | {"eventType", "producerIdentity"}


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_is_allowed_up_to_the_services_limits_and_no_further(key: str) -> None:
    bounds = NUMBERS[key]
    limits = shape(bounds.service, bounds.shape)
    assert limits["type"] in ("integer", "long", "double")
    lowest = limits["min"] if bounds.lowest is None else bounds.lowest
    highest = limits["max"] if bounds.highest is None else bounds.highest
    assert [allows(key, number) for number in (lowest - 1, lowest, highest, highest + 1)] == [
        False,
        True,
        True,
        False,
    ]
    # 0 shards are one.
    assert limits.get("min", lowest) <= (lowest or 1)
    assert highest <= limits.get("max", highest)
    assert bool(bounds.reason) == (bounds.lowest is not None or bounds.highest is not None)


def test_a_stream_is_named_as_kinesis_and_lambda_name_it() -> None:
    longest = shape("kinesis", "StreamName")["max"]
    assert allows("streamArn", STREAM_PREFIX + "x" * longest)
    assert not allows("streamArn", STREAM_PREFIX + "x" * (longest + 1))
    assert len(STREAM_PREFIX) + longest <= shape("kinesis", "StreamARN")["max"]
    patterns = [shape("kinesis", "StreamARN")["pattern"], shape("lambda", "Arn")["pattern"]]
    for region in ("us-east-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"):
        for name in ("orders-in", "a.b_C", "orders in", "orders/in", "é"):
            arn = f"arn:aws:kinesis:{region}:123456789012:stream/{name}"
            named = re.fullmatch(shape("kinesis", "StreamName")["pattern"], name)
            assert allows("streamArn", arn) == bool(named)
            assert not named or all(re.fullmatch(pattern, arn) for pattern in patterns)


def test_the_retention_is_that_of_the_stream_in_words() -> None:
    operations = model("kinesis")["operations"]
    longest = in_words(operations["IncreaseStreamRetentionPeriod"]["documentation"])
    shortest = in_words(operations["DecreaseStreamRetentionPeriod"]["documentation"])
    assert "The maximum value of a stream's retention period is 8760 hours" in longest
    assert "The minimum value of a stream's retention period is 24 hours" in shortest


def test_logs_are_kept_for_the_periods_that_the_service_lists() -> None:
    listed = in_words(shape("logs", "Days")["documentation"])
    (periods,) = re.findall(r"Possible values are: ([\d, and]+)\.", listed)
    assert list(LOG_RETENTION_DAYS) == [int(days) for days in re.findall(r"\d+", periods)]
    assert not allows("logRetentionDays", 2)


@pytest.mark.parametrize("key", MEMBERS)
def test_an_enumeration_has_the_services_members(key: str) -> None:
    service, name, names = MEMBERS[key]
    members = set(shape(service, name)["enum"])
    offered = members - NOT_OFFERED.get(key, set())
    assert {
        names.get(member, member) for member in RULES[key].allowed.removeprefix("one of ").split(", ")
    } == offered
    assert not [member for member in NOT_OFFERED.get(key, ()) if allows(key, member)]


def test_the_arn_of_a_key_is_one_for_every_service_that_is_given_it() -> None:
    longest = shape("logs", "KmsKeyId")["max"]  # the shortest of all
    assert longest == min(longest, shape("lambda", "KMSKeyArn")["max"], shape("kms", "KeyIdType")["max"])
    key = f"{KEY_PREFIX}{'a' * 128}"
    assert allows("kmsKeyArn", key)
    assert len(key) <= longest
    assert re.fullmatch(shape("lambda", "KMSKeyArn")["pattern"], key)
    assert not allows("kmsKeyArn", f"{KEY_PREFIX}{'a' * (longest - len(KEY_PREFIX) + 1)}")


def test_the_arn_of_a_boundary_is_one_for_iam() -> None:
    name, path = shape("iam", "policyNameType"), shape("iam", "policyPathType")["max"]
    longest = "n" * name["max"]
    assert allows("permissionsBoundaryArn", f"{POLICY_PREFIX}{longest}")
    assert not allows("permissionsBoundaryArn", f"{POLICY_PREFIX}{longest}n")
    folder = "p" * (path - 2) + "/"  # the path has a slash at its start too
    assert allows("permissionsBoundaryArn", f"{POLICY_PREFIX}{folder}{longest}")
    assert not allows("permissionsBoundaryArn", f"{POLICY_PREFIX}p{folder}{longest}")
    assert len(f"{POLICY_PREFIX}{folder}{longest}") <= shape("iam", "arnType")["max"]
    characters = [
        chr(code)
        for code in range(sys.maxunicode)
        if allows("permissionsBoundaryArn", POLICY_PREFIX + chr(code))
    ]
    assert all(re.fullmatch(name["pattern"], each, re.ASCII) for each in characters)


def test_the_names_of_a_stack_with_the_longest_name_are_short_enough() -> None:
    longest = "s" * 25
    assert parse(longest)
    functions = in_words(shape("lambda", "CreateFunctionRequest")["members"]["FunctionName"]["documentation"])
    assert "limited to 64 characters" in functions
    assert len(f"{longest}-DDBEventProcessor") <= min(64, shape("iam", "roleNameType")["max"])
    assert len(f"{longest}-EventProducer") <= shape("iam", "userNameType")["max"]
    assert len(f"{longest}-EventStream") <= shape("kinesis", "StreamName")["max"]
    assert len(f"{longest}-EventData-page_view") <= shape("dynamodb", "TableName")["max"]


@pytest.mark.parametrize(("service", "key", "value"), TAGS)
def test_a_tag_has_the_length_and_the_characters_of_every_service(service: str, key: str, value: str) -> None:
    for limits, length in ((shape(service, key), MAX_KEY_LENGTH), (shape(service, value), MAX_VALUE_LENGTH)):
        assert limits["max"] == length
        if "pattern" in limits:
            assert tagged_characters() <= characters_of(limits["pattern"])


def test_tags_have_iams_characters_all_of_them() -> None:
    for name in ("tagKeyType", "tagValueType"):
        assert tagged_characters() == characters_of(shape("iam", name)["pattern"])
    assert shape("iam", "tagListType")["max"] == MAX_TAGS + len(PROGRAM_KEYS)


@cache
def tagged_characters() -> frozenset[str]:
    return frozenset(each for each in every_character() if is_accepted(each))


def every_character() -> list[str]:
    return [chr(code) for code in range(0x10000)]


def is_accepted(character: str) -> bool:
    return not list(check_tags({"Team": character}, "dev"))


@cache
def characters_of(pattern: str) -> frozenset[str]:
    r"""Return the characters of a class such as `[\p{L}\p{N}_.:/=+\-@]*`, which Python's `re` does not read."""
    (members,) = re.findall(r"\[(.*)\]", pattern)
    categories = set(re.findall(r"\\p\{(\w)\}", members))
    literal = set(re.sub(r"\\p\{\w\}", "", members).replace("\\", ""))
    return frozenset(
        each for each in every_character() if unicodedata.category(each)[0] in categories or each in literal
    )
