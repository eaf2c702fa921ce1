"""Events of every type, by the function as Lambda imports it: what one definition says, the function does."""

import base64
import json
import re
from collections import deque
from decimal import Decimal
from typing import Any

import pytest

from event import types as event_types
from event.payload import parse
from event.poison import PoisonError
from event.schema import Schema
from tests.handler.aws import TABLE, Aws
from tests.handler.conftest import Invoke
from tests.handler.events import aggregate, record

OTHERS_MEMBERS = dict.fromkeys(
    ("event", "title", "meta", "error", "warning", "delete", "version", "data", "user"), "a member"
)
"""By these, messages that X sends between tweets are recognized, and the shapes of tweets."""


@pytest.fixture(scope="module", params=event_types.event_types())
def event_type(request: pytest.FixtureRequest) -> str:
    """Each module of `event/types/`."""
    name: str = request.param
    return name


def with_tenths(event: Schema, message: str) -> str:
    """Write the numbers of a message's key as so many tenths; without a number, it stays as it is."""
    for key, value in zip(event.keys, event.read(parse(message.encode())), strict=False):
        if key.type.stored_as == "N":
            message, found = re.subn(
                rf"(?<=:){re.escape(str(value))}(?=[,}}])", f"{Decimal(value) * 10:f}E-1", message
            )
            assert found
    return message


def test_samples_become_items_and_what_is_invalid_goes_to_quarantine(
    aws: Aws, invoke: Invoke, event: Schema
) -> None:
    messages = [*event.samples, *event.invalid]

    assert invoke([record(message.encode(), number) for number, message in enumerate(messages)]) == []

    assert len(aws.items) == len(event.samples)
    for message, item in zip(event.samples, aws.items.values(), strict=True):
        read = zip(event.attributes, event.read(parse(message.encode())), strict=True)
        values = {attribute: value for attribute, value in read if value is not None}
        assert item.keys() == {attribute.name for attribute in values}
        for attribute, value in values.items():
            if attribute.type.stored_as:  # no list or object
                assert item[attribute.name] == (str(value) if attribute.type.stored_as == "N" else value)
    bodies = sorted(aws.objects.values(), key=lambda body: int(body["sequenceNumber"]))
    for message, body in zip(event.invalid, bodies, strict=True):
        with pytest.raises(PoisonError) as poison:
            event.build_item(event.read(parse(message.encode())))
        assert (body["reason"], body["error"]) == (poison.value.reason, str(poison.value))
        assert base64.b64decode(body["payload"]).decode() == message


def test_the_last_of_two_events_with_the_same_key_by_value_is_stored(
    aws: Aws, invoke: Invoke, event: Schema, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = event.samples[:2]
    last = with_tenths(event, first)

    assert (
        invoke([record(message.encode(), number) for number, message in enumerate([first, other, last])])
        == []
    )

    assert len(aws.items) == 2
    assert [len(call) for call in aws.calls] == [2]
    counts = json.loads(capsys.readouterr().out)
    assert (counts["Received"], counts["Stored"], counts["Duplicates"]) == (3, 2, 1)


def test_an_unprocessed_item_is_recognized_however_its_numbers_are_written(
    aws: Aws, invoke: Invoke, event: Schema
) -> None:
    key = event.key(event.read(parse(event.samples[0].encode())))
    item: dict[str, Any] = {
        name: {"N": f"{Decimal(typed['N']):E}"} if "N" in typed else typed
        for name, typed in event.key_item(key).items()
    }
    aws.table_answers = deque([{"UnprocessedItems": {TABLE: [{"PutRequest": {"Item": item}}]}}])

    assert invoke([record(message.encode(), number) for number, message in enumerate(event.samples)]) == []

    (written,) = aws.items.values()  # the answer before was of a table that had taken the others
    assert [name for name, _ in event.key_types if name in written] == list(item)
    assert [len(call) for call in aws.calls] == [1]


def test_user_records_have_one_outcome_each(aws: Aws, invoke: Invoke, event: Schema) -> None:
    messages = [event.samples[0], event.invalid[0], event.samples[1]]

    assert invoke([record(aggregate(*(message.encode() for message in messages)))]) == []

    assert (len(aws.items), len(aws.objects)) == (2, 1)


def test_an_event_may_have_members_by_which_other_messages_are_recognized(
    aws: Aws, invoke: Invoke, event: Schema
) -> None:
    own = event.samples[0].removeprefix("{")  # of two members with one name the last counts

    assert invoke([record(f"{json.dumps(OTHERS_MEMBERS)[:-1]},{own}".encode())]) == []

    assert (len(aws.items), len(aws.objects)) == (1, 0)
