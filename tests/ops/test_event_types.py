"""The operator's commands on a stack of each event type: status, quarantine, redrive and replay."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event import types as event_types
from event.payload import parse
from event.poison import PoisonError
from event.record import iso
from event.schema import Schema
from local.pulumi.deploy import deploy
from stack.project import PROJECT, full_key
from tests.ops.conftest import CONFIG
from tests.ops.stack import DeployedStack
from tests.waiting import eventually

FOREIGN_KEY = "a key of another producer"


@pytest.fixture(scope="module", params=event_types.event_types())
def own(
    request: pytest.FixtureRequest, deployed: DeployedStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedStack]:
    """A stack for each module of `event/types/`, with its samples as rows and its invalid messages in quarantine."""
    event = event_types.load(request.param)
    config = CONFIG | {full_key("eventType"): request.param, full_key("alarms"): False}
    deployment = deploy(f"own-{uuid.uuid4().hex[:6]}", PROJECT, config, deployed.aws.endpoint)
    stack = DeployedStack(deployed.aws, deployment.outputs, tmp_path_factory.mktemp(request.param))
    stack.put(*(message.encode() for message in (*event.samples, *event.invalid)), key=FOREIGN_KEY)
    eventually(lambda: keys(stack, event) == sample_keys(event))
    stack.quarantined(len(event.invalid))
    yield stack
    deployment.destroy()


@pytest.fixture
def event(own: DeployedStack) -> Schema:
    """The definition of the stack's events."""
    return event_types.load(own.outputs["event_type"])


def keys(stack: DeployedStack, event: Schema) -> set[tuple[str, ...]]:
    """Return the keys of the table's items."""
    items = stack.dynamodb.scan(TableName=stack.outputs["table_name"])["Items"]
    return {event.parse_key(item) for item in items}


def sample_keys(event: Schema) -> set[tuple[str, ...]]:
    return {event.key(event.read(parse(message.encode()))) for message in event.samples}


def test_status_counts_the_events_by_their_name(own: DeployedStack, event: Schema) -> None:
    received, stored = len(event.samples) + len(event.invalid), len(event.samples)

    def checks() -> dict[str, str]:
        return {check["name"]: check["text"] for check in own.json("status")["checks"]}

    name = event.plural.capitalize()
    eventually(lambda: checks()[name].startswith(f"{received} received, {stored} stored, "))
    assert ("Tweets" in checks()) == (event.noun == "tweet")


def test_an_invalid_event_is_listed_with_its_reason_shown_with_its_error_repaired_and_stored(
    own: DeployedStack, event: Schema, tmp_path: Path
) -> None:
    message = event.invalid[0].encode()
    with pytest.raises(PoisonError) as poison:
        event.build_item(event.read(parse(message)))
    reason = poison.value.reason.value
    shown = [own.json("quarantine", "show", key) for key in own.objects()]
    (key,) = [each["key"] for each in shown if each["records"][0]["payload"].encode() == message]
    listed = own.json("quarantine", "list", "--reason", reason)
    assert key in [each["key"] for each in listed["objects"]]
    screen = own.ops("quarantine", "show", key).stdout
    assert f"reason         {reason}" in screen
    assert f"error          {poison.value}" in screen

    # Unchanged, it keeps the partition key that it had, and comes back.
    assert own.json("quarantine", "redrive", key)["redriven"] == 1
    assert own.records_on_stream()[-1] == (FOREIGN_KEY, message)
    returned = own.quarantined(len(event.invalid))
    (key,) = set(returned) - {each["key"] for each in shown}

    # What is still invalid is not sent.
    file = tmp_path / "fixed.json"
    file.write_bytes(message)
    rejected = own.ops("quarantine", "redrive", key, "--payload", str(file))
    assert rejected.exit_code == 2
    assert f"would quarantine {file} again, as {reason}: {poison.value}. Nothing was sent." in rejected.stderr

    # Repaired, it is an event like any other.
    repaired = event.samples[0].encode() + b"\n"  # as an editor leaves it
    file.write_bytes(repaired)
    repaired_key = event.key(event.read(parse(repaired)))
    own.dynamodb.delete_item(TableName=own.outputs["table_name"], Key=event.key_item(repaired_key))
    assert own.json("quarantine", "redrive", key, "--payload", str(file))["redriven"] == 1
    assert own.records_on_stream()[-1] == (repaired_key[0], repaired)
    eventually(lambda: keys(own, event) == sample_keys(event))
    assert len(own.objects()) == len(event.invalid) - 1


def test_rows_that_were_lost_are_replayed_and_the_question_names_the_events(
    own: DeployedStack, event: Schema, tmp_path: Path
) -> None:
    for key in keys(own, event):
        own.dynamodb.delete_item(TableName=own.outputs["table_name"], Key=event.key_item(key))
    assert keys(own, event) == set()
    hour_ago = iso(datetime.now(UTC) - timedelta(hours=1))
    options = ["--from", hour_ago, "--checkpoint", str(tmp_path / "checkpoint.json")]

    declined = own.ops("replay", *options)
    assert declined.exit_code == 1
    assert f"older versions of {event.plural} come back" in " ".join(declined.stderr.split())
    done = own.json("replay", *options, "--yes")

    assert (done["refused"], done["finished"]) == (0, True)
    assert keys(own, event) == sample_keys(event)
