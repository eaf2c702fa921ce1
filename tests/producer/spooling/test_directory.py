"""The spool's directory: one of each stream and event type."""

from pathlib import Path

import pytest

from event.types import event_types
from producer.config import AwsCredentials
from producer.spooling.directory import choose_directory

AWS = AwsCredentials(
    access_key="a",
    secret_access_key="b",
    region="eu-west-1",
    stream_name="tweets",
    stream_arn="arn:aws:kinesis:eu-west-1:111111111111:stream/tweets",
)
SEGMENT = "00000000000000000000.log"


def test_a_spool_of_release_1_0_0_is_adopted(tmp_path: Path) -> None:
    (tmp_path / "tweets_eu-west-1").mkdir()
    (tmp_path / "tweets_eu-west-1" / SEGMENT).write_text("kept")
    notes: list[str] = []
    spool = choose_directory(tmp_path, AWS, "tweet", notes.append)
    assert (spool / SEGMENT).read_text() == "kept"
    assert [str(spool) in note for note in notes] == [True]
    assert choose_directory(tmp_path, AWS, "tweet", pytest.fail) == spool


def test_each_event_type_has_a_directory_and_that_of_tweets_is_the_streams(tmp_path: Path) -> None:
    directories = [choose_directory(tmp_path, AWS, name, pytest.fail) for name in event_types()]

    assert len(set(directories)) == len(directories)
    assert tmp_path / AWS.spool_name in directories


def test_a_spool_of_another_event_type_is_named_while_it_is_not_empty(tmp_path: Path) -> None:
    orders = choose_directory(tmp_path, AWS, "order", pytest.fail)
    orders.mkdir()
    choose_directory(tmp_path, AWS, "tweet", pytest.fail)
    (orders / SEGMENT).write_text("waits")
    notes: list[str] = []

    choose_directory(tmp_path, AWS, "tweet", notes.append)
    choose_directory(tmp_path, AWS, "order", pytest.fail)

    assert notes == [
        f"The spool {orders} is not empty, and of event type order: this run does not send what is in it; "
        "one with --event-type order does."
    ]
