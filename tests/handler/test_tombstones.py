"""Tombstones: messages that delete a row, in order with the versions of its event."""

import base64
import gzip
import json
from collections import deque
from typing import Any

import pytest

from event import metrics
from event.types.tweet import EVENT
from tests.handler.aws import TABLE, THROTTLED, Aws, Fault
from tests.handler.conftest import Invoke
from tests.handler.events import aggregate, record, tweet

ROW = ("ada", "1001")
TOMBSTONE = EVENT.encode_tombstone(ROW)


def counts(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """Return the counts of the batch that was invoked last; those that are zero are left out."""
    line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return {name: line[name] for name, unit in metrics.UNITS.items() if unit == "Count" and line[name]}


def deleted_key(username: str, identifier: str) -> dict[str, Any]:
    """A deletion as DynamoDB returns it when it was not processed."""
    return {"DeleteRequest": {"Key": {"Username": {"S": username}, "Id": {"S": identifier}}}}


def test_a_tombstone_deletes_the_row_of_an_earlier_batch(
    aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke([record(tweet()), record(tweet(id="1002"), 2)])
    capsys.readouterr()

    assert invoke([record(TOMBSTONE, 3)]) == []

    assert set(aws.items) == {("ada", "1002")}
    assert aws.objects == {}
    assert counts(capsys) == {"Received": 1, "Deleted": 1}


def test_a_tombstone_of_a_row_that_never_was_succeeds(
    aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke([record(TOMBSTONE)]) == []

    assert (aws.items, aws.objects) == ({}, {})
    assert counts(capsys) == {"Received": 1, "Deleted": 1}


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ([tweet(), TOMBSTONE], {"Received": 2, "Deleted": 1, "Duplicates": 1}),
        ([TOMBSTONE, tweet()], {"Received": 2, "Stored": 1, "Duplicates": 1}),
        ([tweet(), TOMBSTONE, tweet(), TOMBSTONE], {"Received": 4, "Deleted": 1, "Duplicates": 3}),
    ],
    ids=["stored, then deleted", "deleted, then stored", "twice"],
)
def test_the_last_of_a_batch_decides_in_a_single_write(
    aws: Aws,
    invoke: Invoke,
    capsys: pytest.CaptureFixture[str],
    payloads: list[object],
    expected: dict[str, int],
) -> None:
    assert invoke([record(payload, number) for number, payload in enumerate(payloads)]) == []

    assert set(aws.items) == ({ROW} if "Stored" in expected else set())
    assert aws.calls == [[ROW]]
    assert counts(capsys) == expected


def test_a_tombstone_before_a_version_that_dynamodb_rejects_still_deletes(aws: Aws, invoke: Invoke) -> None:
    invoke([record(tweet())])
    aws.rejected_message = "bad"

    assert invoke([record(TOMBSTONE, 2), record(tweet(text="bad"), 3)]) == []

    assert aws.items == {}
    assert [body["sequenceNumber"] for body in aws.objects.values()] == ["3"]


@pytest.mark.parametrize("fault", [THROTTLED, Fault("", 0)])
def test_a_deletion_that_failed_is_sent_again(aws: Aws, invoke: Invoke, fault: Fault) -> None:
    invoke([record(tweet())])
    aws.table_faults = deque([fault] * 2)
    aws.unprocessed = {ROW: 2}
    aws.calls.clear()

    assert invoke([record(tweet(id="1"), 2), record(TOMBSTONE, 3)]) == []

    assert set(aws.items) == {("ada", "1")}
    assert aws.calls == [[("ada", "1"), ROW], [ROW], [ROW]]  # what was done is not sent again


def test_an_unprocessed_deletion_is_not_taken_for_another_item(aws: Aws, invoke: Invoke) -> None:
    aws.table_answers = deque([{"UnprocessedItems": {TABLE: [deleted_key("ada", "9")]}}])

    assert invoke([record(tweet(id="1")), record(TOMBSTONE, 2)]) == []

    assert set(aws.items) == {("ada", "1")}  # the answer was not believed, and both were sent again


def test_a_deletion_without_an_answer_is_reported_with_the_version_before_it(
    aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.unprocessed = {ROW: 1_000_000}

    assert invoke([record(tweet(), 1), record(TOMBSTONE, 2)], 2_000) == ["1", "2"]

    assert counts(capsys) == {"Received": 2, "Failed": 2}


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(TOMBSTONE),
        b"[" + TOMBSTONE + b"]",
        b"\xef\xbb\xbf " + TOMBSTONE + b"\n",
        aggregate(TOMBSTONE),
        json.dumps(json.loads(TOMBSTONE), indent=2, sort_keys=True).encode(),
    ],
    ids=["gzip", "list", "after a byte order mark", "aggregated", "spelled anew"],
)
def test_a_tombstone_is_read_wherever_an_event_is(aws: Aws, invoke: Invoke, payload: bytes) -> None:
    invoke([record(tweet())])

    assert invoke([record(payload, 2)]) == []

    assert (aws.items, aws.objects) == ({}, {})


FOREIGN = '{"stream_processing_tombstone":1,"key":'


@pytest.mark.parametrize(
    ("payload", "reason", "words"),
    [
        (FOREIGN + '{"CustomerId":"ada","OrderId":"1001"}}', "invalid-key", "exactly Username and Id"),
        (FOREIGN + '{"Username":"ada"}}', "invalid-key", "exactly Username and Id"),
        (FOREIGN + '{"Username":"ada","Id":"1001","At":1}}', "invalid-key", "exactly Username and Id"),
        (FOREIGN + '{"Username":"ada","Id":1001}}', "invalid-key", "Id: `Id` is a number, not a string"),
        (FOREIGN + '{"Username":"","Id":"1001"}}', "invalid-key", "Username: `Username` is empty"),
        (FOREIGN + '{"Username":"ada","Id":"' + "x" * 1025 + '"}}', "invalid-key", "the limit is 1024"),
        (FOREIGN + '["ada","1001"]}', "invalid-key", "exactly Username and Id"),
        (FOREIGN + "null}", "invalid-key", "exactly Username and Id"),
        (FOREIGN + '{"Username":"ada","Id":"\\ud800"}}', "not-utf8", "an unpaired surrogate"),
        (FOREIGN + '{"Username":"ada","Id":"1001"},"text":"hi"}', "invalid", "`key` only"),
        ('{"stream_processing_tombstone":1}', "invalid", "`key` only"),
        (
            TOMBSTONE.decode().replace("1,", "2,", 1),
            "unknown-version",
            "version 2 of a tombstone; known is 1",
        ),
        (TOMBSTONE.decode().replace("1,", "true,", 1), "unknown-version", "version True of a tombstone"),
        (json.dumps(tweet(stream_processing_tombstone=1)), "invalid", "`key` only"),
        (
            '{"tombstone":1,"key":{"Username":"ada","Id":"1001"}}',
            "not-a-tweet",
            "an object of tombstone, key",
        ),
        ('{"op":"d","before":{"Username":"ada","Id":"1001"},"after":null}', "not-a-tweet", "op, before"),
    ],
)
def test_what_is_not_exactly_a_tombstone_of_this_table_deletes_nothing(
    aws: Aws, invoke: Invoke, payload: str, reason: str, words: str
) -> None:
    invoke([record(tweet())])
    before = dict(aws.items)

    assert invoke([record(payload.encode(), 2)]) == []

    assert aws.items == before
    (body,) = aws.objects.values()
    assert (body["reason"], base64.b64decode(body["payload"])) == (reason, payload.encode())
    assert words in body["error"]
