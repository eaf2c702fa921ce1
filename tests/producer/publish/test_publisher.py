"""The publisher against a stream on loopback that fails in every way that Kinesis does."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from event.types import load
from local.stubs.http import Request, Response, serving
from local.stubs.kinesis import Fault, Faults, faulty
from producer.config import AwsCredentials
from producer.errors import ConfigError, PublishError
from producer.formats.own import OwnFormat
from producer.formats.tweets import TweetFormat
from producer.publish.client import connect
from producer.publish.publisher import Publisher
from producer.spooling.entry import StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import Spool
from tests.producer.conftest import Stream, credentials
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("quick")


def ignore(_message: str) -> None:
    """Ignore the publisher's messages."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-offs of milliseconds; how long they are is for test_lanes, how long denials last for test_outage."""
    monkeypatch.setattr("producer.publish.publisher.CALL_SECONDS", (0.002, 0.01))
    monkeypatch.setattr("producer.publish.lanes.LANE_SECONDS", (0.002, 0.01))
    monkeypatch.setattr("producer.publish.outage.DENIAL_SECONDS", 0.05)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(Folder(tmp_path / "spool"), TweetFormat(), 1 << 30, pytest.fail)
    yield opened
    opened.close()


def publisher_of(spool: Spool, aws: AwsCredentials, linger: float = 0) -> Publisher:
    return Publisher(spool, connect(aws, ignore), aws, linger, ignore)


@pytest.fixture
def publisher(stream: Stream, spool: Spool) -> Publisher:
    return publisher_of(spool, stream.aws, 0.02)


def record(number: int, username: str = "ada", size: int = 0) -> StreamRecord:
    members = {"username": username, "id": str(number), "created_at": "2026-11-23T14:41:28.000Z"}
    return StreamRecord(username, json.dumps(members | {"text": "x" * size}).encode())


def fill(spool: Spool, count: int, authors: int = 1, size: int = 0) -> None:
    for number in range(count):
        spool.append(record(number, f"author{number % authors}", size))
    spool.flush()


def at_first(calls: int, fault: Fault) -> Faults:
    return lambda call, _: fault if call < calls else None


def send(publisher: Publisher) -> None:
    publisher.finish(None)
    publisher.run()


@contextmanager
def sending(publisher: Publisher) -> Iterator[threading.Thread]:
    """Run the publisher on a thread; at the end of the block it stops, whatever is left."""
    thread = threading.Thread(target=publisher.run)
    thread.start()
    try:
        yield thread
    finally:
        publisher.finish(0)
        thread.join()


def test_every_tweet_is_stored_once_in_full_calls_and_each_author_in_order(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    fill(spool, 1_201, authors=7)

    send(publisher)

    assert sorted(stream.ids, key=int) == [str(number) for number in range(1_201)]
    for author in range(7):
        ids = [json.loads(data)["id"] for key, data in stream.stub.order if key == f"author{author}"]
        assert ids == [str(number) for number in range(author, 1_201, 7)]
    assert stream.stub.calls[0] == 500
    assert (spool.acknowledged, spool.waiting, publisher.retried) == (1_201, 0, 0)
    assert len(publisher.answer_seconds) == len(stream.stub.calls) <= 4


def test_a_call_has_ten_mebibytes_at_most(stream: Stream, spool: Spool, publisher: Publisher) -> None:
    fill(spool, 21, size=1_000_000)

    send(publisher)

    assert stream.stub.calls == [10, 10, 1]


def test_a_single_tweet_does_not_wait_for_a_full_call(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    with sending(publisher):
        fill(spool, 1)
        eventually(lambda: spool.acknowledged)

    assert stream.ids == ["0"]


def test_a_stream_of_another_account_is_named_by_its_arn(stream: Stream, spool: Spool) -> None:
    arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/tweets"
    foreign = replace(stream.aws, stream_arn=arn, stream_account="111122223333")
    fill(spool, 1)
    send(publisher_of(spool, foreign))
    assert stream.ids == ["0"]
    assert stream.stub.arns == {arn}
    # A name that the environment overrides is another stream.
    assert replace(foreign, stream_name="other").stream == {"StreamName": "other"}


def test_only_the_throttled_entries_of_a_call_are_sent_again(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    stream.stub.faults = at_first(1, Fault(throttled=frozenset({0, 3})))
    fill(spool, 5, authors=5)

    send(publisher)

    assert (stream.stub.calls[0], sum(stream.stub.calls[1:])) == (5, 2)
    assert (stream.ids[:3], sorted(stream.ids[3:])) == (["1", "2", "4"], ["0", "3"])
    assert (publisher.retried, spool.acknowledged) == (2, 5)


def test_the_last_records_wait_for_throttled_ones_and_share_their_calls(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    stream.stub.faults = lambda _, keys: Fault(throttled=frozenset(range(0, len(keys), 2)) - {0})
    fill(spool, 600, authors=60)

    send(publisher)

    assert spool.acknowledged == 600
    assert len(stream.stub.calls) < 30


def test_a_username_keeps_its_order_after_a_throttled_tweet(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    chance = random.Random(3)
    stream.stub.faults = lambda _, keys: Fault(
        throttled=frozenset({len(keys) - 1}) if chance.random() < 0.7 else frozenset()
    )
    fill(spool, 1_500, authors=400)

    send(publisher)

    assert set(stream.stub.stored.values()) == {1}
    for author in range(400):
        ids = [
            int(json.loads(payload)["id"]) for key, payload in stream.stub.order if key == f"author{author}"
        ]
        assert ids == sorted(ids) == list(range(author, 1_500, 400))


@pytest.mark.parametrize("sensor", [b"4711", b"4711.0", b"47.11e2"])
def test_later_versions_of_a_throttled_event_are_sent_again_with_it(
    stream: Stream, tmp_path: Path, sensor: bytes
) -> None:
    stream.stub.faults = at_first(1, Fault(throttled=frozenset({0})))
    readings = OwnFormat(load("telemetry"))
    first, other = (sample.encode() for sample in readings.schema.samples)
    later = first.replace(b"4711", sensor).replace(b"21.50", b"22.50")
    another = first.replace(b"888000", b"888001")
    spool = Spool(Folder(tmp_path / "readings"), readings, 1 << 30, pytest.fail)
    for line in (first, other, another, later):
        spool.append(readings.decode(line))
    spool.flush()
    publisher = publisher_of(spool, stream.aws, 0.02)

    send(publisher)

    spool.close()
    assert [data for _, data in stream.stub.order] == [other, another, later, first, later]
    assert publisher.newest == "2026-11-23T14:41:28.000Z"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503, code="ServiceUnavailable"),
        Fault(status=429, code="TooManyRequests"),
        Fault(status=400, code="ProvisionedThroughputExceededException"),
        Fault(status=400, code="ThrottlingException"),
        Fault(status=0),
    ],
    ids=lambda fault: f"{fault.status}-{fault.code}",
)
def test_a_call_that_fails_as_a_whole_is_made_again(
    stream: Stream, spool: Spool, publisher: Publisher, fault: Fault
) -> None:
    stream.stub.faults = at_first(3, fault)
    fill(spool, 700)

    send(publisher)

    assert stream.stub.calls == [500, 500, 500, 500, 200]
    assert stream.ids == [str(number) for number in range(700)]
    assert (publisher.retried, publisher.trouble, spool.waiting) == (1_500, None, 0)


def test_a_lost_answer_stores_a_call_twice_and_loses_no_tweet(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    stream.stub.faults = at_first(1, Fault(status=0, stored=True))
    fill(spool, 600)

    send(publisher)

    assert len(stream.stub.stored) == 600
    assert len(stream.ids) == 1_100


def test_an_endpoint_without_a_server_is_tried_until_the_timeout_ends(spool: Spool) -> None:
    publisher = publisher_of(spool, credentials("http://127.0.0.1:9"))
    fill(spool, 3)

    with sending(publisher):
        eventually(lambda: publisher.retried >= 6)

    assert "Could not connect" in (publisher.trouble or "")
    assert (spool.acknowledged, spool.waiting) == (0, 3)


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b'{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1"}]}', "1 results for 3 records"),
        (b"<html>", "0 results for 3 records"),
        (b"[]", "0 results for 3 records"),
        (b'{"Records":5}', "not a list of objects"),
        (b'{"Records":[1,2,3]}', "not a list of objects"),
    ],
)
def test_an_answer_that_does_not_match_the_call_is_an_error(spool: Spool, body: bytes, trouble: str) -> None:
    async def answer(_: Request) -> Response:
        return Response(body=body)

    fill(spool, 3)
    with serving(answer) as url:
        publisher = publisher_of(spool, credentials(url))
        with sending(publisher):
            eventually(lambda: publisher.trouble)

    assert trouble in (publisher.trouble or "")
    assert spool.waiting == 3


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS"])
def test_an_endpoint_in_the_environment_is_rejected_unless_the_configuration_has_one(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")

    with pytest.raises(
        ConfigError, match=f'export PRODUCER_AWS_ENDPOINT="\\${variable}", or unset {variable} '
    ):
        connect(credentials(None), ignore)
    assert connect(credentials("http://127.0.0.1:8"), ignore).client.meta.endpoint_url == "http://127.0.0.1:8"


def test_the_endpoint_of_a_profile_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://127.0.0.1:9\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    assert (
        connect(credentials(None), ignore).client.meta.endpoint_url
        == "https://kinesis.eu-west-1.amazonaws.com"
    )


def test_slow_answers_and_every_fault_together_lose_and_repeat_no_tweet(
    stream: Stream, spool: Spool, publisher: Publisher
) -> None:
    def faults(call: int, keys: list[str]) -> Fault:
        return Fault(delay=0.05) if call % 5 == 0 else faulty(call, keys)

    stream.stub.faults = faults
    fill(spool, 10_000, authors=1_000)

    send(publisher)

    assert len(stream.stub.order) == len(stream.stub.stored) == 10_000
    assert (spool.acknowledged, spool.waiting) == (10_000, 0)


REJECTIONS = (
    Fault(status=0),
    Fault(status=400, code="UnrecognizedClientException"),
    Fault(status=400, code="AccessDeniedException"),
    Fault(status=400, code="ExpiredTokenException"),
    Fault(status=400, code="InvalidSignatureException", message="Signature expired: 1 is now earlier than 2"),
    Fault(status=400, code="KMSInvalidStateException"),
)


def test_rejections_of_every_kind_in_any_order_lose_and_repeat_no_tweet(
    stream: Stream, spool: Spool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.publish.outage.DENIAL_SECONDS", 60.0)
    chance = random.Random(5)
    stream.stub.faults = lambda _, keys: chance.choice((*REJECTIONS, faulty(0, keys), None, None, None))
    fill(spool, 5_000, authors=500)

    send(publisher)

    assert len(stream.stub.order) == len(stream.stub.stored) == 5_000
    assert (spool.acknowledged, spool.waiting, publisher.trouble) == (5_000, 0, None)


def test_a_throttled_stream_does_not_fill_the_memory(
    stream: Stream, spool: Spool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.publish.publisher.MAX_HELD_RECORDS", 1_000)
    stream.stub.faults = lambda _, keys: Fault(throttled=frozenset(range(len(keys))))
    fill(spool, 5_000, authors=5_000)

    with sending(publisher):
        eventually(lambda: publisher.retried >= 3_000)

    assert 1_000 <= 5_000 - spool.unread < 1_500  # up to one call above
    assert spool.waiting == 5_000


def test_the_publisher_does_not_end_before_the_last_records_are_written_and_sent(
    stream: Stream, spool: Spool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.spooling.spool._GROUP_SECONDS", 60)
    spool.append(record(0))
    spool.append(record(1))  # not written yet, as if the disk were full
    publisher.finish(None)
    with sending(publisher) as thread:
        eventually(lambda: stream.ids == ["0"])
        thread.join(0.1)
        assert thread.is_alive()

        spool.flush()
        thread.join()

    assert stream.ids == ["0", "1"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "Deploy the stack that allows it"),
        ("UnrecognizedClientException", "for a deleted one, run `python -m producer configure`"),
        ("InvalidSignatureException", "The secret is not this key's"),
        ("ValidationException", "configure"),
    ],
)
def test_an_error_that_retries_cannot_solve_names_identity_stream_and_remedy(
    stream: Stream, spool: Spool, publisher: Publisher, code: str, advice: str
) -> None:
    stream.stub.faults = lambda _call, _keys: Fault(status=400, code=code)
    fill(spool, 3)

    with pytest.raises(PublishError) as error:
        send(publisher)

    for part in ("AKIAEXAMPLE", "stream tweets in eu-west-1", stream.url, code, advice):
        assert part in str(error.value)
    assert "secret" not in str(error.value).replace("The secret", "")
    assert spool.waiting == 3


def test_a_stream_that_does_not_exist_ends_the_run(stream: Stream, spool: Spool) -> None:
    elsewhere = credentials(stream.url, stream="missing")
    fill(spool, 1)

    with pytest.raises(PublishError, match=r"stream missing .*Stream missing not found"):
        send(publisher_of(spool, elsewhere))


@pytest.mark.parametrize(("region", "endpoint"), [("not a region", None), ("eu-west-1", "nowhere")])
def test_an_invalid_region_or_endpoint_is_a_configuration_error(region: str, endpoint: str | None) -> None:
    with pytest.raises(ConfigError, match=r"`region` or `aws_endpoint`"):
        connect(credentials(endpoint, region), ignore)
