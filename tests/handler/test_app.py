"""Outcomes of a batch: stored, duplicate, quarantined or reported; never lost, never stuck."""

import asyncio
import base64
import json
import logging
import math
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event import metrics
from event.quarantine_object import parse_body
from handler.errors import TableError
from tests.handler.aws import BROKEN, DENIED, DROPPED, THROTTLED, Aws, Fault
from tests.handler.conftest import Invoke, Services
from tests.handler.events import SHARD, STREAM, aggregate, record, tweet, tweets, v1_status, v2_post

POISON = record(b"not JSON", 99)
CLOCK_MESSAGES = (
    "Signature expired: 20261129T010000Z is now earlier than 20261129T010500Z (20261129T011000Z - 5 min.)",
    "Signature not yet current: 20261129T012000Z is still later than 20261129T011500Z (20261129T011000Z + 5 min.)",
)


def put(username: str, identifier: str) -> dict[str, Any]:
    """An item as DynamoDB returns it when it was not processed."""
    return {"PutRequest": {"Item": {"Username": {"S": username}, "Id": {"S": identifier}}}}


def test_a_tweet_becomes_a_row(aws: Aws, invoke: Invoke) -> None:
    assert invoke([record(tweet())]) == []
    assert aws.items == {
        ("ada", "1001"): {
            "Username": "ada",
            "Id": "1001",
            "Timestamp": "2026-11-23T14:41:28.000Z",
            "Message": "good morning",
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\x01\x1f\x7f",
        'say "hi" \\ / \n\t',
        "na\u00efve \u2028 \N{PILE OF POO}",
        "\N{UMBRELLA}" * 5000,
    ],
    ids=["empty", "control characters", "escapes", "beyond ASCII", "long"],
)
def test_a_message_is_stored_character_for_character(aws: Aws, invoke: Invoke, text: str) -> None:
    assert invoke([record(tweet(text=text))]) == []
    assert aws.items["ada", "1001"]["Message"] == text


def test_an_empty_batch_is_a_success(aws: Aws, invoke: Invoke) -> None:
    assert invoke([]) == []
    assert aws.calls == []


def test_a_thousand_records_are_forty_full_calls(aws: Aws, invoke: Invoke) -> None:
    assert invoke(tweets(1000)) == []
    assert [len(call) for call in aws.calls] == [25] * 40
    assert len(aws.items) == 1000


def test_calls_go_out_concurrently(aws: Aws, invoke: Invoke) -> None:
    all_there = asyncio.Barrier(8)
    aws.before_answer = all_there.wait
    assert invoke(tweets(200)) == []
    assert len(aws.items) == 200


def test_the_same_batch_twice_leaves_the_same_table(aws: Aws, invoke: Invoke) -> None:
    batch = [*tweets(30), record(tweet(id="3", text="edited"), 31), POISON]
    invoke(batch)
    items, objects = (
        dict(aws.items),
        {key: value | {"quarantinedAt": ""} for key, value in aws.objects.items()},
    )
    invoke(batch)
    assert aws.items == items
    assert {key: value | {"quarantinedAt": ""} for key, value in aws.objects.items()} == objects


class TestVersionsOfOneKey:
    def test_the_last_in_sequence_order_is_written_and_no_other(self, aws: Aws, invoke: Invoke) -> None:
        assert invoke([record(tweet(text=text), number) for number, text in enumerate("abc")]) == []
        assert aws.items["ada", "1001"]["Message"] == "c"
        assert aws.calls == [[("ada", "1001")]]

    def test_the_one_before_is_stored_when_dynamodb_rejects_the_last(self, aws: Aws, invoke: Invoke) -> None:
        aws.rejected_message = "bad"
        assert (
            invoke([record(tweet(text=text), number) for number, text in enumerate(["a", "b", "bad", "bad"])])
            == []
        )
        assert aws.items["ada", "1001"]["Message"] == "b"
        assert sorted(aws.objects) == [
            f"records/refused/2026-11-23/{SHARD}/{number}.json" for number in (2, 3)
        ]

    def test_the_versions_come_again_together_when_the_last_failed(self, aws: Aws, invoke: Invoke) -> None:
        aws.unprocessed = {("ada", "1001"): 1_000_000}
        assert invoke([record(tweet(text=text), number) for number, text in enumerate("ab")], 200) == [
            "0",
            "1",
        ]


class TestTransientFailures:
    @pytest.mark.parametrize("fault", [THROTTLED, BROKEN, DROPPED, Fault("ThrottlingException")])
    def test_a_call_that_failed_is_made_again(self, aws: Aws, invoke: Invoke, fault: Fault) -> None:
        aws.table_faults = deque([fault] * 3)
        assert invoke(tweets(3)) == []
        assert len(aws.items) == 3

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"UnprocessedItems": None},
            {"UnprocessedItems": []},
            {"UnprocessedItems": {"dev-EventData": None}},
            {"UnprocessedItems": {"dev-EventData": [{"PutRequest": {}}]}},
            {"UnprocessedItems": {"dev-EventData": [{"DeleteRequest": {"Key": {"Username": {"S": "ada"}}}}]}},
            {"UnprocessedItems": {"dev-EventData": [put("eve", "1")]}},
            {"UnprocessedItems": {"dev-EventData": [put("ada", "1"), put("eve", "1")]}},
        ],
        ids=str,
    )
    def test_an_answer_that_does_not_say_what_was_stored_is_not_believed(
        self, aws: Aws, invoke: Invoke, answer: dict[str, Any]
    ) -> None:
        aws.table_answers = deque([answer])
        assert invoke(tweets(3)) == []
        assert len(aws.items) == 3

    @pytest.mark.parametrize("message", CLOCK_MESSAGES)
    def test_a_signature_that_was_too_old_or_too_new_is_made_again(
        self, aws: Aws, invoke: Invoke, message: str
    ) -> None:
        aws.table_faults = deque([Fault("InvalidSignatureException", message=message)])
        assert invoke(tweets(3)) == []
        assert len(aws.items) == 3

    def test_a_clock_that_stays_wrong_is_named_as_the_cause(
        self, aws: Aws, invoke: Invoke, caplog: pytest.LogCaptureFixture
    ) -> None:
        aws.table_faults = deque([Fault("InvalidSignatureException", message=CLOCK_MESSAGES[0])] * 10_000)
        with caplog.at_level(logging.INFO, "handler.app"):
            assert invoke(tweets(1), 1_000) == ["1"]
        (cause,) = caplog.records[-1].__dict__["causes"]
        assert cause.startswith("the clock is wrong: ")
        assert CLOCK_MESSAGES[0] in cause

    def test_a_table_that_answers_late_is_waited_for_longer_at_each_attempt(
        self, aws: Aws, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("handler.retries._FIRST_TIMEOUT", 0.01)
        aws.before_answer = lambda: asyncio.sleep(0.1)
        assert invoke(tweets(3)) == []
        assert len(aws.items) == 3

    def test_only_unprocessed_items_are_sent_again(self, aws: Aws, invoke: Invoke) -> None:
        aws.unprocessed = {("ada", "2"): 2}
        assert invoke(tweets(3)) == []
        assert aws.calls == [[("ada", "1"), ("ada", "2"), ("ada", "3")], [("ada", "2")], [("ada", "2")]]

    def test_a_record_that_does_not_succeed_in_time_is_reported_alone(self, aws: Aws, invoke: Invoke) -> None:
        aws.unprocessed = {("ada", "2"): 1_000_000, ("ada", "40"): 1_000_000}
        assert invoke(tweets(50), 2_000) == ["2", "40"]
        assert len(aws.items) == 48

    def test_a_service_that_stays_down_fails_the_batch_without_an_exception(
        self, aws: Aws, invoke: Invoke
    ) -> None:
        aws.table_faults = deque([THROTTLED] * 10_000)
        assert invoke(tweets(2), 200) == ["1", "2"]

    def test_without_time_nothing_is_begun_and_everything_is_reported(self, aws: Aws, invoke: Invoke) -> None:
        # Not the tweets of the other tests: a call that such a test gave up may arrive now.
        batch = [record(tweet(id="301"), 301), record(tweet(id="302"), 302)]
        assert invoke([*batch, POISON], 0) == ["301", "302", "99"]
        assert not {("ada", "301"), ("ada", "302")} & {key for call in aws.calls for key in call}
        assert aws.objects == {}


class TestFailuresOfTheWholeBatch:
    @pytest.mark.parametrize(
        "fault",
        [
            DENIED,
            Fault("ResourceNotFoundException", message="Requested resource not found"),
            Fault("UnrecognizedClientException"),
            Fault("ValidationException", message="The provided key element does not match the schema"),
            Fault("ValidationException", message="1 validation error detected: Value 't' at 'requestItems'"),
        ],
        ids=lambda fault: f"{fault.code}: {fault.message}",
    )
    def test_the_invocation_raises_an_error_that_names_the_table(
        self, aws: Aws, invoke: Invoke, fault: Fault
    ) -> None:
        aws.table_faults = deque([fault])
        with pytest.raises(
            TableError, match=f"dev-EventData: .*{fault.code}.*Check the table's name and keys"
        ):
            invoke(tweets(1))
        assert aws.objects == {}

    def test_no_write_is_under_way_any_more_when_the_invocation_ends(self, aws: Aws, invoke: Invoke) -> None:
        delays = iter([0.0, 0.1, 0.2, 0.3])
        aws.before_answer = lambda: asyncio.sleep(next(delays))
        aws.table_faults = deque([DENIED] * 4)
        with pytest.raises(TableError):
            invoke(tweets(100))
        assert not aws.table_faults  # all four calls were answered

    def test_poison_is_in_quarantine_when_the_invocation_ends(self, aws: Aws, invoke: Invoke) -> None:
        aws.bucket_delay = 0.2
        aws.table_faults = deque([DENIED])
        with pytest.raises(TableError):
            invoke([POISON, *tweets(1)])
        assert len(aws.objects) == 1


class TestPoison:
    def test_a_poison_record_is_quarantined_with_its_error_and_position(
        self, aws: Aws, invoke: Invoke
    ) -> None:
        assert invoke([POISON]) == []
        body = aws.objects[f"records/not-json/2026-11-23/{SHARD}/99.json"]
        assert abs(datetime.fromisoformat(body.pop("quarantinedAt")) - datetime.now(UTC)) < timedelta(
            minutes=5
        )
        assert body == {
            "reason": "not-json",
            "error": "Expecting value: line 1 column 1 (char 0)",
            "payload": base64.b64encode(b"not JSON").decode(),
            "partitionKey": "ada",
            "explicitHashKey": None,
            "sequenceNumber": "99",
            "subSequenceNumber": None,
            "valueNumber": None,
            "shardId": SHARD,
            "arrivalTime": "2026-11-23T14:41:30.250Z",
            "streamArn": STREAM,
            "function": "dev-DDBEventProcessor",
        }

    def test_the_neighbours_of_a_poison_record_are_stored(self, aws: Aws, invoke: Invoke) -> None:
        assert invoke([*tweets(40), POISON]) == []
        assert len(aws.items) == 40

    @pytest.mark.parametrize("position", [0, 12, 24])
    def test_an_item_that_dynamodb_rejects_is_found(self, aws: Aws, invoke: Invoke, position: int) -> None:
        aws.rejected_message = "bad"
        batch = tweets(25)
        batch[position] = record(tweet(id="x", text="bad"), position + 1)
        assert invoke(batch) == []
        assert len(aws.items) == 24
        (body,) = aws.objects.values()
        assert (body["reason"], body["sequenceNumber"]) == ("refused", str(position + 1))
        assert "A value specified for an index key is not valid" in body["error"]

    def test_an_item_of_400_kb_is_stored_and_one_of_a_byte_more_is_not(
        self, aws: Aws, invoke: Invoke
    ) -> None:
        text = "x" * (
            400 * 1024 - len("UsernameIdTimestampMessage" + "ada" + "1001" + "2026-11-23T14:41:28.000Z")
        )
        assert invoke([record(tweet(text=text), 1), record(tweet(id="1002", text=text + "x"), 2)]) == []
        assert set(aws.items) == {("ada", "1001")}
        assert list(aws.objects) == [f"records/too-large/2026-11-23/{SHARD}/2.json"]

    def test_a_poison_record_is_reported_when_the_bucket_denies_it(self, aws: Aws, invoke: Invoke) -> None:
        aws.denied_objects = {"/99.json"}
        assert invoke([*tweets(2), POISON, record(b"{}", 100)]) == ["99"]
        assert len(aws.items) == 2
        assert list(aws.objects) == [f"records/not-a-tweet/2026-11-23/{SHARD}/100.json"]

    @pytest.mark.parametrize("fault", [Fault("SlowDown", 503), Fault("InternalError", 500), DROPPED])
    def test_the_bucket_is_asked_again_after_a_transient_failure(
        self, aws: Aws, invoke: Invoke, fault: Fault
    ) -> None:
        aws.bucket_faults = deque([fault])
        assert invoke([POISON]) == []
        assert len(aws.objects) == 1

    def test_a_bucket_whose_answer_trickles_does_not_delay_the_report(self, aws: Aws, invoke: Invoke) -> None:
        aws.bucket_pause = 2.0  # the answer would take more than a minute, and no pause is a read timeout
        assert invoke([POISON, *tweets(1)], 1_000) == ["99"]
        assert len(aws.items) == 1

    def test_a_bucket_that_answers_late_is_waited_for_longer_at_each_attempt(
        self, aws: Aws, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("handler.retries._FIRST_TIMEOUT", 0.01)
        aws.bucket_delay = 0.1
        assert invoke([POISON]) == []
        assert len(aws.objects) == 1

    def test_a_poison_record_is_quarantined_while_the_table_is_throttled(
        self, aws: Aws, invoke: Invoke
    ) -> None:
        aws.table_faults = deque([THROTTLED] * 10_000)
        assert invoke([*tweets(1), POISON], 2_000) == ["1"]
        assert len(aws.objects) == 1

    def test_a_poison_record_is_reported_and_the_tweets_are_stored_when_the_bucket_stays_down(
        self, aws: Aws, invoke: Invoke
    ) -> None:
        aws.bucket_faults = deque([Fault("SlowDown", 503)] * 10_000)
        poison = [record(b"not JSON", number) for number in range(100, 116)]
        reported = invoke([*poison, *tweets(1)], 3_000)
        assert reported == [str(number) for number in range(100, 116)]
        assert len(aws.items) == 1


class TestAggregatedRecords:
    def test_every_shape_of_every_producer_becomes_a_row(self, aws: Aws, invoke: Invoke) -> None:
        shapes: list[Callable[[str], dict[str, Any]]] = [
            lambda id_: tweet(id=id_),
            lambda id_: v2_post(id=id_),
            lambda id_: v1_status(id_str=id_),
        ]
        batch = [record(shape(f"alone {number}"), number) for number, shape in enumerate(shapes)]
        batch += [
            record(aggregate(*(shape(f"together {part} {each}") for each, shape in enumerate(shapes))), part)
            for part in (10, 11)
        ]
        assert invoke(batch) == []
        alone = {f"alone {number}" for number in range(3)}
        together = {f"together {part} {each}" for part in (10, 11) for each in range(3)}
        assert {identifier for _, identifier in aws.items} == alone | together
        assert aws.objects == {}

    def test_a_bad_user_record_is_quarantined_alone(self, aws: Aws, invoke: Invoke) -> None:
        batch = [record(aggregate(tweet(id="1"), b"poison", tweet(id="3"), keys=["ada", "bob"]), 7)]
        assert invoke(batch) == []
        assert {identifier for _, identifier in aws.items} == {"1", "3"}
        (body,) = aws.objects.values()
        assert list(aws.objects) == [f"records/not-json/2026-11-23/{SHARD}/7-1.json"]
        assert base64.b64decode(body["payload"]) == b"poison"
        assert (body["partitionKey"], body["sequenceNumber"], body["subSequenceNumber"]) == ("bob", "7", 1)

    def test_too_many_bad_user_records_are_one_object_for_each_reason_and_the_good_ones_stored(
        self, aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bad = [b"w%d" % number for number in range(101)]
        payload = aggregate(tweet(id="1"), *bad, *[tweet(id=None)] * 2, tweet(id="3"), keys=["ada", "bob"])
        assert invoke([record(payload, 7)]) == []
        assert {identifier for _, identifier in aws.items} == {"1", "3"}
        folder = f"2026-11-23/{SHARD}/7.json"
        assert set(aws.objects) == {f"records/not-json/{folder}", f"records/invalid-key/{folder}"}
        body = aws.objects[f"records/not-json/{folder}"]
        assert body["error"].startswith("101 of one record, the first: Expecting value")
        assert [base64.b64decode(own["payload"]) for own in body["records"]] == bad
        assert [own["subSequenceNumber"] for own in body["records"]] == list(range(1, 102))
        assert [own["partitionKey"] for own in body["records"][:2]] == ["bob", "ada"]
        assert len(parse_body(json.dumps(body).encode())[1]) == 101
        line = json.loads(capsys.readouterr().out)
        assert (line["Received"], line["Stored"], line["Quarantined"], line["Failed"]) == (105, 2, 103, 0)

    def test_a_full_record_of_small_tweets_is_stored(self, aws: Aws, invoke: Invoke) -> None:
        small = [{"username": "ada", "id": str(number), "text": ""} for number in range(12_000)]
        assert invoke([record(aggregate(*small), 7)]) == []
        assert len(aws.items) == 12_000
        assert aws.objects == {}

    def test_a_retry_is_asked_for_the_kinesis_record(self, aws: Aws, invoke: Invoke) -> None:
        aws.unprocessed = {("ada", "2"): 1_000_000, ("ada", "3"): 1_000_000}
        batch = [*tweets(1), record(aggregate(*(tweet(id=str(each)) for each in range(2, 6))), 8)]
        assert invoke(batch, 2_000) == ["8"]
        assert {identifier for _, identifier in aws.items} == {"1", "4", "5"}

    def test_user_records_are_counted_one_by_one(
        self, aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        aws.unprocessed = {("ada", "9"): 1_000_000}
        batch = [
            record(aggregate(tweet(id="1"), tweet(id="1"), b"poison", tweet(id="9")), 1),
            record(aggregate(tweet(id="2"))[:-1], 2),
        ]
        assert invoke(batch, 2_000) == ["1"]
        line = json.loads(capsys.readouterr().out)
        counts = {name: line[name] for name, unit in metrics.UNITS.items() if unit == "Count"}
        assert counts == {
            "Received": 5,
            "Stored": 1,
            "Deleted": 0,
            "Duplicates": 1,
            "Quarantined": 2,
            "Failed": 1,
        }

    def test_a_damaged_record_is_quarantined_whole(self, aws: Aws, invoke: Invoke) -> None:
        payload = aggregate(tweet(id="1"), tweet(id="2"))
        assert invoke([record(payload[:-1], 1), *tweets(1)]) == []
        (body,) = aws.objects.values()
        assert body["reason"] == "aggregated"
        assert "the MD5 digest is wrong" in body["error"]
        assert base64.b64decode(body["payload"]) == payload[:-1]


class TestLogAndMetrics:
    def values(self, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        (line,) = capsys.readouterr().out.splitlines()
        value: dict[str, Any] = json.loads(line)
        return value

    def test_a_line_of_metrics_counts_every_record_once(
        self, aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        aws.unprocessed = {("ada", "4"): 1_000_000}
        invoke([*tweets(5), record(tweet(id="1"), 6), record(tweet(id="2"), 7), POISON], 2_000)
        line = self.values(capsys)
        counts = {name: line[name] for name, unit in metrics.UNITS.items() if unit == "Count"}
        assert counts == {
            "Received": 8,
            "Stored": 4,
            "Deleted": 0,
            "Duplicates": 2,
            "Quarantined": 1,
            "Failed": 1,
        }
        assert line["FunctionName"] == "dev-DDBEventProcessor"

    @pytest.mark.usefixtures("aws")
    def test_every_metric_is_declared_to_cloudwatch(
        self, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        invoke(tweets(1))
        line = self.values(capsys)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "StreamProcessing"
        assert directive["Dimensions"] == [["FunctionName"]]
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == metrics.UNITS
        assert metrics.UNITS.keys() <= line.keys()
        assert math.isclose(line["_aws"]["Timestamp"], time.time() * 1000, abs_tol=300_000)

    @pytest.mark.usefixtures("aws")
    def test_the_lag_is_that_of_the_newest_record(
        self, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        now = datetime.now(UTC)
        invoke([record(tweet(), n, now - timedelta(hours=hours)) for n, hours in enumerate([9, 2, 3])])
        assert math.isclose(self.values(capsys)["Lag"], 2 * 3_600_000, abs_tol=300_000)

    @pytest.mark.usefixtures("aws")
    def test_a_clock_behind_kinesis_makes_no_negative_lag(
        self, invoke: Invoke, capsys: pytest.CaptureFixture[str]
    ) -> None:
        invoke([record(tweet(), arrival=datetime.now(UTC) + timedelta(hours=1))])
        assert self.values(capsys)["Lag"] == 0

    def test_a_log_line_gives_the_outcomes_and_their_causes(
        self, aws: Aws, invoke: Invoke, caplog: pytest.LogCaptureFixture
    ) -> None:
        aws.denied_objects = {"/98.json"}
        with caplog.at_level(logging.INFO, "handler.app"):
            invoke(tweets(1))
            invoke([*tweets(1), POISON, record(b"\xff", 98)])
        good, bad = (line.__dict__ for line in caplog.records if line.name == "handler.app")
        assert (good["levelname"], bad["levelname"]) == ("INFO", "WARNING")
        assert (bad["shard"], bad["Stored"], bad["Quarantined"], bad["Failed"]) == (SHARD, 1, 1, 1)
        assert bad["reasons"] == {"not-json": 1, "not-utf8": 1}
        assert bad["causes"] == {"quarantine: AccessDenied": 1}

    def test_no_payload_is_ever_logged(
        self,
        aws: Aws,
        invoke: Invoke,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        aws.rejected_message = "secret"
        batch = [record(tweet(text="secret")), record(b"secret"), record(tweet(id=1.5, text="secret"))]
        with caplog.at_level(logging.INFO, "handler.app"):
            invoke(batch)
        told = capsys.readouterr().out + "".join(str(line.__dict__) for line in caplog.records)
        assert "secret" not in told
        assert base64.b64encode(b"secret").decode() not in told
        assert len(aws.objects) == 3


def test_a_missing_setting_fails_the_import_by_its_name() -> None:
    process = subprocess.run(
        [sys.executable, "-c", "import handler.app"],
        env={"QUARANTINE_BUCKET": "b", "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "VariableError: TABLE_NAME is not set" in process.stderr


def test_the_endpoint_of_s3_is_found_for_the_first_poison_record(aws: Aws, services: Services) -> None:
    program = """
import sys
from handler import app
from tests.handler.conftest import Context
from tests.handler.events import record, tweet
for payload in (tweet(), b"poison"):
    app.lambda_handler({"Records": [record(payload)]}, Context())
    print(app._bucket._endpoint is not None, file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stderr.splitlines()[::2] == ["False", "True"]
