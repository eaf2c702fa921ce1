"""`size`: the plan for a load, its quotas and its commands."""

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from event import types as event_types
from ops.cli import cli
from ops.planning import cost
from ops.planning import prices as price_list
from ops.planning.cost import load_settings
from ops.planning.estimate import Load
from ops.planning.plan import Plan, make_plan
from ops.terminal.display import wrap_command
from stack.project import full_key
from stack.settings import CapacitySettings, Settings
from tests.ops.planning.test_cost import EXISTING


def planned(rate: float, size: int = 500, region: str = "us-east-1", base: Settings | None = None) -> Plan:
    return make_plan(base or load_settings("dev"), Load(rate, size), price_list.load(), region)


def values(plan: Plan) -> dict[str, str]:
    return {item.name: item.value for item in plan.items}


def run(*arguments: str) -> str:
    return CliRunner().invoke(cli, arguments, env={"COLUMNS": "80"}).stdout


def as_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("rate", ["10", "200"])
def test_a_small_load_changes_nothing_and_costs_what_cost_says(stack: str, rate: str) -> None:
    options = ["--stack", stack, "--rate", rate]
    plan = as_json("size", *options)
    assert plan["commands"] == []
    assert plan["dollars"] == as_json("cost", *options)["total"]
    assert not any(quota["passed"] for quota in plan["quotas"])


def test_a_million_tweets_a_second_pass_two_quotas_and_get_the_commands_for_more() -> None:
    plan = planned(1_000_000)
    assert values(plan)["Shards"] == values(plan)["Concurrent invocations"] == "1,250"
    passed = {quota.name: quota.command for quota in plan.quotas if quota.passed}
    assert passed == {
        "Concurrent executions": "aws service-quotas request-service-quota-increase --region us-east-1 "
        "--service-code lambda --quota-code L-B99A9384 --desired-value 1250",
        "Table-level write throughput": "aws service-quotas request-service-quota-increase --region us-east-1 "
        "--service-code dynamodb --quota-code L-AB614373 --desired-value 1000000",
    }
    assert dict(plan.changes) == {"streamShards": 1250, "mappingBatchSize": 800}
    screen = run("size", "--rate", "1000000")
    assert "pulumi config set --stack dev streamShards 1250" in screen
    assert "11 times `pulumi up` from 1, more than the 10 of a day" in " ".join(screen.split())
    assert "--warm-throughput WriteUnitsPerSecond=1000000" in screen


def test_shards_hold_records_and_bytes_with_a_fifth_to_spare() -> None:
    assert values(planned(800))["Shards"] == "1"
    assert values(planned(801))["Shards"] == "2"
    assert values(planned(800, size=2048))["Shards"] == "2"  # 1.56 MiB/s


def test_the_default_of_shards_depends_on_the_region() -> None:
    default = {
        region: next(quota for quota in planned(1_000_000, region=region).quotas if "Shards" in quota.name)
        for region in ("us-east-1", "eu-north-1")
    }
    assert (default["us-east-1"].default, default["us-east-1"].passed) == (20_000, False)
    assert (default["eu-north-1"].default, default["eu-north-1"].passed) == (1000, True)


def test_what_depends_on_the_account_is_noted_with_the_command_that_tells() -> None:
    def commands(plan: Plan) -> str:
        return "\n".join(note.command for note in plan.notes)

    assert "AccountLimit.ConcurrentExecutions" not in commands(planned(1000))
    plan = planned(20_000, size=2000, region="eu-north-1")
    assert "aws lambda get-account-settings --region eu-north-1" in commands(plan)
    assert "QuotaName" not in commands(plan)
    assert "Quotas[?QuotaName=='Shards per Region'].Value" in commands(planned(900_000, region="eu-north-1"))


def test_an_on_demand_table_and_stream_are_warmed_for_the_load() -> None:
    prod = load_settings("prod")
    plan = planned(9000, size=1500, base=prod)
    assert dict(plan.changes)["tableWarmWrites"] == 18_000
    (advantage,) = [note for note in plan.notes if "on-demand advantage" in note.text]
    assert "streamWarmMiBps 13" in advantage.text
    assert advantage.command.startswith("aws kinesis update-account-settings")
    limited = dataclasses.replace(
        prod,
        stream=dataclasses.replace(prod.stream, warm_mib=5),
        table=dataclasses.replace(prod.table, max_writes=6000),
    )
    changes = dict(planned(9000, size=1500, base=limited).changes)
    assert (changes["streamWarmMiBps"], changes["tableMaxWrites"]) == (13, 27_000)


def test_a_function_that_cannot_keep_up_gets_memory_first_and_lanes_then() -> None:
    dev = load_settings("dev")
    small = dataclasses.replace(dev, function=dataclasses.replace(dev.function, memory=128))
    plan = planned(800, base=small)
    assert (plan.settings.function.memory, plan.settings.mapping.parallelization_factor) == (256, 1)
    slow = price_list.load()
    slow.assumptions["record-cpu-ms"] = 4.0
    plan = make_plan(dev, Load(800, 500), slow, "us-east-1")
    assert plan.settings.function.memory == 1769
    # 800 records a second of 4 ms each need four lanes at 80 % of their time, and the fixed time a fifth.
    assert plan.settings.mapping.parallelization_factor == 5


def test_lag_and_catch_up_follow_from_their_formulas() -> None:
    shown = {item.name: item for item in planned(10).items}
    assert shown["Lag"].formula == "1 s window + (20 ms + 10 records x 0.59 ms)"
    assert shown["Lag"].value == "1.0 s"
    # A batch of 500 takes 20 + 500 x 0.587 = 314 ms: 1,594 a second, of which 10 are new.
    assert shown["Catch-up"].formula == "of an outage of 1 h: 36,000 tweets / (1,594/s - 10/s)"
    assert shown["Catch-up"].value == f"{36_000 / 1584:.1f} s"


def test_a_provisioned_table_gets_the_capacity_it_needs_within_its_limit() -> None:
    dev = load_settings("dev")
    capacity = CapacitySettings(read=5, min_write=5, max_write=1000, utilization=70)
    base = dataclasses.replace(dev, table=dataclasses.replace(dev.table, capacity=capacity))
    assert dict(planned(7000, base=base).changes)["tableMaxWriteCapacity"] == 10_000
    large = planned(100_000, base=base)
    assert dict(large.changes)["tableMaxWriteCapacity"] == 40_000
    assert "pulumi config set tableMode on-demand" in [note.command for note in large.notes]


def test_a_load_beyond_one_stream_is_split() -> None:
    notes = [note.text for note in planned(1_000_000, size=50_000).notes]
    assert any("split the load among 6 stacks" in note for note in notes)


@pytest.mark.parametrize("region", ["us-east-1", "eu-north-1"])
def test_a_wrapped_command_is_the_same_command_to_a_shell(region: str) -> None:
    for quota in planned(1_000_000, region=region).quotas:
        # Printed by the shell itself, with the look-up inside of it as it stands.
        one, wrapped = (
            subprocess.run(
                ["bash", "-c", f"aws() {{ printf '<%s>' \"$@\"; }}; {command}"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for command in (quota.command, wrap_command(quota.command, 76))
        )
        assert one == wrapped
        assert max(map(len, wrap_command(quota.command, 76).splitlines())) <= 78


@pytest.mark.parametrize("mode", ["on-demand", "provisioned"])
@pytest.mark.parametrize("event_type", event_types.event_types())
def test_plan_and_cost_speak_of_the_events_that_the_stack_stores(
    event_type: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "PROJECT", tmp_path)
    settings = {full_key("eventType"): event_type, full_key("tableMode"): mode}
    (tmp_path / "Pulumi.shop.yaml").write_text(json.dumps({"config": settings}))
    event = event_types.load(event_type)

    def screen(*arguments: str) -> str:
        return " ".join(run(*arguments, "--stack", "shop").split())

    size, price = screen("size", "--rate", "5000", "--size", "500000"), screen("cost")

    assert f"shop: 5,000 {event.plural}/s of 500,000 bytes" in size
    assert f"larger {event.plural} go to quarantine" in size
    assert f"One {event.keys[0].name} may have at most 2.0 {event.plural}/s" in size
    assert f"shop: 10 {event.plural}/s of 500 bytes" in price
    assert f"mappingBatchingWindow 10 ({event.plural} arrive up to 10 s later)" in price
    words = ("tweet", "Username", "X itself")
    is_default = event_type == event_types.DEFAULT_EVENT_TYPE
    assert [word in size + price for word in words] == [is_default] * len(words)


def test_the_owner_of_a_stream_that_exists_gives_it_the_shards() -> None:
    plan = planned(3000, base=dataclasses.replace(load_settings("dev"), existing_stream=EXISTING))
    assert "whose owner chooses it" in {item.name: item.formula for item in plan.items}["Stream mode"]
    [note] = [note for note in plan.notes if "not the stack's own" in note.text]
    assert note.command == (
        f"aws kinesis update-shard-count --stream-arn {EXISTING.arn} --target-shard-count 4 "
        "--scaling-type UNIFORM_SCALING"
    )
