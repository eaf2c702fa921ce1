"""The events that the function takes."""

from typing import Any

import pytest

from handler.errors import EventError
from handler.event import kinesis_records
from tests.handler.events import tweets


def test_a_batch_of_the_mapping_is_its_records() -> None:
    batch = tweets(2)
    assert kinesis_records({"Records": batch}) == batch


@pytest.mark.parametrize(
    "event",
    [
        {"key1": "value1", "key2": "value2"},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": None},
        {},
        [],
        "text",
    ],
    ids=repr,
)
def test_an_event_of_another_kind_gets_one_sentence(event: Any) -> None:
    with pytest.raises(EventError, match="not an event of a Kinesis event source mapping"):
        kinesis_records(event)
