"""`status` shows failures, and what an operator is not allowed to read."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from local.pulumi.deploy import deploy
from ops.aws.stack import Stack
from ops.health.check import State
from ops.health.checks import run_checks
from stack.project import PROJECT, full_key
from tests.ops.conftest import CONFIG
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually


def states(stack: DeployedStack) -> dict[str, str]:
    """The state of each check; of several with one name the last."""
    return {check["name"]: check["state"] for check in stack.json("status")["checks"]}


def test_a_healthy_stack_ends_the_command_with_0(fresh: DeployedStack, user: str) -> None:
    assert states(fresh)["Invocations"] == "no data"
    fresh.put(tweet(user))
    eventually(lambda: states(fresh)["Invocations"] == "ok")
    result = fresh.ops("status")
    assert result.exit_code == 0, result.stdout
    assert f"Healthy: {fresh.outputs['function_name']} in us-east-1." in result.stdout
    assert f"{fresh.outputs['stream_name']} ACTIVE, provisioned, 1 shard" in result.stdout
    assert "pulumi config set alarms true" in result.stdout
    assert set(states(fresh).values()) <= {"ok", "no data", "warning"}


def test_a_stream_that_distributes_records_itself_keeps_no_order(stack: DeployedStack) -> None:
    """Local AWS knows no such stream: the answer says so in its place."""

    def distribute(parsed: dict[str, Any], **_: Any) -> None:
        parsed["StreamDescriptionSummary"]["RecordDistributionStrategy"] = "AUTO"

    watched = Stack({}, lambda: stack.outputs, stack.aws.endpoint)
    assert "Order" not in {check.name for check in run_checks(watched)}
    watched.kinesis.meta.events.register("after-call.kinesis.DescribeStreamSummary", distribute)
    (order,) = [check for check in run_checks(watched) if check.name == "Order"]
    assert order.state is State.WARNING
    assert "whatever their partition keys" in order.text


def test_a_metric_without_data_is_not_zero(stack: DeployedStack) -> None:
    stack.kinesis.create_stream(StreamName="quiet", ShardCount=1)
    out = stack.ops("status", "--stream-name", "quiet").stdout
    stack.kinesis.delete_stream(StreamName="quiet")
    (line,) = [line for line in out.splitlines() if line.startswith("Put")]
    assert line.split()[1:3] == ["no", "data"]


def test_a_check_without_permission_is_unknown_and_the_stack_not_healthy(stack: DeployedStack) -> None:
    with stack.operator("kinesis:DescribeStreamSummary") as environment:
        result = stack.ops_as(environment, "status")
    assert result.exit_code == 1
    assert "dev-EventStream ACTIVE" in result.stdout
    assert "unknown: you are not allowed to call GetMetricData" in " ".join(result.stdout.split())
    assert "Health unknown" in result.stdout


def checks(stack: DeployedStack, *options: str) -> dict[str, dict[str, str]]:
    """Each check by its name."""
    return {check["name"]: check for check in stack.json("status", *options)["checks"]}


def test_a_mapping_that_may_not_read_the_stream_needs_its_role_back_and_no_rollback(
    fresh: DeployedStack, user: str
) -> None:
    iam, role = fresh.aws.client("iam"), fresh.outputs["function_name"]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        eventually(lambda: checks(fresh)["Mapping"]["state"] == "bad")
        remedy = checks(fresh)["Mapping"]["next"]
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert remedy.startswith("`pulumi up --refresh ")
    fresh.put(tweet(user, 1))
    eventually(lambda: checks(fresh)["Mapping"]["state"] == "ok")


def test_a_disabled_mapping_is_bad_and_what_waits_on_the_stream_is_counted(
    fresh: DeployedStack, user: str
) -> None:
    fresh.put(*(tweet(user, number) for number in range(3)))
    eventually(lambda: checks(fresh)["Backlog"]["text"].startswith("3 put, 3 received in"))
    with fresh.mapping(Enabled=False):
        eventually(lambda: not all(mapping.enabled for mapping in fresh.aws.mappings()))
        fresh.put(*(tweet(user, number) for number in range(4)))
        results = checks(fresh)
        assert fresh.ops("status").exit_code == 1
    assert results["Mapping"]["state"] == "bad"
    assert results["Backlog"] == {
        "name": "Backlog",
        "state": "bad",
        "text": "7 put, 3 received in the last 5 minutes: 4 not yet received, and nothing reads the stream",
        "next": f"`pulumi up --refresh --stack {fresh.outputs['function_name'].removesuffix('-DDBEventProcessor')}`",
    }
    assert checks(fresh)["Mapping"]["state"] == "ok"


def test_what_was_put_is_received_or_filtered(fresh: DeployedStack, user: str) -> None:
    filters = {"Filters": [{"Pattern": '{"data": {"lang": ["en"]}}'}]}
    with fresh.mapping(FilterCriteria=filters):
        others = [tweet(user, number, lang="de") for number in range(2)]
        eventually(
            lambda: (
                fresh.put(*others, tweet(user, 7))  # type: ignore[func-returns-value]
                or ", 0 filtered" not in checks(fresh)["Backlog"]["text"]
            )
        )
        put = len(fresh.on_stream())

        def sums() -> list[int]:
            text = checks(fresh)["Backlog"]["text"].partition(" in the last")[0]
            counts = {name: number for number, name in (part.split() for part in text.split(", "))}
            return [int(counts["put"]), int(counts["received"]) + int(counts["filtered"])]

        eventually(lambda: sums() == [put, put])
        assert checks(fresh)["Mapping"]["text"].endswith(", 1 filter")
    assert "filter" not in checks(fresh)["Mapping"]["text"]
    assert sums() == [put, put], "what was filtered stays in the sum after the filters are gone"


def publish(stack: DeployedStack, metric: str, minutes_ago: float, value: float) -> None:
    """Publish a value of a metric of the stack's stream, function or mapping."""
    (mapping,) = stack.lambda_.list_event_source_mappings(FunctionName=stack.outputs["function_name"])[
        "EventSourceMappings"
    ]
    namespace, dimension, name = {
        "IncomingRecords": ("AWS/Kinesis", "StreamName", stack.outputs["stream_name"]),
        "IteratorAge": ("AWS/Lambda", "FunctionName", stack.outputs["function_name"]),
        "PolledEventCount": ("AWS/Lambda", "EventSourceMappingUUID", mapping["UUID"]),
    }[metric]
    data = {
        "MetricName": metric,
        "Dimensions": [{"Name": dimension, "Value": name}],
        "Timestamp": time.time() - 60 * minutes_ago,
        "Value": value,
    }
    stack.aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])


def test_a_mapping_that_catches_up_has_not_received_everything(fresh: DeployedStack) -> None:
    publish(fresh, "IncomingRecords", 10, 29_253)
    publish(fresh, "IncomingRecords", 2, 1_747)
    publish(fresh, "PolledEventCount", 2, 9_000)
    publish(fresh, "IteratorAge", 2, 14 * 60_000)
    results = checks(fresh)
    assert (results["Iterator age"]["state"], results["Backlog"]["state"]) == ("bad", "warning")
    assert results["Iterator age"]["text"].startswith("14 min")
    assert re.fullmatch(
        r"1,747 put, 9,000 received in the last 5 minutes; up to 31,000 of the last 1[67] min not yet received",
        results["Backlog"]["text"],
    )
    publish(fresh, "IteratorAge", 0.1, 300)
    caught_up = checks(fresh)["Backlog"]
    text = "1,747 put, 9,000 received in the last 5 minutes, earlier ones too"
    assert (caught_up["state"], caught_up["text"]) == ("ok", text)


def test_the_backlog_is_a_warning_while_old_records_are_received_and_none_are_put(
    fresh: DeployedStack,
) -> None:
    publish(fresh, "IteratorAge", 1, 14 * 60_000)
    backlog = checks(fresh)["Backlog"]
    assert (backlog["state"], backlog["text"]) == ("warning", "0 put, 0 received in the last 5 minutes")


def test_the_iterator_age_is_shown_to_whoever_may_not_list_the_mappings(
    stack: DeployedStack, user: str
) -> None:
    stack.put(tweet(user))
    with stack.operator("cloudwatch:GetMetricData") as environment:
        result = stack.ops_as(environment, "status", "--json")
    results = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert results["Iterator age"]["state"] != "unknown"
    assert "not allowed to call ListEventSourceMappings" in results["Backlog"]["text"]


def test_each_check_is_listed_once_for_whoever_may_not_read_metrics(stack: DeployedStack) -> None:
    with stack.operator("lambda:GetFunctionConfiguration", "lambda:GetAlias") as environment:
        result = stack.ops_as(environment, "status", "--json")
    results = json.loads(result.stdout)["checks"]
    names = [check["name"] for check in results]
    assert len(names) == len(set(names)), names
    states = {check["name"]: check["state"] for check in results}
    assert (states["Function"], states["Duration"]) == ("ok", "unknown")


def test_an_old_figure_says_how_old_it_is(stack: DeployedStack, user: str) -> None:
    stack.aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "IteratorAge",
                "Dimensions": [{"Name": "FunctionName", "Value": user}],
                "Timestamp": time.time() - 240,
                "Value": 70,
            }
        ],
    )
    age = checks(stack, "--function-name", user)["Iterator age"]
    assert age["state"] == "old"
    assert re.fullmatch(r"70 ms, at most 70 ms, [45] min ago", age["text"])


def test_the_mappings_are_listed_once_for_all_checks(stack: DeployedStack) -> None:
    watched, calls = Stack({}, lambda: stack.outputs, stack.aws.endpoint), []
    event = "before-call.lambda.ListEventSourceMappings"
    watched.lambda_.meta.events.register(event, lambda **call: calls.append(call["params"]))
    assert {"Backlog", "Mapping", "Dropped"} <= {check.name for check in run_checks(watched)}
    assert len(calls) == 1


def test_a_missing_table_is_named_with_the_next_step(stack: DeployedStack) -> None:
    table = checks(stack, "--table-name", "dev-Missing")["Table"]
    assert (table["state"], table["text"]) == ("bad", "dev-Missing is missing")
    assert table["next"] == "`pulumi up --refresh --stack dev`"


def test_each_bad_line_names_the_next_step(stack: DeployedStack) -> None:
    names = ("stream-name", "table-name", "function-name", "access-key")
    options = [f"--{name}=AKIAMISSINGMISSING00" for name in names]
    bad = [check for check in stack.json("status", *options)["checks"] if check["state"] == "bad"]
    assert len(bad) >= 4
    assert all(check["next"] for check in bad), bad


def test_a_firing_alarm_makes_the_stack_unhealthy(stack: DeployedStack) -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    alarm = {"AlarmName": "dev-IteratorAge", "StateReason": "a test"}

    def is_shown() -> bool:
        # Local AWS evaluates alarms anew at each metric, in between too.
        cloudwatch.set_alarm_state(**alarm, StateValue="ALARM")
        result = stack.ops("status")
        text = "dev-IteratorAge in ALARM: The function is more than a minute behind"
        return result.exit_code == 1 and text in " ".join(result.stdout.split())

    eventually(is_shown)
    cloudwatch.set_alarm_state(**alarm, StateValue="OK")


def test_an_object_in_quarantine_is_a_warning(stack: DeployedStack) -> None:
    stack.put(b"not json")
    assert stack.quarantined(1)
    assert "1 object" in stack.ops("status").stdout
    assert states(stack)["Quarantine"] == "warning"


def test_objects_in_quarantine_are_counted_up_to_a_limit(
    stack: DeployedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put(b"not json", b"not json either")
    assert stack.quarantined(2)
    assert checks(stack)["Quarantine"]["text"].startswith("2 objects, ")

    monkeypatch.setattr("ops.health.checks.MAX_COUNTED", 1)

    assert checks(stack)["Quarantine"]["text"] == "more than 1 objects"


def test_a_batch_that_lambda_could_not_quarantine_is_lost(stack: DeployedStack, user: str) -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    failure = {
        "MetricName": "DestinationDeliveryFailures",
        "Dimensions": [{"Name": "FunctionName", "Value": user}],
        "Value": 1,
    }
    cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[failure])
    dropped = checks(stack, "--function-name", user)["Dropped"]
    assert dropped["state"] == "bad"
    assert dropped["text"] == "neither stored nor in quarantine: 0 dropped, 1 write to quarantine failed"


@pytest.mark.parametrize("missing", ["--stream-name", "--table-name", "--function-name", "--access-key"])
def test_a_missing_resource_makes_the_stack_unhealthy(stack: DeployedStack, missing: str) -> None:
    result = stack.ops("status", missing, "AKIAMISSINGMISSING00")
    assert result.exit_code == 1
    assert "Not healthy" in result.stdout


def test_alarms_that_nobody_hears_are_a_warning(stack: DeployedStack) -> None:
    alarms = [check for check in stack.json("status")["checks"] if check["name"] == "Alarms"]
    (unheard,) = (check for check in alarms if check["text"] == "nobody is subscribed")
    assert unheard["state"] == "warning"
    assert "pulumi config set alarmEmail ADDRESS" in unheard["next"]


def test_a_stack_with_a_policy_and_provisioned_capacity_shows_both(
    deployed: DeployedStack, tmp_path: Path
) -> None:
    settings = {
        "tableMode": "provisioned",
        "tableMinWriteCapacity": 20,
        "producerIdentity": "policy",
        "alarmEmail": "on-call@company.io",
    }
    config = CONFIG | {full_key(key): value for key, value in settings.items()}
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
