"""Two stacks in one account, and the end of each."""

import pytest
from botocore.exceptions import ClientError

from local.aws.inventory import inventory
from tests.engine.stack import TWEET, Project

ROW = {"Username": {"S": "mira"}, "Id": {"S": "1"}}


def test_dev_and_prod_are_isolated_and_destroying_dev_leaves_prod_alone(project: Project) -> None:
    dev = project.stack("our-dev", like="dev")
    prod = project.stack("our-prod", like="prod")
    dev.up()
    prod.up()
    keys = dev.outputs()
    kinesis = project.aws.client(
        "kinesis", access_key=keys["access_key"], secret_key=keys["secret_access_key"]
    )
    kinesis.put_record(StreamName="our-dev-EventStream", Data=TWEET, PartitionKey="mira")
    with pytest.raises(ClientError, match=r"AccessDenied.*our-dev-EventProducer"):
        kinesis.put_record(StreamName="our-prod-EventStream", Data=TWEET, PartitionKey="mira")

    before = inventory(project.aws, "our-prod")
    assert set(dev.destroy().done) == {"delete"}
    assert inventory(project.aws, "our-dev") == []
    assert inventory(project.aws, "our-prod") == before
    prod.up("--expect-no-changes")


def test_production_rejects_its_destruction_and_keeps_its_rows(project: Project) -> None:
    stack = project.stack("guarded", like="prod")
    stack.up()
    table = project.aws.client("dynamodb")
    table.put_item(TableName="guarded-EventData", Item=ROW)
    before = inventory(project.aws, "guarded")

    rejected = stack.destroy(fails=True)
    assert "protect" in rejected.text
    assert inventory(project.aws, "guarded") == before
    assert table.scan(TableName="guarded-EventData")["Items"] == [ROW]

    stack.configure(protect=False)
    stack.up()
    still = stack.destroy(fails=True)
    assert "deletion protection" in still.text.lower()
    assert table.scan(TableName="guarded-EventData")["Items"] == [ROW]
