"""The whole path of every event type in the folder, with its real parts on local AWS."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from event.item import Key
from event.payload import parse
from event.schema import Schema
from event.types import event_types, load
from local.aws.local_aws import LocalAws
from local.demo.replay import empty_table
from local.events import make_events
from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.local.conftest import unique
from tests.ops.stack import DeployedStack
from tests.producer.conftest import Producer
from tests.waiting import eventually

MADE = 30
OUTPUTS = "access_key", "secret_access_key", "region", "stream_name", "event_type"

Items = dict[Key, Any]


@pytest.fixture(params=event_types())
def event_type(request: pytest.FixtureRequest) -> str:
    """The name of each type in turn."""
    return str(request.param)


@pytest.fixture
def stack(event_type: str, aws: LocalAws, tmp_path: Path) -> Iterator[DeployedStack]:
    """A stack of the type."""
    config = {
        "aws:region": "us-east-1",
        full_key("eventType"): event_type,
        full_key("mappingBatchingWindow"): 0,
    }
    deployment = deploy(unique("types"), PROJECT, config, aws.endpoint)
    yield DeployedStack(aws, deployment.outputs, tmp_path)
    deployment.destroy()


@pytest.fixture
def producer(stack: DeployedStack, tmp_path: Path) -> Iterator[Producer]:
    """The producer with the stack's outputs."""
    producer = Producer(tmp_path, stack.aws.endpoint)
    producer.configure(stack.aws.endpoint, **{name: stack.outputs[name] for name in OUTPUTS})
    yield producer
    producer.close()


def test_every_part_of_the_path_follows_the_definition(
    event_type: str, stack: DeployedStack, producer: Producer, tmp_path: Path
) -> None:
    event, lines = load(event_type), tmp_path / "events.jsonl"
    invalid = [message.encode() for message in event.invalid]
    *valid, repaired = [*map(str.encode, event.samples), *make_events(event, MADE)]
    stored = items(event, valid)

    # The producer sends what is valid, and rejects the rest.
    lines.write_bytes(b"\n".join([*invalid, *valid]))
    done = producer.run("--source", "file", str(lines), "--linger", "20", "--max-rejected", str(len(invalid)))
    assert done.code == 0, done.messages
    assert (done.counts["sent"], done.counts["rejected"]) == (len(valid), len(invalid))

    # The rows are what the definition says, and an operator finds them.
    eventually(lambda: rows(stack, event) == stored)
    newest = max(stored, key=lambda key: stored[key][event.time])
    explored = explore(stack, event, "--limit", "1")
    assert list(explored[0].values()) == [stored[newest].get(name) for name in event.names]
    assert len(explore(stack, event, "--key", newest[0])) == sum(key[0] == newest[0] for key in stored)

    # Another program puts what is invalid on the stream: it is kept with the reason.
    stack.put(*invalid)
    objects = stack.quarantined(len(invalid))
    shown = [stack.json("quarantine", "show", key) for key in objects]
    assert [record["payload"].encode() for each in shown for record in each["records"]] == invalid
    assert all(each["error"] for each in shown)

    # A replay brings the rows back.
    empty_table(stack.aws, stack.outputs["table_name"], event)
    assert rows(stack, event) == {}
    checkpoint = str(tmp_path / "replay.json")
    replayed = stack.json("replay", "--from", "10m", "--rate", "1000", "--checkpoint", checkpoint, "--yes")
    assert replayed["records"] == len(valid) + len(invalid)
    assert rows(stack, event) == stored

    # What is repaired is redriven and stored.
    fixed = tmp_path / "fixed.json"
    fixed.write_bytes(repaired)
    redriven = stack.json("quarantine", "redrive", objects[0], "--payload", str(fixed))
    assert redriven["redriven"] == 1
    eventually(lambda: rows(stack, event) == stored | items(event, [repaired]))
    assert stack.objects() == objects[1:]


def items(event: Schema, messages: Iterable[bytes]) -> Items:
    """The items that the definition makes of messages, by key."""
    puts = [event.build_item(event.read(parse(message))) for message in messages]
    return {key: plain(json.loads(request)["PutRequest"]["Item"]) for key, request in puts}


def rows(stack: DeployedStack, event: Schema) -> Items:
    """The items of the table, by key."""
    pages = stack.dynamodb.get_paginator("scan").paginate(TableName=stack.outputs["table_name"])
    return {event.parse_key(item): plain(item) for page in pages for item in page["Items"]}


def plain(item: dict[str, Any]) -> Any:
    """An item's values, so that numbers are equal however they are spelled."""
    return TypeDeserializer().deserialize({"M": item})


def explore(stack: DeployedStack, event: Schema, *arguments: str) -> list[dict[str, Any]]:
    """The rows that an operator sees."""
    answer = stack.ops("explore", *arguments, "--json").stdout
    explored: list[dict[str, Any]] = parse(answer.encode())[event.plural.replace(" ", "_")]
    return explored
