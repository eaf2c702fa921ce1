"""A table and a stream of any event type, beside the deployed stack's."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from click.testing import Result

from event import types
from event.attribute import Type
from event.payload import parse
from event.record import iso
from event.schema import Schema, Values
from ops.aws.stack import Stack
from ops.explore.row import parse_row
from ops.terminal.exact_json import encode
from tests.ops.stack import DeployedStack


class Place:
    """A table and a stream of an event type; the test stores in the function's place what it puts on the stream."""

    def __init__(self, stack: DeployedStack, event_type: str, event: Schema | None = None) -> None:
        self.deployed = stack
        self.event_type = event_type
        self.event = event or types.load(event_type)
        self.name = f"{event_type.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
        self.outputs = stack.outputs | {
            "event_type": event_type,
            "stream_name": self.name,
            "table_name": self.name,
        }
        self.stack = Stack({}, lambda: self.outputs, stack.aws.endpoint)
        names = self.event.key_types
        stack.dynamodb.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "N" if stored_as == "N" else "S"}
                for name, stored_as in names
            ],
            KeySchema=[
                {"AttributeName": name, "KeyType": "RANGE" if position else "HASH"}
                for position, (name, _) in enumerate(names)
            ],
        )
        stack.kinesis.create_stream(StreamName=self.name, ShardCount=1)
        self.options = [f"--{name.replace('_', '-')}={self.outputs[name]}" for name in _CHOSEN]

    def message(self, number: int, time: datetime | None = None, **replaced: Any) -> bytes:
        """An event, made of a sample: its partition key is of this number alone; members can be replaced."""
        samples = self.event.samples or ["{}"]
        message = parse(samples[number % len(samples)].encode())
        first = self.event.keys[0]
        self._set(message, first.path, number if first.type.stored_as == "N" else f"key-{number}")
        if time and self.event.time:
            attribute = next(each for each in self.event.attributes if each.name == self.event.time)
            milliseconds = round(time.timestamp() * 1000)
            self._set(message, attribute.path, iso(time) if attribute.type is Type.TIME else milliseconds)
        return encode(message | replaced).encode()

    @staticmethod
    def _set(message: dict[str, Any], path: Any, value: Any) -> None:
        *parents, member = path
        for name in parents:
            message = message[name]
        message[member] = value

    def put(self, *messages: bytes) -> None:
        """Put records on the stream."""
        records: list[Any] = [{"Data": message, "PartitionKey": "key"} for message in messages]
        self.deployed.kinesis.put_records(StreamName=self.name, Records=records)

    def values(self, message: bytes) -> Values:
        """The values of an event's attributes."""
        return self.event.read(parse(message))

    def put_item(self, request: bytes, **more: Any) -> dict[str, Any]:
        """Store an item, with more attributes than the event has."""
        item: dict[str, Any] = parse(request)["PutRequest"]["Item"]
        self.deployed.dynamodb.put_item(TableName=self.name, Item=item | more)
        return item

    def store(self, *messages: bytes) -> None:
        """Store what the function would."""
        for message in messages:
            self.put_item(self.event.build_item(self.values(message))[1])

    def row(self, message: bytes) -> dict[str, Any]:
        """What the commands write of an event as JSON."""
        _, request = self.event.build_item(self.values(message))
        return parse_row(self.event, parse(request)["PutRequest"]["Item"]).as_data()

    def as_operator(self, environment: dict[str, str], *arguments: str) -> Result:
        """Run explore on a pipe, with the credentials of another operator."""
        on_pipe: Any = environment | {"COLUMNS": None}
        return self.deployed.ops_as(on_pipe, "explore", *self.options, *arguments)

    def run(self, *arguments: str, columns: int | None = None) -> Result:
        """Run explore on a terminal of so many columns, or on a pipe."""
        env = {"COLUMNS": str(columns) if columns else None}
        return self.deployed.ops("explore", *self.options, *arguments, env=env)

    def process(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run explore in another process."""
        return self.deployed.ops_process("explore", *self.options, *arguments)

    def explore(self, *arguments: str, columns: int | None = None) -> str:
        """What explore prints."""
        result = self.run(*arguments, columns=columns)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> Any:
        """What explore writes as JSON; numbers with their digits."""
        return parse(self.explore("--json", *arguments).encode())

    def remove(self) -> None:
        self.deployed.dynamodb.delete_table(TableName=self.name)
        self.deployed.kinesis.delete_stream(StreamName=self.name)


_CHOSEN = ("table_name", "stream_name", "event_type")


@pytest.fixture
def places(deployed: DeployedStack) -> Iterator[Any]:
    """Create places."""
    with ExitStack() as created:

        def create(event_type: str, event: Schema | None = None) -> Place:
            place = Place(deployed, event_type, event)
            created.callback(place.remove)
            return place

        yield create


@pytest.fixture(params=types.event_types())
def place(places: Any, request: pytest.FixtureRequest) -> Place:
    """A place for each event type."""
    created: Place = places(request.param)
    return created
