"""`status`: it shows what is wrong, and what it cannot know."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.deploy import deploy
from tests.ops.conftest import CONFIG
from tests.ops.stack import PROJECT, DeployedStack, tweet
from tests.waiting import eventually


def states(stack: DeployedStack) -> dict[str, str]:
    """The state of each check; of several with one name the last."""
    return {check["name"]: check["state"] for check in stack.json("status")["checks"]}


@pytest.fixture
def fresh(deployed: DeployedStack, tmp_path: Path) -> Iterator[DeployedStack]:
    """A stack of its own, in which nothing has gone wrong."""
    # Local AWS evaluates an alarm on the metrics of all stacks: this one goes without.
    config = CONFIG | {"stream-processing:alarms": False}
    deployment = deploy("fresh", PROJECT, config, deployed.aws.endpoint)
    yield DeployedStack(deployed.aws, deployment.outputs, tmp_path)
    deployment.destroy()


def test_a_healthy_stack(fresh: DeployedStack, user: str) -> None:
    assert states(fresh)["Invocations"] == "no data"
    fresh.put(tweet(user))
    assert eventually(lambda: states(fresh)["Invocations"] == "ok")
    result = fresh.ops("status")
    assert result.exit_code == 0, result.stdout
    assert "Healthy: fresh-DDBEventProcessor in us-east-1." in result.stdout
    assert "fresh-EventStream ACTIVE, provisioned, 1 shard" in result.stdout
    assert "off: pulumi config set alarms true" in result.stdout
    assert set(states(fresh).values()) <= {"ok", "no data", "warning"}


def test_a_metric_without_data_is_not_zero(stack: DeployedStack) -> None:
    stack.kinesis.create_stream(StreamName="quiet", ShardCount=1)
    out = stack.ops("status", "--stream-name", "quiet").stdout
    stack.kinesis.delete_stream(StreamName="quiet")
    (line,) = [line for line in out.splitlines() if line.startswith("Put")]
    assert line.split()[1:3] == ["no", "data"]


def test_what_is_not_permitted_is_not_known_and_not_healthy(stack: DeployedStack) -> None:
    with stack.operator("kinesis:DescribeStreamSummary") as environment:
        result = stack.ops_as(environment, "status")
    assert result.exit_code == 1
    assert "dev-EventStream ACTIVE" in result.stdout
    assert "unknown: you are not allowed to call GetMetricData" in " ".join(result.stdout.split())
    assert "Health unknown" in result.stdout


def test_a_disabled_mapping(stack: DeployedStack) -> None:
    with stack.mapping(Enabled=False):
        assert states(stack)["Mapping"] == "bad"
        assert stack.ops("status").exit_code == 1
    assert states(stack)["Mapping"] == "ok"


def test_an_alarm_that_rings(stack: DeployedStack) -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    alarm = {"AlarmName": "dev-IteratorAge", "StateReason": "a test"}
    cloudwatch.set_alarm_state(**alarm, StateValue="ALARM")
    result = stack.ops("status")
    cloudwatch.set_alarm_state(**alarm, StateValue="OK")
    assert result.exit_code == 1
    assert "dev-IteratorAge in ALARM: The function is more than a minute behind" in " ".join(
        result.stdout.split()
    )


def test_what_is_in_quarantine(stack: DeployedStack) -> None:
    stack.put(b"not json")
    assert stack.quarantined(1)
    assert "1 object" in stack.ops("status").stdout
    assert states(stack)["Quarantine"] == "warning"


def test_a_batch_that_the_quarantine_bucket_refused(stack: DeployedStack, user: str) -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    refused = {
        "MetricName": "DestinationDeliveryFailures",
        "Dimensions": [{"Name": "FunctionName", "Value": user}],
        "Value": 1,
    }
    cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[refused])
    checks = stack.json("status", "--function-name", user)["checks"]
    (dropped,) = (check for check in checks if check["name"] == "Dropped")
    assert dropped["state"] == "bad"
    assert dropped["text"] == "records are lost: 0 dropped, 1 write to quarantine refused"


@pytest.mark.parametrize("missing", ["--stream-name", "--table-name", "--function-name", "--access-key"])
def test_a_resource_that_is_gone(stack: DeployedStack, missing: str) -> None:
    result = stack.ops("status", missing, "AKIAGONEGONEGONEGONE")
    assert result.exit_code == 1
    assert "Not healthy" in result.stdout


def test_alarms_that_nobody_hears_are_a_warning(stack: DeployedStack) -> None:
    texts = [check["text"] for check in stack.json("status")["checks"] if check["name"] == "Alarms"]
    assert any("nobody is subscribed: pulumi config set alarmEmail" in text for text in texts)


def test_a_stack_with_a_policy_and_provisioned_capacity(deployed: DeployedStack, tmp_path: Path) -> None:
    settings = {
        "tableMode": "provisioned",
        "tableMinWriteCapacity": 20,
        "producerIdentity": "policy",
        "alarmEmail": "on-call@company.io",
    }
    config = CONFIG | {f"stream-processing:{key}": value for key, value in settings.items()}
    deployment = deploy("scaled", PROJECT, config, deployed.aws.endpoint)
    try:
        stack = DeployedStack(deployed.aws, deployment.outputs, tmp_path)
        texts: dict[str, str] = {}
        for check in stack.json("status")["checks"]:
            texts[check["name"]] = texts.get(check["name"], "") + check["text"]
        assert "20 write units" in texts["Table"]
        assert ":policy/scaled-PutEvents" in texts["Access key"]
        assert "nobody" not in texts["Alarms"]
    finally:
        deployment.destroy()
