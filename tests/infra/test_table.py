from typing import Any

import pulumi
import pytest

from event.item import EXPIRY_ATTRIBUTE
from event.types import order
from tests.infra.recorder import AWS_MANAGED_KEY, DEV_TAGS, KEY, Deployed, deploy


def test_the_table_is_keyed_by_user_and_tweet_and_pays_per_request(dev: Deployed) -> None:
    assert dev.one("Table").inputs == {
        "name": "dev-EventData",
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "Username",
        "rangeKey": "Id",
        "attributes": [{"name": "Username", "type": "S"}, {"name": "Id", "type": "S"}],
        "pointInTimeRecovery": {"enabled": False},
        "serverSideEncryption": {"enabled": True, "kmsKeyArn": AWS_MANAGED_KEY},
        "ttl": {"enabled": False, "attributeName": EXPIRY_ATTRIBUTE},
        "deletionProtectionEnabled": False,
        "tags": DEV_TAGS,
    }


def test_prod_can_be_restored_and_not_deleted(dev: Deployed, prod: Deployed) -> None:
    table = prod.one("Table")
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
    assert table.inputs["deletionProtectionEnabled"] is True
    assert table.protect
    assert not dev.one("Table").protect


def test_a_lifetime_lets_dynamodb_expire_items_by_the_functions_attribute() -> None:
    stack = deploy(itemLifetimeDays=30)
    assert stack.one("Table").inputs["ttl"] == {"enabled": True, "attributeName": EXPIRY_ATTRIBUTE}
    assert stack.one("Function").inputs["environment"]["variables"]["ITEM_LIFETIME_DAYS"] == "30"


def test_a_customer_key_encrypts_the_table() -> None:
    table = deploy(kmsKeyArn=KEY).one("Table").inputs
    assert table["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY}


def test_an_on_demand_table_may_be_warmed_and_have_a_ceiling() -> None:
    table = deploy(tableWarmWrites=8000, tableMaxWrites=9000).one("Table").inputs
    assert table["warmThroughput"] == {"writeUnitsPerSecond": 8000}
    assert table["onDemandThroughput"] == {"maxWriteRequestUnits": 9000}
    assert deploy(tableMaxWrites=-1).one("Table").inputs["onDemandThroughput"] == {"maxWriteRequestUnits": -1}


def test_a_ceiling_stays_until_minus_one_removes_it() -> None:
    present = {"table-table": {"onDemandThroughput": {"maxWriteRequestUnits": 9000}}}
    with pytest.raises(pulumi.RunError) as error:
        deploy(present=present)
    assert str(error.value) == (
        "The table dev-EventData has a ceiling of 9,000 writes per second, which only a tableMaxWrites of -1 removes, "
        "so it was not touched.\n"
        "  Fix: remove it, then the setting:\n"
        "    pulumi config set --stack dev tableMaxWrites -- -1\n"
        "    pulumi up --stack dev\n"
        "    pulumi config rm --stack dev tableMaxWrites"
    )
    for removed in ({"maxWriteRequestUnits": -1}, {"maxReadRequestUnits": 100}, None):
        assert (
            "onDemandThroughput"
            in deploy(present={"table-table": {"onDemandThroughput": removed}}).one("Table").ignored
        )
    for config in ({"tableMaxWrites": 100}, {"tableMaxWrites": -1}, {"tableMode": "provisioned"}):
        assert "onDemandThroughput" not in deploy(present=present, **config).one("Table").ignored


def test_provisioned_write_capacity_follows_the_load() -> None:
    stack = deploy(tableMode="provisioned", tableMinWriteCapacity=20, tableMaxWriteCapacity=400)
    table = stack.one("Table")
    assert (table.inputs["billingMode"], table.inputs["writeCapacity"], table.inputs["readCapacity"]) == (
        "PROVISIONED",
        20,
        5,
    )
    dimension = {
        "serviceNamespace": "dynamodb",
        "scalableDimension": "dynamodb:table:WriteCapacityUnits",
        "resourceId": "table/dev-EventData",
    }
    target = dict(stack.one("Target").inputs)
    assert target.pop("tags")["Stack"] == "dev"
    assert target == {**dimension, "minCapacity": 20, "maxCapacity": 400}
    assert stack.one("Policy").inputs == {
        **dimension,
        "name": "FollowWrites",
        "policyType": "TargetTrackingScaling",
        "targetTrackingScalingPolicyConfiguration": {
            "targetValue": 70,
            "predefinedMetricSpecification": {"predefinedMetricType": "DynamoDBWriteCapacityUtilization"},
        },
    }


def test_a_capacity_that_auto_scaling_changed_is_no_drift_and_nothing_replaces_a_table(dev: Deployed) -> None:
    assert dev.one("Table").ignored == {
        *("name", "hashKey", "rangeKey", "attributes", "writeCapacity"),
        "onDemandThroughput",
    }


def test_an_on_demand_table_has_no_auto_scaling(dev: Deployed) -> None:
    assert dev.of("Target") == dev.of("Policy") == []


@pytest.mark.parametrize(
    ("event_type", "keys"),
    [
        ("order", [("CustomerId", "S"), ("OrderId", "S")]),
        ("page_view", [("Visitor", "S"), ("SeenAt", "S")]),
        ("telemetry", [("SensorId", "N"), ("ReadAt", "N")]),
    ],
)
def test_the_table_has_the_keys_of_the_event(event_type: str, keys: list[tuple[str, str]]) -> None:
    table = deploy(eventType=event_type).one("Table").inputs
    assert table["name"] == f"dev-EventData-{event_type}"
    assert (table["hashKey"], table["rangeKey"]) == tuple(name for name, _ in keys)
    assert table["attributes"] == [{"name": name, "type": kind} for name, kind in keys]


def test_a_table_may_do_without_a_sort_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order.EVENT, "keys", order.EVENT.keys[:1])
    table = deploy(eventType="order").one("Table").inputs
    assert table["hashKey"] == "CustomerId"
    assert "rangeKey" not in table
    assert table["attributes"] == [{"name": "CustomerId", "type": "S"}]


def test_the_function_knows_the_type_of_its_events_and_so_do_the_outputs() -> None:
    stack = deploy(eventType="order")
    assert stack.one("Function").inputs["environment"]["variables"]["EVENT_TYPE"] == "order"
    assert stack.outputs["event_type"] == "order"


def table(name: str, **keys: str) -> dict[str, dict[str, Any]]:
    """What the stack has: a table of this name, with names and types of its keys."""
    (partition_key, *sort_keys) = keys
    attributes = [{"name": key, "type": stored_as} for key, stored_as in reversed(keys.items())]
    outputs = {"name": name, "hashKey": partition_key, "attributes": attributes}
    return {"table-table": {**outputs, "rangeKey": sort_keys[0] if sort_keys else None}}


TWEETS = table("dev-EventData", Username="S", Id="S")
ORDERS = table("dev-EventData-order", CustomerId="S", OrderId="S")


@pytest.mark.parametrize(
    ("present", "event_type", "message"),
    [
        (
            TWEETS,
            "order",
            "The stack's table is dev-EventData with the keys Username (S) and Id (S), but orders are stored in "
            "dev-EventData-order with the keys CustomerId (S) and OrderId (S).",
        ),
        (
            table("dev-EventData", CustomerId="S", OrderId="S"),
            "order",
            "The stack's table is dev-EventData with the keys CustomerId (S) and OrderId (S), but orders are stored in "
            "dev-EventData-order with the keys CustomerId (S) and OrderId (S).",
        ),
        (
            table("dev-EventData-order", CustomerId="S"),
            "order",
            "The stack's table is dev-EventData-order with the keys CustomerId (S), but orders are stored in "
            "dev-EventData-order with the keys CustomerId (S) and OrderId (S).",
        ),
        (
            table("dev-EventData-telemetry", SensorId="S", ReadAt="N"),
            "telemetry",
            "The stack's table is dev-EventData-telemetry with the keys SensorId (S) and ReadAt (N), but readings are "
            "stored in dev-EventData-telemetry with the keys SensorId (N) and ReadAt (N).",
        ),
        (
            ORDERS,
            "tweet",
            "The stack's table is dev-EventData-order with the keys CustomerId (S) and OrderId (S), but tweets are "
            "stored in dev-EventData with the keys Username (S) and Id (S).",
        ),
    ],
)
def test_a_table_of_other_keys_or_of_another_event_type_is_not_replaced(
    present: dict[str, dict[str, Any]], event_type: str, message: str
) -> None:
    with pytest.raises(pulumi.RunError) as error:
        deploy(eventType=event_type, present=present)
    shown = str(error.value)
    assert shown.startswith(
        f"{message} Replacing the table would delete its rows, so it was not touched.\n  Fix: "
    )
    same_name = present["table-table"]["name"] == f"dev-EventData-{event_type}"
    assert (f"rename event/types/{event_type}.py" in shown) == same_name


def test_a_table_that_is_renamed_in_the_program_warns_that_it_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    deploy(present=TWEETS, alarmEmail="alarms@sample.dev")
    assert warnings == []
    deploy(
        present={"table-table": TWEETS["table-table"] | {"name": "dev-Tweets"}},
        alarmEmail="alarms@sample.dev",
    )
    assert [
        "keeps its name, dev-Tweets: the name in the program, dev-EventData, is" in each for each in warnings
    ] == [True]


@pytest.mark.parametrize(
    ("present", "event_type"),
    [
        (TWEETS, "tweet"),
        (ORDERS, "order"),
        (table("dev-EventData-purchase", CustomerId="S", OrderId="S"), "order"),
    ],
    ids=["tweets", "orders", "orders, whose module had another name"],
)
def test_a_table_with_the_keys_of_the_events_goes_on_under_its_name(
    present: dict[str, dict[str, Any]], event_type: str
) -> None:
    stack = deploy(eventType=event_type, present=present)
    name = present["table-table"]["name"]
    assert stack.outputs["table_name"] == name
    assert stack.one("Function").inputs["environment"]["variables"]["TABLE_NAME"] == name
