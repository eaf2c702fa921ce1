"""Resource types check properties, and tell changes and replacements apart; without AWS."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from local.errors import ProviderConfigError
from local.pulumi.provider.aws import SERVICES, Aws
from local.pulumi.provider.schema import UNKNOWN
from local.pulumi.resources import RESOURCES

NOWHERE = Aws("us-east-1", "test", "test", {})
STREAM: dict[str, Any] = {"name": "events", "shardCount": 1.0}
TABLE: dict[str, Any] = {
    "name": "Events",
    "hashKey": "Username",
    "rangeKey": "Id",
    "attributes": [{"name": "Username", "type": "S"}, {"name": "Id", "type": "S"}],
    "billingMode": "PAY_PER_REQUEST",
}
ALARM: dict[str, Any] = {
    "name": "Age",
    "namespace": "AWS/Lambda",
    "metricName": "IteratorAge",
    "statistic": "Maximum",
    "comparisonOperator": "GreaterThanThreshold",
    "threshold": 60000.0,
    "period": 60.0,
    "evaluationPeriods": 5.0,
}


def wrong(token: str, **inputs: Any) -> list[str]:
    _, found = RESOURCES[token](NOWHERE).check("x", inputs)
    return [str(error) for error in found]


def accepted(token: str, **inputs: Any) -> dict[str, Any]:
    found, errors = RESOURCES[token](NOWHERE).check("x", inputs)
    assert not errors
    return found


def policy(*actions: str, resource: str | list[str] = "*") -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}]})


KINESIS = "aws:kinesis/stream:Stream"
DYNAMODB = "aws:dynamodb/table:Table"
FUNCTION = "aws:lambda/function:Function"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
METRIC_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.mark.parametrize(
    ("token", "inputs", "error"),
    [
        (
            KINESIS,
            STREAM | {"shards": 1},
            "shards: is not a property that local AWS implements for this type",
        ),
        (KINESIS, STREAM | {"name": "a b"}, "name: 'a b' does not match [a-zA-Z0-9_.-]{1,128}"),
        (KINESIS, STREAM | {"shardCount": 1.5}, "shardCount: 1.5 is not a whole number"),
        (KINESIS, STREAM | {"shardCount": True}, "shardCount: True is not a whole number"),
        (KINESIS, STREAM | {"retentionPeriod": 23.0}, "retentionPeriod: 23 is less than 24"),
        (KINESIS, STREAM | {"retentionPeriod": 8761.0}, "retentionPeriod: 8761 is more than 8760"),
        (KINESIS, STREAM | {"tags": ["a"]}, "tags: ['a'] is not a map"),
        (KINESIS, STREAM | {"tags": {"a": 1.0}}, "tags.a: 1.0 is not a string"),
        (
            KINESIS,
            STREAM | {"streamModeDetails": {"streamMode": "ONDEMAND"}},
            "streamModeDetails.streamMode: 'ONDEMAND' is not one of PROVISIONED, ON_DEMAND",
        ),
        (KINESIS, STREAM | {"streamModeDetails": {}}, "streamModeDetails.streamMode: is required"),
        (
            KINESIS,
            STREAM | {"streamModeDetails": {"streamMode": "ON_DEMAND"}},
            "shardCount: is not allowed for a stream in ON_DEMAND mode",
        ),
        (KINESIS, {"name": "events"}, "shardCount: is required for a stream in PROVISIONED mode"),
        (DYNAMODB, TABLE | {"ttl": {"attribute": "x"}}, "ttl.attribute: is not a property"),
        (DYNAMODB, TABLE | {"attributes": []}, "attributes: has 0 items; AWS accepts at least 1"),
        (
            DYNAMODB,
            TABLE | {"attributes": [{"name": "Username", "type": "string"}]},
            "attributes[0].type: 'string' is not one of S, N, B",
        ),
        (
            DYNAMODB,
            TABLE | {"attributes": [{"name": "Username", "type": "S"}]},
            "attributes: must define the key attributes and no others: Id, Username",
        ),
        (ROLE_POLICY, {"role": "r", "policy": "{"}, "policy: is not JSON"),
        (ROLE_POLICY, {"policy": "{}"}, "role: is required"),
        (METRIC_ALARM, ALARM | {"datapointsToAlarm": 6.0}, "datapointsToAlarm: 6 is more than"),
        (METRIC_ALARM, ALARM | {"statistic": None}, "statistic: is required"),
        (
            FUNCTION,
            {"code": pulumi.FileArchive("/nowhere")},
            "code: is neither an AssetArchive nor a FileArchive of a folder",
        ),
        (
            FUNCTION,
            {"code": pulumi.AssetArchive({"a.py": pulumi.FileAsset("/nowhere.py")})},
            "code.a.py: file /nowhere.py does not exist",
        ),
    ],
)
def test_rejects_inputs_naming_the_property_and_the_reason(
    token: str, inputs: dict[str, Any], error: str
) -> None:
    assert any(one.startswith(error) for one in wrong(token, **inputs)), wrong(token, **inputs)


def test_names_every_property_that_is_wrong() -> None:
    assert len(wrong(KINESIS, name="a b", shardCount=0.0, colour="red")) == 3


@pytest.mark.parametrize("key", ["name", "hashKey", "rangeKey", "attributes", "billingMode", "ttl", "tags"])
def test_a_value_that_a_preview_does_not_know_is_accepted_and_stays_unknown(key: str) -> None:
    assert accepted(DYNAMODB, **TABLE | {key: UNKNOWN})[key] == UNKNOWN


def test_numbers_come_as_floats_and_become_integers() -> None:
    assert repr(accepted(KINESIS, **STREAM)["shardCount"]) == "1"


def test_defaults_are_those_of_the_aws_provider() -> None:
    assert accepted(KINESIS, **STREAM) == {
        "name": "events",
        "shardCount": 1,
        "retentionPeriod": 24,
        "streamModeDetails": {"streamMode": "PROVISIONED"},
        "encryptionType": "NONE",
    }


class TestGeneratedNames:
    kind = RESOURCES[KINESIS](NOWHERE)

    def generated(self, before: dict[str, Any] | None = None, seed: bytes = b"") -> str:
        return str(self.kind.check("events", {"shardCount": 1.0}, before, seed)[0]["name"])

    def test_start_with_the_name_of_the_resource(self) -> None:
        assert self.generated().startswith("events-")

    def test_are_the_same_in_preview_and_update(self) -> None:
        assert self.generated(seed=b"1") == self.generated(seed=b"1") != self.generated(seed=b"2")

    def test_stay_from_one_deployment_to_the_next(self) -> None:
        assert self.generated(before={"name": "events-0123456"}) == "events-0123456"

    def test_leave_a_prefix_to_aws(self) -> None:
        assert "bucket" not in accepted("aws:s3/bucket:Bucket", bucketPrefix="events-")


REPLACING = {
    KINESIS: {"name"},
    DYNAMODB: {"name", "hashKey", "rangeKey"},
    "aws:s3/bucket:Bucket": {"bucket", "bucketNamespace", "bucketPrefix"},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {"bucket"},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {"bucket"},
    "aws:s3/bucketVersioning:BucketVersioning": {"bucket"},
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {"bucket"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"bucket"},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket"},
    "aws:cloudwatch/logGroup:LogGroup": {"name"},
    "aws:iam/role:Role": {"name"},
    ROLE_POLICY: {"name", "role"},
    "aws:iam/user:User": {"name"},
    "aws:iam/userPolicy:UserPolicy": {"name", "user"},
    "aws:iam/accessKey:AccessKey": {"user"},
    "aws:iam/policy:Policy": {"name"},
    # AWS can change the clients and the tags; ministack cannot.
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {"url", "clientIdLists", "tags"},
    "aws:kms/key:Key": set(),
    "aws:kms/alias:Alias": {"name"},
    "aws:appautoscaling/target:Target": {"serviceNamespace", "scalableDimension", "resourceId"},
    "aws:appautoscaling/policy:Policy": {"serviceNamespace", "scalableDimension", "resourceId", "name"},
    FUNCTION: {"name"},
    "aws:lambda/alias:Alias": {"functionName", "name"},
    MAPPING: {"eventSourceArn", "startingPosition"},
    "aws:sns/topic:Topic": {"name"},
    "aws:sns/topicPolicy:TopicPolicy": {"arn"},
    "aws:sns/topicSubscription:TopicSubscription": {"topic", "protocol", "endpoint"},
    METRIC_ALARM: {"name"},
    "aws:cloudwatch/dashboard:Dashboard": {"dashboardName"},
}


def test_these_inputs_replace_and_all_others_update_in_place() -> None:
    replacing = {
        token: {key for key, kind in implementation.inputs.items() if kind.replaces}
        for token, implementation in RESOURCES.items()
    }
    assert replacing == REPLACING


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (policy("s3:Get*", "s3:List*"), policy("s3:List*", "s3:Get*")),
        (policy("s3:Get*", resource="a"), policy("s3:Get*", resource=["a"])),
        ('{"Version":"2012-10-17","Id":"x"}', '{ "Id": "x", "Version": "2012-10-17" }'),
    ],
)
def test_the_layout_of_a_policy_is_no_change(actual: str, wanted: str) -> None:
    state, inputs = {"policy": actual}, {"policy": wanted}
    assert RESOURCES[ROLE_POLICY](NOWHERE).unchanged("policy", state, inputs["policy"])


def test_a_policy_that_a_preview_does_not_know_is_a_change() -> None:
    state = {"policy": policy("s3:Get*")}
    assert not RESOURCES[ROLE_POLICY](NOWHERE).unchanged("policy", state, UNKNOWN)


@pytest.mark.parametrize(
    ("key", "actual", "wanted", "same"),
    [
        ("functionName", "arn:aws:lambda:us-east-1:000000000000:function:f", "f", True),
        ("functionName", "arn:aws:lambda:us-east-1:000000000000:function:f", "g", False),
        ("functionName", "arn:aws:lambda:us-east-1:000000000000:function:f", "f:live", False),
        (
            "functionName",
            "arn:aws:lambda:us-east-1:000000000000:function:f:live",
            "arn:aws:lambda:us-east-1:000000000000:function:g:live",
            False,
        ),
        ("functionResponseTypes", [], None, True),
        ("functionResponseTypes", ["ReportBatchItemFailures"], None, False),
        ("destinationConfig", {}, None, True),
        ("destinationConfig", {"onFailure": {"destinationArn": "a"}}, None, False),
        (
            "destinationConfig",
            {"onFailure": {"destinationArn": "a"}},
            {"onFailure": {"destinationArn": UNKNOWN}},
            False,
        ),
        ("batchSize", 100, 100, True),
        ("batchSize", 100, UNKNOWN, False),
        ("tags", {}, None, True),
        ("tags", {"by": "hand"}, None, False),
    ],
)
def test_a_change_of_a_mapping_is_recognised(key: str, actual: Any, wanted: Any, same: bool) -> None:
    assert RESOURCES[MAPPING](NOWHERE).unchanged(key, {key: actual}, wanted) is same


VALID = {"region": "us-east-1", "accessKey": "a", "secretKey": "s", "skipMetadataApiCheck": "true"}


class TestConfiguration:
    def test_is_the_one_of_the_aws_provider(self) -> None:
        endpoints = '[{"kinesis": "http://127.0.0.1:1", "s3": "http://127.0.0.1:2"}]'
        aws = Aws.configured(VALID | {"endpoints": endpoints})
        assert (aws.region, aws.access_key, aws.secret_key) == ("us-east-1", "a", "s")
        assert aws.endpoints == {"kinesis": "http://127.0.0.1:1", "s3": "http://127.0.0.1:2"}

    def test_of_the_local_stack_reaches_every_service(self) -> None:
        stack = yaml.safe_load((Path(__file__).parents[3] / "Pulumi.local.yaml").read_text())
        config = {key[4:]: value for key, value in stack["config"].items() if key.startswith("aws:")}
        # AWS's own plugin reads the tags of buckets by S3 Control.
        assert set(Aws.configured(config).endpoints) == {*SERVICES, "s3control"}

    @pytest.mark.parametrize("key", ["region", "accessKey", "secretKey"])
    def test_must_say_where_and_who(self, key: str) -> None:
        with pytest.raises(ProviderConfigError, match=f"aws:{key} is not set"):
            Aws.configured({name: value for name, value in VALID.items() if name != key})

    def test_must_not_say_what_is_not_done(self) -> None:
        with pytest.raises(ProviderConfigError, match="aws:assumeRoles is not implemented"):
            Aws.configured(VALID | {"assumeRoles": "[]"})

    def test_takes_what_it_does_not_name_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "ASIA",
            "AWS_SECRET_ACCESS_KEY": "of the session",
            "AWS_SESSION_TOKEN": "token",
        }.items():
            monkeypatch.setenv(name, value)
        aws = Aws.configured({"region": "us-east-1"})
        assert (aws.access_key, aws.secret_key, aws.token) == ("ASIA", "of the session", "token")
        assert aws.endpoints == dict.fromkeys(SERVICES, "http://127.0.0.1:9")
        named = Aws.configured(VALID | {"endpoints": [{"s3": "http://127.0.0.1:10"}]})
        assert (named.access_key, named.token) == (VALID["accessKey"], None)
        assert named.endpoints == {"s3": "http://127.0.0.1:10"}

    def test_reaches_no_service_without_an_endpoint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        with pytest.raises(ProviderConfigError, match="aws:endpoints has no endpoint for kinesis"):
            _ = Aws.configured(VALID).kinesis
