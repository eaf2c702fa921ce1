"""The producer as a process for each event type: what arrives on the stream, and what is said about it."""

import json
from collections import Counter

import pytest

from event.types import event_types, load
from local.stubs.kinesis import Fault, away, no_faults
from producer.formats import load_format
from producer.spooling.entry import StreamRecord
from tests.producer.conftest import Producer, Stream, tweet, tweets
from tests.waiting import eventually


def order(number: int) -> str:
    members = {"customer_id": f"c-{number % 7}", "order_id": str(number), "status": "paid", "total": number}
    return json.dumps(members | {"placed_at": "2026-11-23T14:41:28Z"}) + "\n"


def orders(numbers: range) -> str:
    return "".join(map(order, numbers))


def sent(stream: Stream) -> list[bytes]:
    return [data for _, data in stream.stub.order]


@pytest.mark.parametrize("name", event_types())
def test_valid_events_arrive_in_the_order_of_their_keys_and_invalid_ones_are_counted(
    stream: Stream, producer: Producer, name: str
) -> None:
    event = load(name)
    producer.configure(stream.url, event_type=name)

    done = producer.run("--source", "file", "-", text="\n".join([*event.samples, *event.invalid, "{", ""]))

    rejected = len(event.invalid) + 1
    assert done.code == 1
    assert (done.counts["sent"], done.counts["rejected"]) == (len(event.samples), rejected)
    records = [load_format(name).decode(sample.encode()).encode() for sample in event.samples]
    assert [StreamRecord(*pair) for pair in stream.stub.order] == records
    assert done.messages.count("Rejected line ") == rejected


def test_a_dry_run_follows_the_configuration_and_the_option(producer: Producer) -> None:
    an_order, view = load("order").samples[0], load("page_view").samples[0]
    producer.configure("", event_type="order")

    configured = producer.run("--source", "file", "-", "--dry-run", text=f" {an_order}\n{view}")
    chosen = producer.run(
        "--source", "file", "-", "--dry-run", "--event-type", "page_view", text=f"{an_order}\n{view}"
    )

    assert (configured.code, configured.lines) == (1, [an_order])
    assert (chosen.code, chosen.lines) == (1, [view])
    assert "Rejected line 2: CustomerId: `customer_id` is missing" in configured.messages


def test_equal_numbers_share_a_lane_and_keep_their_order(stream: Stream, producer: Producer) -> None:
    stream.stub.faults = lambda call, keys: Fault(throttled=frozenset({len(keys) - 1})) if call % 2 else None
    first, *_ = load("telemetry").samples
    numbers = ("4711", "4711.0", "47.11E+2", "4711.00")
    lines = [
        first.replace("4711", numbers[number % 4]).replace("1795444888000", str(number))
        for number in range(1_000)
    ]
    producer.configure(stream.url, event_type="telemetry")

    done = producer.run("--source", "file", "-", text="\n".join(lines))

    assert (done.code, done.counts["sent"]) == (0, 1_000)
    assert {key for key, _ in stream.stub.order} == {"4711"}
    assert sent(stream) == [line.encode() for line in lines]


def test_events_that_remain_are_sent_by_the_next_run_under_their_keys(
    stream: Stream, producer: Producer
) -> None:
    producer.configure(stream.url, event_type="order")
    stream.stub.faults = away
    killed = producer.start("--source", "file", "-")
    assert killed.stdin
    killed.stdin.write(orders(range(50)))
    killed.stdin.flush()
    eventually(lambda: stream.stub.calls)
    eventually(lambda: sum(log.read_bytes().count(b"\n") for log in producer.spool.rglob("*.log")) == 50)
    killed.kill()
    killed.communicate()
    left = producer.run("--source", "file", "-", "--duration", "0.1", text=order(50))
    stream.stub.faults = no_faults

    done = producer.run("--source", "file", "-", text=order(51))

    assert (left.code, left.counts["spooled"]) == (1, 51)
    assert "51 orders remain in" in left.messages
    assert (done.code, done.counts["replayed"], done.counts["sent"]) == (0, 51, 52)
    assert Counter(sent(stream)) == Counter(orders(range(52)).encode().splitlines())
    for key, data in stream.stub.order:
        assert key == json.loads(data)["customer_id"]


def test_events_of_another_type_stay_in_their_spool_and_the_run_says_so(
    stream: Stream, producer: Producer
) -> None:
    stream.stub.faults = away
    producer.run("--source", "file", "-", "--duration", "0.1", text=tweets(range(3)))
    stream.stub.faults = no_faults

    done = producer.run("--source", "file", "-", "--event-type", "order", text=order(1))
    rest = producer.run("--source", "file", "-", text=tweet(3))

    assert done.counts["sent"] == 1
    assert "is not empty, and of event type tweet" in done.messages
    assert "one with --event-type tweet does." in done.messages
    assert rest.counts["sent"] == 4
    assert "is not empty" not in rest.messages
    assert sent(stream)[0] == order(1).strip().encode()
    assert sorted(json.loads(data)["id"] for data in sent(stream)[1:]) == list("0123")


@pytest.mark.parametrize("arguments", [[], ["--source", "x", "--track", "cat"], ["--source", "bluesky"]])
def test_x_and_bluesky_say_that_they_bring_tweets_only(producer: Producer, arguments: list[str]) -> None:
    producer.configure("http://127.0.0.1:1", event_type="order")

    for dry_run in ([], ["--dry-run"]):
        done = producer.run(*arguments, *dry_run)

        assert (done.code, len(done.log)) == (2, 1)
        assert "brings tweets only, and the event type is order: use --source file" in done.messages


@pytest.mark.parametrize("arguments", [["--event-type", "oder"], []])
def test_an_unknown_event_type_ends_the_run_before_it_reads(producer: Producer, arguments: list[str]) -> None:
    producer.configure("http://127.0.0.1:1", event_type="order" if arguments else "oder")

    done = producer.run("--source", "file", "-", *arguments, text=order(1))

    assert (done.code, len(done.log)) == (2, 1)
    assert "`oder`" in done.messages
    assert "order, page_view, telemetry, tweet" in done.messages
    assert not producer.spool.exists()
