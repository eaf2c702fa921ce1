"""`open_producer`: events of an application, on the command line's spool, in order and across a kill."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from event.types import event_types, load
from local.stubs.kinesis import Fault
from producer import Producer, open_producer
from producer.config import Config
from producer.errors import ConfigError, EventError, ProducerError, PublishError, SpoolError
from stack.project import PROJECT
from tests.producer.conftest import Producer as CommandLine
from tests.producer.conftest import Stream, tweet, tweets
from tests.waiting import eventually


class Application:
    """An application with a configuration and a spool of its own."""

    def __init__(self, stream: Stream, spool: Path) -> None:
        self.stream = stream
        self.spool = spool
        self.config = {
            "access_key": "AKIAEXAMPLE",
            "secret_access_key": "secret",
            "region": "eu-west-1",
            "stream_name": "tweets",
            "aws_endpoint": stream.url,
            "event_type": "order",
        }

    def open(self, **options: Any) -> Producer:
        return open_producer(self.config, spool=self.spool, linger=0.01, **options)

    def stored(self) -> list[dict[str, Any]]:
        """The orders on the stream, in order."""
        return [json.loads(data, parse_float=Decimal) for _, data in self.stream.stub.order]


@pytest.fixture
def application(stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setattr("producer.publish.publisher.CALL_SECONDS", (0.002, 0.01))
    monkeypatch.setattr("producer.publish.outage.DENIAL_SECONDS", 0.05)
    return Application(stream, tmp_path / "spool")


def order(number: int, customer: str = "c-17", **members: object) -> dict[str, object]:
    placed_at = "2026-11-23T14:45:00Z"
    return {
        "customer_id": customer,
        "order_id": f"o-{number}",
        "status": "paid",
        "total": 7,
        "placed_at": placed_at,
    } | members


@contextmanager
def on_thread(work: Any) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    yield thread
    thread.join()


def test_an_event_is_a_mapping_or_bytes(application: Application) -> None:
    given = json.dumps(order(2), indent=2).encode()

    with application.open() as producer:
        producer.put(order(1, total=Decimal("19.90"), lines=({"sku": "té", "count": 2**70},)))
        producer.put(given)

    first, second = (data.decode() for _, data in application.stream.stub.order)
    assert '"total":19.90' in first
    assert f'"lines":[{{"sku":"té","count":{2**70}}}]' in first
    assert second == given.decode().replace("\n", " ")
    assert (producer.summary.received, producer.summary.sent, producer.summary.spooled) == (2, 2, 0)
    assert str(producer.summary).startswith("received 2 = sent 2 + spooled 0 + rejected 0;")


@pytest.mark.parametrize("name", event_types())
def test_the_samples_of_every_event_type_are_sent(application: Application, name: str) -> None:
    samples = load(name).samples
    application.config["event_type"] = name

    with application.open() as producer:
        for sample in samples:
            producer.put(json.loads(sample, parse_float=Decimal))
            producer.put(sample.encode())

    assert producer.summary.sent == 2 * len(samples)
    sent = application.stored()
    assert sent[::2] == sent[1::2] or name == "telemetry"  # whose samples have keys of their own


def test_a_tweet_may_have_any_shape_that_is_read(application: Application) -> None:
    del application.config["event_type"]

    record = {"username": "ada", "id": "2", "text": "t", "created_at": "2026-01-01T00:00:00Z"}

    with application.open() as producer:
        producer.put(json.loads(tweet(1)))
        producer.put(record)

    assert sorted(application.stream.ids) == ["1", "2"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (order(1, total=-5), "Total: an order costs something"),
        (order(1, total=float("nan")), "NaN is not JSON"),
        (order(1, total=Decimal("NaN")), "NaN is not JSON"),
        (order(1, total=Decimal("sNaN")), "Expecting value"),
        (order(1, total=Decimal("-Infinity")), "-Infinity is not JSON"),
        (order(1, total=Decimal("1E+200")), "Total"),
        (order(1, lines={"x"}), "set is not JSON serializable"),
        (order(1, lines={1: 2}), "a name is a string"),
        (order(1, status="\ud800"), "surrogate"),
        (order(1, customer="x" * 300), "a partition key has 1 to 256"),
        ({}, "CustomerId"),
        (b"{bad", "Expecting"),
        (b"\xff", "utf-8"),
        ("text", "CustomerId|object"),
    ],
)
def test_an_invalid_event_is_rejected_with_the_reason_and_the_others_are_sent(
    application: Application, event: Any, reason: str
) -> None:
    with application.open() as producer:
        producer.put(order(1))
        with pytest.raises(EventError, match=f"The order is invalid: .*({reason})"):
            producer.put(event)
        producer.put(order(2))

    assert [each["order_id"] for each in application.stored()] == ["o-1", "o-2"]
    assert (producer.summary.received, producer.summary.rejected) == (3, 1)


def test_a_tombstone_follows_its_event_and_is_counted(application: Application) -> None:
    tombstone = load("order").encode_tombstone(("c-17", "o-1"))
    with application.open() as producer:
        producer.put(order(1))
        producer.put(tombstone)
        producer.put(json.loads(tombstone))

    assert application.stream.stub.order[1:] == [("c-17", tombstone)] * 2
    assert (producer.summary.sent, producer.summary.deletions) == (3, 2)


def test_an_event_that_is_nested_too_deeply_is_rejected(application: Application) -> None:
    nested: list[object] = []
    nested.append(nested)

    with application.open() as producer, pytest.raises(EventError, match="recursion"):
        producer.put(order(1, lines=nested))


def test_each_customers_orders_arrive_in_the_order_in_which_a_thread_put_them(
    application: Application,
) -> None:
    application.stream.stub.faults = lambda call, _keys: Fault(status=500) if call % 3 == 1 else None
    with application.open() as producer:

        def put(customer: str) -> None:
            for number in range(200):
                producer.put(order(number, customer))

        threads = [threading.Thread(target=put, args=(f"c-{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    stored = application.stored()
    for customer in {each["customer_id"] for each in stored}:
        ids = [each["order_id"] for each in stored if each["customer_id"] == customer]
        assert ids == [f"o-{number}" for number in range(200)]
    assert producer.summary.sent == 1_600


def test_put_returns_once_the_event_is_in_the_spools_file(application: Application) -> None:
    application.stream.stub.faults = lambda _call, _keys: Fault(status=503)
    with application.open() as producer:
        for number in range(200):
            producer.put(order(number))
            lines = sum(path.read_bytes().count(b"\n") for path in application.spool.rglob("*.log"))
            assert lines == number + 1
        application.stream.stub.faults = lambda _call, _keys: None


def test_put_waits_while_the_spool_is_full(application: Application) -> None:
    application.stream.stub.faults = lambda _call, _keys: Fault(status=503)
    put: list[int] = []
    with application.open(spool_limit=20_000) as producer:

        def fill() -> None:
            for number in range(500):
                producer.put(order(number))
                put.append(number)

        with on_thread(fill) as thread:
            eventually(lambda: producer._spool.blocked)
            before = len(put)
            thread.join(0.3)
            assert len(put) == before < 500
            application.stream.stub.faults = lambda _call, _keys: None

    assert [each["order_id"] for each in application.stored()] == [f"o-{number}" for number in range(500)]


def test_an_error_that_ends_the_run_surfaces_from_put_and_close_and_the_spool_keeps_the_events(
    application: Application,
) -> None:
    application.stream.stub.faults = lambda _call, _keys: Fault(status=400, code="ResourceNotFoundException")
    queued = 0
    producer = application.open()

    def fill() -> None:
        nonlocal queued
        while True:
            producer.put(order(queued))
            queued += 1

    with pytest.raises(PublishError, match="right stream"):
        fill()
    with pytest.raises(PublishError, match="right stream"), producer:
        pass

    assert (producer.summary.sent, producer.summary.spooled) == (0, queued)
    application.stream.stub.faults = lambda _call, _keys: None
    with application.open() as again:
        pass
    assert again.summary.replayed == again.summary.sent == queued


def test_a_put_that_waits_for_room_ends_with_the_run(application: Application) -> None:
    application.stream.stub.faults = lambda _call, _keys: Fault(status=503)
    producer = application.open(spool_limit=20_000)
    errors: list[Exception] = []

    def fill() -> None:
        try:
            while True:
                producer.put(order(1))
        except PublishError as error:
            errors.append(error)

    with on_thread(fill):
        eventually(lambda: producer._spool.blocked)
        application.stream.stub.faults = lambda _call, _keys: Fault(
            status=400, code="UnrecognizedClientException"
        )
    assert "for a deleted one, run `python -m producer configure`" in str(errors)
    with pytest.raises(PublishError):
        producer.close()


def test_an_exception_ends_the_run_soon_and_the_next_run_sends_the_rest(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.application.FLUSH_SECONDS", 0.1)
    application.stream.stub.faults = lambda _call, _keys: Fault(status=503)

    producer = application.open()

    def interrupted() -> None:
        with producer:
            producer.put(order(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert producer.summary.spooled == 1
    application.stream.stub.faults = lambda _call, _keys: None
    application.open().close()
    # At least once: a call of the first run that was still being retried may succeed now.
    assert {each["order_id"] for each in application.stored()} == {"o-1"}


def test_a_closed_producer_takes_no_event_and_a_spool_has_one_producer(application: Application) -> None:
    with application.open() as producer:
        with pytest.raises(SpoolError, match="Another producer"):
            application.open()
        producer.close()
    with pytest.raises(ProducerError, match="is closed"):
        producer.put(order(1))
    producer.close()


def test_a_configuration_names_what_is_missing(application: Application, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`region` is missing in the mapping"):
        open_producer({})
    with pytest.raises(ConfigError, match="event type is `absent`"):
        open_producer(application.config | {"event_type": "absent"})
    with pytest.raises(ConfigError, match=r"config\.json"):
        open_producer(Config(tmp_path / "config.json", {}, {}))


def test_the_spool_lies_beside_the_configurations_file(application: Application, tmp_path: Path) -> None:
    with open_producer(Config(tmp_path / "config.json", application.config, {})):
        assert list((tmp_path / "spool").iterdir())


def test_an_application_leaves_the_position_of_an_interrupted_file(
    application: Application, stream: Stream, tmp_path: Path
) -> None:
    command_line = CommandLine(tmp_path, stream.url)
    del application.config["event_type"]
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweets(range(100)))
    command_line.run("--source", "file", str(file), "--limit", "50", "--duration", "60")
    process = command_line.start("--source", "file", str(file), "--rate", "20")
    eventually(lambda: len(stream.ids) > 60)
    process.terminate()
    process.communicate()

    with application.open() as producer:
        producer.put(json.loads(tweet(100)))

    assert "Resuming" in command_line.run("--source", "file", str(file)).messages


KILLED = """
import itertools, json, sys
from pathlib import Path
from producer import open_producer

with open_producer(json.loads(sys.argv[1]), spool=Path(sys.argv[2])) as producer:
    for number in itertools.count():
        producer.put({**json.loads(sys.argv[3]), "order_id": f"o-{number}"})
        print(number, flush=True)
"""


@pytest.mark.parametrize("successor", ["application", "command line"])
@pytest.mark.parametrize("status", [None, 503])
def test_a_killed_application_loses_no_event_that_put_has_returned_for(
    application: Application, stream: Stream, tmp_path: Path, status: int | None, successor: str
) -> None:
    stream.stub.faults = lambda _call, _keys: Fault(status=status)
    arguments = [json.dumps(application.config), str(application.spool), json.dumps(order(0))]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        while int(process.stdout.readline()) < 500:
            pass
        process.kill()
        put = [int(line) for line in process.stdout if line.endswith("\n")]
    stream.stub.faults = lambda _call, _keys: None

    if successor == "application":
        application.open().close()
    else:
        command_line = CommandLine(tmp_path, stream.url)
        command_line.run("--source", "file", "-", "--event-type", "order")

    last = max(put, default=500)
    stored = {int(each["order_id"][2:]) for each in application.stored()}
    assert stored >= set(range(last + 1))


def test_importing_the_package_imports_neither_boto3_nor_the_application() -> None:
    code = "import sys, producer; print([name for name in sys.modules if name in ('boto3', 'producer.application')])"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert out == "[]\n"
