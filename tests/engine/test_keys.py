"""A change of the keys, or of the event type, of a stack that has a table: nothing is lost."""

import re
import subprocess

from tests.engine.stack import Project, Result, Stack

ROW = {"Username": {"S": "mira"}, "Id": {"S": "1"}}
ORDER = {"CustomerId": {"S": "c-1"}, "OrderId": {"S": "o-1"}}


def rejected(stack: Stack) -> str:
    """Try the change as a person does and as a workflow does; return what the engine shows."""
    tried: list[Result] = [stack.run("preview", fails=True), stack.up(fails=True)]
    assert [result.done for result in tried] == [{}, {}]
    shown = {result.text.partition("error: The stack's table")[2] for result in tried}
    assert all(shown)
    return tried[0].text


def detach(stack: Stack, message: str) -> None:
    """Run the commands that the message prints; a person says yes."""
    engine = stack.project.engine
    commands = re.findall(r"^ +(pulumi st.*)$", message.partition("  Or ")[2], re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=stack.project.folder,
            env=engine.environment() | {"PULUMI_SKIP_CONFIRMATIONS": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_another_event_type_is_rejected_until_the_table_is_detached_with_its_rows(project: Project) -> None:
    stack = project.stack("retyped", like="prod", protect=False)
    stack.up()
    table = project.aws.client("dynamodb")
    table.put_item(TableName="retyped-EventData", Item=ROW)
    stack.configure(eventType="order")

    message = rejected(stack)
    assert "retyped-EventData with the keys Username (S) and Id (S)," in message
    assert "retyped-EventData-order with the keys CustomerId (S) and OrderId (S)." in message

    detach(stack, message)
    assert stack.up().done["create"] == {"table-table"}
    stack.up("--expect-no-changes")
    assert stack.outputs()["table_name"] == "retyped-EventData-order"
    assert table.scan(TableName="retyped-EventData")["Items"] == [ROW]

    stack.configure(eventType="tweet")
    assert "rows" in rejected(stack)
    stack.configure(eventType="order", tableDeletionProtection=False, quarantineForceDestroy=True)
    stack.up()
    stack.destroy()
    assert table.scan(TableName="retyped-EventData")["Items"] == [ROW]


def test_another_type_of_a_key_is_rejected_though_the_provider_does_not_see_it(project: Project) -> None:
    stack = project.stack("rekeyed", eventType="order")
    stack.up()
    table = project.aws.client("dynamodb")
    table.put_item(TableName="rekeyed-EventData-order", Item=ORDER)
    module = project.folder / "event" / "types" / "order.py"
    definition = module.read_text()
    numbered = definition.replace('Attribute("OrderId", ', 'Attribute("OrderId", Type.NUMBER, ')
    module.write_text(re.sub(r'"o-(\d+)"', r"\1", numbered))

    message = rejected(stack)
    assert "rekeyed-EventData-order with the keys CustomerId (S) and OrderId (S)," in message
    assert "rekeyed-EventData-order with the keys CustomerId (S) and OrderId (N)." in message
    assert "rename event/types/order.py" in message
    assert table.scan(TableName="rekeyed-EventData-order")["Items"] == [ORDER]

    module.write_text(definition)
    stack.up("--expect-no-changes")
    stack.destroy()
