"""`make producers` itself: the producers of others, which it downloads, run outside these tests."""

import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tools.producers.__main__ import main
from tools.producers.catalog import Producer
from tools.producers.run import ProducerError, make_events, put

EVENTS = 20

PUT_LINES = """
import sys, boto3
lines = sys.stdin.buffer.read().splitlines()
kinesis = boto3.client("kinesis")
for line in lines:
    key, event = line.split(b"\\t", 1)
    kinesis.put_record(StreamName=sys.argv[1], PartitionKey=key.decode(), Data=event)
"""


def producer(program: str) -> Producer:
    return Producer("a producer", [sys.executable, "-c", program, "{stream}"])


def test_a_repeated_event_is_a_duplicate_and_a_lost_one_is_a_fault() -> None:
    outcome = put(producer(PUT_LINES.replace("in lines", "in lines + lines[:3]")), make_events(EVENTS))
    assert (outcome.records, outcome.received, len(outcome.rows)) == (EVENTS + 3, EVENTS + 3, EVENTS)
    assert outcome.find_fault(outcome.rows, EVENTS) == ""
    losing = replace(outcome, rows=set(sorted(outcome.rows)[1:]))
    assert losing.find_fault(outcome.rows, EVENTS) == "1 missing or different"
    assert outcome.find_fault(losing.rows, EVENTS - 1) == f"for {EVENTS - 1} events"
    uncounted = replace(outcome, received=EVENTS + 4)
    assert uncounted.find_fault(outcome.rows, EVENTS) == "the counts do not add up, 0 in quarantine"


def test_a_producer_that_fails_is_quoted() -> None:
    with pytest.raises(ProducerError, match=r"a producer ended with 1:\nno such thing$"):
        put(producer("import sys; sys.exit('no such thing')"), make_events(1))


def test_a_missing_tool_is_named_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(main, ["kpl", "kinesis-agg-npm"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "Error: kpl-1.1.0 needs `java`, which is not on PATH: install a JDK, 17 or later, or name what to run "
        "without it"
    ]
