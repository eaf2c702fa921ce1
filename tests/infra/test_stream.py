import json
import re
from typing import Any

import pulumi
import pytest

from infra.processor import READ_STREAM
from infra.producer import PUT
from infra.stream import SHARD_METRICS
from stack.project import read_project
from tests.infra.recorder import ACCOUNT, DEV_TAGS, KEY, PREVIOUS_KEY, Deployed, deploy

EXISTING = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders-in"
FOREIGN = "arn:aws:kinesis:us-east-1:111122223333:stream/orders-in"
STREAM_KEY = PREVIOUS_KEY


def test_dev_has_one_provisioned_shard_for_a_day(dev: Deployed) -> None:
    assert dev.one("Stream").inputs == {
        "name": "dev-EventStream",
        "streamModeDetails": {"streamMode": "PROVISIONED"},
        "shardCount": 1,
        "retentionPeriod": 24,
        "maxRecordSizeInKib": 1024,
        "shardLevelMetrics": [],
        "encryptionType": "KMS",
        "kmsKeyId": "alias/aws/kinesis",
        "tags": DEV_TAGS,
    }


def test_the_stream_of_prod_is_on_demand_and_retains_a_week(prod: Deployed) -> None:
    stream = prod.one("Stream").inputs
    assert stream["streamModeDetails"] == {"streamMode": "ON_DEMAND"}
    assert "shardCount" not in stream
    assert stream["retentionPeriod"] == 168


def test_shards_and_shard_metrics_come_from_the_configuration() -> None:
    stream = deploy(streamShards=4, streamShardMetrics=True).one("Stream").inputs
    assert stream["shardCount"] == 4
    assert stream["shardLevelMetrics"] == list(SHARD_METRICS)


def test_an_on_demand_stream_may_be_warmed(prod: Deployed) -> None:
    assert "warmThroughputMibPs" not in prod.one("Stream").inputs
    assert deploy("prod", streamWarmMiBps=30).one("Stream").inputs["warmThroughputMibPs"] == 30


def test_the_limit_of_a_record_is_known_to_the_stream_the_producer_and_the_operator() -> None:
    stack = deploy(streamMaxRecordKiB=4096)
    assert stack.one("Stream").inputs["maxRecordSizeInKib"] == 4096
    assert stack.outputs["max_record_kib"] == "4096"


def test_a_customer_key_encrypts_the_stream() -> None:
    assert deploy(kmsKeyArn=KEY).one("Stream").inputs["kmsKeyId"] == KEY


def test_only_prod_is_protected_from_pulumi_destroy(dev: Deployed, prod: Deployed) -> None:
    assert not dev.one("Stream").protect
    assert prod.one("Stream").protect


def test_a_stream_that_exists_takes_the_place_of_the_stacks_own() -> None:
    own, existing = deploy(), deploy(streamArn=EXISTING)
    assert {each.name for each in own.resources} - {each.name for each in existing.resources} == {
        "stream",
        "stream-stream",
    }
    assert len(existing.resources) == len(own.resources) - 2
    assert existing.outputs["stream_name"] == "orders-in"
    assert existing.outputs["stream_arn"] == EXISTING
    assert "stream_account" not in existing.outputs
    assert existing.one("EventSourceMapping").inputs["eventSourceArn"] == EXISTING
    assert existing.policy("processor-policy")["ReadStream"] == ("Allow", {*READ_STREAM}, {EXISTING})
    assert existing.policy("producer-policy") == {"PutRecords": ("Allow", {*PUT}, {EXISTING})}
    watched = [each.inputs["dimensions"] for each in existing.of("MetricAlarm")]
    assert [each["StreamName"] for each in watched if "StreamName" in each] == ["orders-in"]
    assert '"StreamName", "orders-in"' in existing.one("Dashboard").inputs["dashboardBody"]
    everything = json.dumps([each.inputs for each in existing.resources], default=str)
    assert "EventStream" not in everything


def test_the_key_of_a_stream_that_exists_is_used_through_it_and_for_nothing_else() -> None:
    stack = deploy(streamArn=EXISTING, streamKeyArn=STREAM_KEY, kmsKeyArn=KEY)
    function, producer = stack.policy("processor-policy"), stack.policy("producer-policy")
    assert function["DecryptStream"] == ("Allow", {"kms:Decrypt"}, {STREAM_KEY})
    assert producer["EncryptRecords"] == ("Allow", {"kms:GenerateDataKey"}, {STREAM_KEY})
    assert [sid for sid, (_, _, arns) in function.items() if STREAM_KEY in arns] == ["DecryptStream"]
    assert function["UseTableKey"][2] == function["EncryptQuarantine"][2] == {KEY}
    for conditions in (
        stack.conditions("processor-policy")["DecryptStream"],
        stack.conditions("producer-policy")["EncryptRecords"],
    ):
        assert conditions["StringEquals"]["kms:EncryptionContext:aws:kinesis:arn"] == EXISTING
    keyless = deploy(streamArn=EXISTING, kmsKeyArn=KEY)
    assert "DecryptStream" not in keyless.policy("processor-policy")
    assert "EncryptRecords" not in keyless.policy("producer-policy")


def test_the_record_size_of_a_stream_that_exists_is_known_to_the_producer() -> None:
    assert deploy(streamArn=EXISTING, streamMaxRecordKiB=4096).outputs["max_record_kib"] == "4096"


def test_a_stack_that_has_its_own_stream_keeps_it(dev: Deployed) -> None:
    urn = dev.one("Stream").urn
    own = "stream-processing:infra:EventStream$aws:kinesis/stream:Stream::stream-stream"
    project = read_project()["name"]
    assert urn == f"urn:pulumi:dev::{project}::{own}"
    with pytest.raises(pulumi.RunError) as error:
        deploy(streamArn=EXISTING, state={urn: {"outputs": {"name": "dev-EventStream"}}})
    message = str(error.value)
    assert message.startswith(
        "The stack has its own stream, dev-EventStream, which streamArn would delete with its records, so it was not"
    )
    assert f"pulumi state move '{urn}' --source dev --dest dev-kept" in message
    # A stream that something else in the program declares is none of the stack's own.
    other = f"urn:pulumi:dev::{project}::aws:kinesis/stream:Stream::added"
    assert deploy(streamArn=EXISTING, state={other: {"outputs": {"name": "added"}}}).of("Stream") == []
    assert deploy(state={urn: {"outputs": {"name": "dev-EventStream"}}}).one("Stream")


def test_the_mapping_of_a_stream_with_other_readers_is_watched_by_its_own_polls() -> None:
    def alarm(stack: Deployed) -> tuple[str, str, set[str]]:
        inputs = stack.named("monitoring-StreamNotRead").inputs
        return inputs["metricName"], inputs["statistic"], {*inputs["dimensions"]}

    assert alarm(deploy()) == ("GetRecords.Success", "Sum", {"StreamName"})
    assert alarm(deploy(streamArn=EXISTING)) == (
        "PolledEventCount",
        "SampleCount",
        {"EventSourceMappingUUID"},
    )


def test_the_policy_that_another_accounts_stream_needs_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    stack = deploy("prod", streamArn=FOREIGN, streamKeyArn=KEY, alarmEmail="a@octo.dev")
    [warning] = warnings
    assert "belongs to account 111122223333" in warning
    assert f"{KEY} must allow account {ACCOUNT} the same way" in warning
    command = re.search(r"--resource-arn (\S+) --policy '(.*)'$", warning, re.MULTILINE)
    assert command
    assert command[1] == FOREIGN

    def statement(sid: str, actions: tuple[str, ...], identity: str) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": ACCOUNT},
            "Action": [*actions],
            "Resource": FOREIGN,
            "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:{identity}"}},
        }

    assert json.loads(command[2])["Statement"] == [
        statement("Read", READ_STREAM, "role/prod-DDBEventProcessor"),
        statement("Put", PUT, "user/prod-EventProducer"),
    ]
    assert stack.outputs["stream_account"] == "111122223333"
    # Its metrics are in its own account, where alarms of this stack see nothing.
    alarms = {each.name: each.inputs for each in stack.of("MetricAlarm")}
    assert not [name for name, alarm in alarms.items() if "StreamName" in alarm["dimensions"]]
    assert "monitoring-StreamNotRead" in alarms
    deploy("prod", streamArn=FOREIGN, producerIdentity="none", alarmEmail="a@octo.dev")
    assert "EventProducer" not in warnings[1]
    assert "key" not in warnings[1]
    deploy("prod", streamArn=EXISTING, alarmEmail="a@octo.dev")
    assert len(warnings) == 2
