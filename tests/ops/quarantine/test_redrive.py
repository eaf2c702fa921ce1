"""Quarantine and redrive, with objects that the real function and the real mapping made."""

import functools
import hashlib
import json
import signal
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import aws_kinesis_agg.aggregator  # noqa: F401 # puts its folder on the path, from which messages_pb2 imports
import pytest
from aws_kinesis_agg.messages_pb2 import AggregatedRecord, Record
from botocore.exceptions import ClientError

from event.poison import PoisonError, Reason
from event.quarantine_object import object_body, object_key
from ops.quarantine import commands, lease, redrive
from ops.quarantine.bucket import Bucket
from ops.quarantine.lease import Leases
from ops.quarantine.redrive import Redriver
from ops.quarantine.selection import age
from tests.doubles.relay import relaying
from tests.handler.events import aggregate, record
from tests.ops.stack import DeployedStack, tombstone, tweet
from tests.waiting import eventually


def discard(stack: DeployedStack, user: str, count: int) -> list[str]:
    """Let a batch of tweets run out of retries; return the key of Lambda's object."""
    with stack.table_closed():
        stack.put(*(tweet(user, number) for number in range(count)), key=user)
        return stack.quarantined(1)


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float = lease.LEASE_SECONDS) -> None:
    """Let the commands of this process run that much later, as far as leases are concerned."""
    later = functools.partial(Leases, now=lambda: time.time() + seconds)
    monkeypatch.setattr(commands, "Leases", later)


def quarantine(stack: DeployedStack, number: int, payload: bytes = b"poison", key: object = "ada") -> str:
    """Put an object into quarantine as the function does; return its key."""
    made = record(payload, number)
    made["kinesis"]["partitionKey"] = key  # type: ignore[typeddict-item]
    poison = PoisonError(Reason.NOT_JSON, "made up")
    name = object_key(made, poison.reason)
    stack.s3.put_object(
        Bucket=stack.outputs["quarantine_bucket"], Key=name, Body=object_body(made, poison, "function")
    )
    return name


def ids(count: int) -> set[str]:
    return {str(number) for number in range(count)}


def test_a_record_that_can_never_be_stored_is_listed_shown_repaired_and_stored(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    stack.put(b'{"username": "' + user.encode() + b'", "id": "1", "text": "broken', key=user)
    (key,) = stack.quarantined(1)
    listed = stack.json("quarantine", "list")
    assert listed["reasons"] == {"not-json": 1}
    assert listed["objects"][0]["key"] == key
    assert stack.json("quarantine", "show", key)["since"] == listed["objects"][0]["since"]
    shown = stack.ops("quarantine", "show", key).stdout
    assert '"text": "broken' in shown
    assert f"partition key    {user}" in shown

    raw = stack.ops("quarantine", "show", key, "--raw").stdout_bytes
    payload = tmp_path / "fixed.json"
    payload.write_bytes(raw + b'"}')
    assert stack.ops("quarantine", "redrive", key, "--payload", str(payload)).exit_code == 0

    assert eventually(lambda: stack.rows(user)) == {"1"}
    assert stack.objects() == []
    assert "is empty" in stack.ops("quarantine", "list").stdout


def test_a_repaired_payload_is_sent_under_its_own_username(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    key = quarantine(stack, 1, key="the wrong author")
    payload = tmp_path / "fixed.json"
    payload.write_bytes(tweet(user))

    assert stack.json("quarantine", "redrive", key, "--payload", str(payload))["redriven"] == 1

    assert stack.records_on_stream()[-1] == (user, tweet(user))


def test_a_tombstone_that_a_function_of_an_earlier_release_quarantined_deletes_once_it_is_redriven(
    stack: DeployedStack, user: str
) -> None:
    stack.put(tweet(user, 1), tweet(user, 2), key=user)
    eventually(lambda: stack.rows(user) == {"1", "2"})
    key = quarantine(stack, 1, payload=tombstone(user, 1), key=user)

    assert stack.json("quarantine", "redrive", key)["redriven"] == 1

    eventually(lambda: stack.rows(user) == {"2"})
    assert stack.objects() == []


def test_a_tombstone_of_another_table_is_repaired_and_deletes_under_its_own_username(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    stack.put(tweet(user, 1), b'{"stream_processing_tombstone":1,"key":{"OrderId":"1"}}', key=user)
    (key,) = stack.quarantined(1)
    assert stack.json("quarantine", "show", key)["reason"] == "invalid-key"
    payload = tmp_path / "fixed.json"
    payload.write_bytes(tombstone(user, 1))

    assert stack.json("quarantine", "redrive", key, "--payload", str(payload))["redriven"] == 1

    eventually(lambda: stack.rows(user) == set())
    assert stack.records_on_stream()[-1] == (user, tombstone(user, 1))


def test_a_discarded_batch_comes_back_in_order_with_its_deletions(stack: DeployedStack, user: str) -> None:
    with stack.table_closed():
        stack.put(tweet(user, 1), tweet(user, 2), tombstone(user, 1), key=user)
        stack.quarantined(1)

    assert stack.json("quarantine", "redrive", "--reason", "discarded")["records"] == 3

    eventually(lambda: stack.rows(user) == {"2"})


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (
            b'{"id": "1", "text": "no author"}',
            "as not-a-tweet: no tweet and its author in an object of id, text",
        ),
        (b'{"username": "", "id": "1", "text": ""}', "as invalid-key: the username is empty"),
        (b'{"username": "\\ud800", "id": "1", "created_at": "2026-11-23", "text": ""}', "as not-utf8: "),
        (b"{", "as not-json: "),
    ],
    ids=["no username", "an empty username", "half a surrogate pair", "no JSON"],
)
def test_a_repaired_payload_that_the_function_would_quarantine_again_is_not_sent(
    stack: DeployedStack, tmp_path: Path, payload: bytes, why: str
) -> None:
    key = quarantine(stack, 1)
    everything, on_stream = stack.everything(), stack.on_stream()
    file = tmp_path / "fixed.json"
    file.write_bytes(payload)

    result = stack.ops("quarantine", "redrive", key, "--payload", str(file))

    assert result.exit_code == 2
    assert f"The function would quarantine {file} again, {why}" in result.stderr
    assert (stack.everything(), stack.on_stream()) == (everything, on_stream)


def test_a_huge_payload_is_shown_up_to_a_limit_and_can_be_written_whole(stack: DeployedStack) -> None:
    payload = b'"' + "é".encode() * 300_000
    stack.put(payload)
    (key,) = stack.quarantined(1)
    shown = stack.ops("quarantine", "show", key).stdout
    assert len(shown) < 2_000
    assert "... (--raw writes all of it)" in shown
    assert stack.ops("quarantine", "show", key, "--raw").stdout_bytes == payload


def test_a_batch_that_ran_out_of_retries_is_listed_shown_redriven_and_stored(
    stack: DeployedStack, user: str
) -> None:
    (key,) = discard(stack, user, 3)
    assert stack.json("quarantine", "list")["objects"][0]["records"] == 3
    shown = stack.json("quarantine", "show", key)
    assert shown["reason"] == "discarded"
    assert "RetryAttemptsExhausted after 1 invocations" in shown["error"]
    assert [json.loads(record["payload"])["id"] for record in shown["records"]] == ["0", "1", "2"]

    done = stack.json("quarantine", "redrive", "--reason", "discarded", "--rate", "2")  # so in two calls

    assert (done["redriven"], done["records"], done["kept"]) == (1, 3, 0)
    eventually(lambda: len(stack.rows(user)) == 3)
    assert stack.objects() == []


def test_the_partition_key_is_kept(stack: DeployedStack, user: str) -> None:
    stack.put(b"never a tweet", key=user)
    (key,) = stack.quarantined(1)
    stack.ops("quarantine", "redrive", key)
    (returned,) = eventually(lambda: [each for each in stack.objects() if each != key])
    assert stack.json("quarantine", "show", returned)["records"][0]["partition_key"] == user


def test_a_user_record_goes_to_the_shard_that_its_producer_chose(stack: DeployedStack, user: str) -> None:
    highest = str((1 << 128) - 1)
    user = next(
        name
        for n in count()
        if (name := f"{user}-{n}") and hashlib.md5(name.encode(), usedforsecurity=False).digest()[0] < 128
    )
    made = AggregatedRecord(
        partition_key_table=[user],
        explicit_hash_key_table=[highest],
        records=[Record(partition_key_index=0, explicit_hash_key_index=0, data=b"never a tweet")],
    ).SerializeToString()
    digest = hashlib.md5(made, usedforsecurity=False).digest()
    stack.put(b"\xf3\x89\x9a\xc2" + made + digest, key=user)
    (key,) = stack.quarantined(1)
    assert stack.json("quarantine", "show", key)["records"][0]["explicit_hash_key"] == highest
    other = f"stream-{uuid.uuid4().hex[:8]}"
    stack.kinesis.create_stream(StreamName=other, ShardCount=2)
    stack.ops("quarantine", "redrive", key, "--stream-name", other)
    shards = stack.kinesis.list_shards(StreamName=other)["Shards"]
    (last,) = [shard["ShardId"] for shard in shards if shard["HashKeyRange"]["EndingHashKey"] == highest]
    start = stack.kinesis.get_shard_iterator(StreamName=other, ShardId=last, ShardIteratorType="TRIM_HORIZON")
    (sent,) = stack.kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert (sent["Data"], sent["PartitionKey"]) == (b"never a tweet", user)
    stack.kinesis.delete_stream(StreamName=other)


def test_records_of_one_reason_in_one_object_are_all_redriven(stack: DeployedStack, user: str) -> None:
    stack.put(aggregate(*[b"never"] * 150, tweet(user, 1), keys=[user]), key=user)
    (key,) = stack.quarantined(1)
    assert stack.json("quarantine", "list")["objects"][0]["records"] == 150
    assert eventually(lambda: stack.rows(user)) == {"1"}
    done = stack.json("quarantine", "redrive", key)
    assert (done["redriven"], done["records"]) == (1, 150)


def test_a_record_without_a_partition_key_is_redriven_under_its_sequence_number(stack: DeployedStack) -> None:
    key = quarantine(stack, 4711, key=None)
    shown = stack.ops("quarantine", "show", key).stdout
    assert "partition key    none" in shown
    stack.ops("quarantine", "redrive", key)
    (returned,) = eventually(lambda: [each for each in stack.objects() if each != key])
    assert stack.json("quarantine", "show", returned)["records"][0]["partition_key"] == "4711"


def test_an_object_of_an_earlier_release_is_read(stack: DeployedStack) -> None:
    key = quarantine(stack, 1)
    bucket = stack.outputs["quarantine_bucket"]
    body = json.loads(stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    del body["explicitHashKey"], body["valueNumber"]
    stack.s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(body).encode())
    (shown,) = stack.json("quarantine", "show", key)["records"]
    assert (shown["payload"], shown["partition_key"], shown["explicit_hash_key"]) == ("poison", "ada", None)


def test_a_record_that_comes_back_is_recognised_and_not_sent_for_ever(stack: DeployedStack) -> None:
    stack.put(b"never a tweet")
    first = stack.quarantined(1)
    stack.ops("quarantine", "redrive")
    second = eventually(lambda: [key for key in stack.objects() if key not in first])
    assert "redriven 1 time, came back" in stack.ops("quarantine", "list").stdout

    again = stack.ops("quarantine", "redrive")
    assert "1 skipped" in again.stdout
    assert second[0] in again.stderr
    assert stack.objects() == second

    assert stack.json("quarantine", "redrive", "--max-redrives", "2")["redriven"] == 1
    third = eventually(lambda: [key for key in stack.objects() if key not in second])
    assert stack.json("quarantine", "show", third[0])["redriven"] == 2

    stack.ops("quarantine", "purge", "--yes")
    assert stack.everything() == []


def test_the_same_content_from_the_producer_twice_is_not_taken_for_one_that_came_back(
    stack: DeployedStack,
) -> None:
    stack.put(b"never a tweet", b"never a tweet")
    first, second = stack.quarantined(2)
    stack.ops("quarantine", "redrive", first)
    eventually(lambda: len(stack.objects()) == 2)
    done = stack.json("quarantine", "redrive")
    assert (done["redriven"], done["returned"]) == (1, 1)
    assert second not in stack.objects()


def test_an_object_that_the_function_writes_again_after_its_redrive_is_not_sent_again(
    stack: DeployedStack, user: str
) -> None:
    key = quarantine(stack, 1, tweet(user))
    assert stack.json("quarantine", "redrive")["redriven"] == 1
    assert quarantine(stack, 1, tweet(user)) == key  # its batch was being retried for another record
    done = stack.json("quarantine", "redrive")
    assert (done["redriven"], done["returned"]) == (0, 1)
    assert stack.json("quarantine", "show", key)["redriven"] == 1
    assert stack.on_stream().count(tweet(user)) == 1


def test_a_dry_run_sends_and_deletes_nothing(stack: DeployedStack, user: str) -> None:
    keys = discard(stack, user, 2)
    everything = stack.everything()
    done = stack.json("quarantine", "redrive", "--dry-run")
    assert (done["redriven"], done["records"], done["dry_run"]) == (1, 2, True)
    assert stack.objects() == keys
    assert stack.everything() == everything


def test_a_dry_run_lists_what_would_be_sent_and_what_not_and_why(stack: DeployedStack) -> None:
    stack.put(b"returns")
    (first,) = stack.quarantined(1)
    stack.ops("quarantine", "redrive")
    (returned,) = eventually(lambda: [key for key in stack.objects() if key != first])
    good, bad = quarantine(stack, 1), quarantine(stack, 2, key="")
    listed = stack.json("quarantine", "redrive", "--dry-run")["objects"]
    assert {each["key"]: each["action"] for each in listed} == {good: "send", bad: "skip", returned: "skip"}
    why = {each["key"]: each["why"] for each in listed}
    assert why[good] == "not-json, 1 record, 9 B: made up"
    assert "partition key of 0 characters" in why[bad]
    assert "came back after 1 redrive" in why[returned]
    text = stack.ops("quarantine", "redrive", "--dry-run")
    assert f"send  {good}\n" in text.stdout
    assert f"skip  {bad}\n" in text.stdout


@pytest.mark.parametrize(
    ("key", "payload", "why"),
    [
        (17, b"poison", "17 is int, not a string"),
        ("", b"poison", "a partition key of 0 characters"),
        ("x" * 300, b"poison", "a partition key of 300 characters"),
        ("ada", b"x" * 2_000_000, "a record of 2,000,003 bytes"),
    ],
    ids=["integer key", "empty key", "long key", "large payload"],
)
def test_an_object_that_no_stream_accepts_is_reported_and_the_others_are_sent(
    stack: DeployedStack, user: str, key: object, payload: bytes, why: str
) -> None:
    quarantine(stack, 1, tweet(user, 1))
    bad = quarantine(stack, 2, payload, key)
    quarantine(stack, 3, tweet(user, 3))
    redriven = stack.ops("quarantine", "redrive")
    assert redriven.exit_code == 1
    assert "Of 3 objects: 2 objects (2 records) redriven, 1 " in redriven.stdout
    assert why in redriven.stderr
    assert bad in redriven.stderr
    eventually(lambda: stack.rows(user) == {"1", "3"})
    assert stack.objects() == [bad]


def test_a_large_record_is_redriven_where_the_streams_limit_was_raised(
    stack: DeployedStack, user: str
) -> None:
    key = quarantine(stack, 1, b"x" * 2_000_000)
    arn = stack.outputs["stream_arn"]
    refused = stack.ops("quarantine", "redrive", key)
    assert "a record of 2,000,003 bytes; the stream accepts 1,048,576 (streamMaxRecordKiB)" in refused.stderr
    stack.kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    try:
        redriven = stack.ops("quarantine", "redrive", key, "--max-record-kib", "2048")
        assert "1 object (1 record) redriven" in redriven.stdout
    finally:
        stack.kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=1024)


def test_two_operators_at_once_send_every_record_once(stack: DeployedStack, user: str) -> None:
    payloads = [tweet(user, number) for number in range(40)]
    for number, payload in enumerate(payloads):
        quarantine(stack, number, payload)
    name = stack.outputs["quarantine_bucket"]
    entries = sorted(Bucket(stack.s3, name).entries(), key=age)

    def operate(order: int) -> redrive.Summary:
        run = Redriver(
            Bucket(stack.s3, name),
            Leases(stack.s3, name),
            stack.kinesis,
            {"StreamName": stack.outputs["stream_name"]},
            rate=20,
            max_redrives=1,
            stop=threading.Event(),
            notify=lambda _message: None,
        )
        run.run(entries[::order])  # the second begins at the other end
        return run.summary

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(operate, (1, -1))
    sent = Counter(payload for payload in stack.on_stream() if payload in payloads)
    assert sent == dict.fromkeys(payloads, 1)
    assert first.redriven + second.redriven == 40
    assert min(first.redriven, second.redriven) > 0
    assert stack.objects() == []
    register = stack.s3.get_object(Bucket=name, Key=lease.REGISTER)["Body"].read()
    assert json.loads(register) == {"runs": {}}


def test_an_object_that_another_run_leased_is_skipped_until_the_lease_expires(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = quarantine(stack, 1, tweet(user))
    Leases(stack.s3, stack.outputs["quarantine_bucket"]).acquire([key])  # and the run dies
    skipped = stack.ops("quarantine", "redrive")
    assert skipped.exit_code == 1
    assert "1 skipped, being redriven by another run" in skipped.stdout
    assert f"{key} is being redriven by" in skipped.stderr
    assert stack.json("quarantine", "redrive", "--dry-run")["leased"] == 1
    assert stack.objects() == [key]

    pass_time(monkeypatch)
    assert stack.json("quarantine", "redrive")["redriven"] == 1


def test_records_of_a_lease_that_was_lost_while_the_run_slept_are_not_sent(
    stack: DeployedStack, user: str
) -> None:
    key = quarantine(stack, 1, tweet(user))
    name = stack.outputs["quarantine_bucket"]
    now = time.time()

    class SleepingStop(threading.Event):
        """A stop that another run overtakes, while the rate limiter waits on it."""

        def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
            nonlocal now
            now += lease.LEASE_SECONDS + 1
            assert Leases(stack.s3, name, now=lambda: now).acquire([key]) == {}
            return False

    notes: list[str] = []
    run = Redriver(
        Bucket(stack.s3, name),
        Leases(stack.s3, name, now=lambda: now),
        stack.kinesis,
        stack.outputs["stream_name"],
        rate=20,
        max_redrives=1,
        stop=SleepingStop(),
        notify=notes.append,
    )

    run.run(list(Bucket(stack.s3, name).entries()))

    assert (run.summary.redriven, run.summary.kept) == (0, 1)
    assert notes == ["Not all records of 1 object were sent: they are kept."]
    assert tweet(user) not in stack.on_stream()
    assert stack.objects() == [key]


@pytest.mark.parametrize(
    ("step", "times"),
    [
        ("GET /{bucket}/redriven/leases", 1),
        ("PUT /{bucket}/redriven/leases", 1),
        ("GET /{bucket}/records", 1),
        ("prefix=redriven%2Fsent", 1),
        ("PutRecords", 1),
        ("PUT /{bucket}/redriven/sent", 2),
        ("POST /{bucket}?delete", 1),
        ('{{"runs": {{}}}}', 1),
    ],
    ids=["reads leases", "leases", "reads", "looks for markers", "sends", "marks", "deletes", "releases"],
)
def test_a_run_that_is_killed_before_any_of_its_calls_loses_nothing_and_repeats_a_call_at_most(
    stack: DeployedStack, user: str, step: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads = [tweet(user, number) for number in range(3)]
    for number, payload in enumerate(payloads):
        quarantine(stack, number, payload)
    with relaying(
        stack.aws.endpoint, step.format(bucket=stack.outputs["quarantine_bucket"]).encode()
    ) as relay:
        process = stack.ops_process("quarantine", "redrive", endpoint=relay.url)
        eventually(lambda: relay.silent.is_set() or process.poll() is not None)
        assert process.poll() is None
        process.kill()
        process.communicate()
    pass_time(monkeypatch)

    done = stack.json("quarantine", "redrive")

    # An object that was marked, but not deleted, counts as returned: its record is on the stream.
    assert done["redriven"] + done["returned"] == done["selected"]
    assert Counter(payload for payload in stack.on_stream() if payload in payloads) == dict.fromkeys(
        payloads, times
    )
    eventually(lambda: stack.rows(user) == ids(3))


def test_an_object_that_was_sent_in_part_is_sent_whole_by_the_next_redrive(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = f"never, {user}".encode()
    stack.put(aggregate(*[payload] * 150, keys=["ada"]), key="ada")
    (key,) = stack.quarantined(1)
    monkeypatch.setattr(redrive, "_ATTEMPTS", 1)
    with stack.mapping(Enabled=False):
        stack.aws.faults.set("kinesis:PutRecords", entries=0.5, times=1)
        assert stack.json("quarantine", "redrive")["kept"] == 1
        assert 0 < stack.on_stream().count(payload) < 150

        done = stack.json("quarantine", "redrive", key)

    assert (done["redriven"], done["records"], done["returned"]) == (1, 150, 0)
    eventually(lambda: stack.objects() not in ([], [key]))


def test_an_object_is_named_by_any_part_of_its_key_that_no_other_has(stack: DeployedStack) -> None:
    first, second = quarantine(stack, 4711), quarantine(stack, 4712)
    assert stack.json("quarantine", "show", "4711")["key"] == first
    assert stack.json("quarantine", "show", second.removesuffix(".json"))["key"] == second
    ambiguous = stack.ops("quarantine", "show", "471")
    assert ambiguous.exit_code == 2
    assert "471 is part of the keys of 2 objects; give a longer part:" in ambiguous.stderr
    assert first in ambiguous.stderr
    assert second in ambiguous.stderr
    assert stack.json("quarantine", "purge", "4711", first, "--yes") == {"deleted": 1}
    assert stack.objects() == [second]


def test_the_function_is_denied_to_write_markers_and_leases(stack: DeployedStack) -> None:
    s3 = stack.aws.role_client("s3", stack.outputs["function_name"])
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=stack.outputs["quarantine_bucket"], Key="redriven/1.json", Body=b"{}")


def test_what_the_mappings_filters_would_drop_stays_in_quarantine(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    dropped, wanted = quarantine(stack, 1), quarantine(stack, 2, tweet(user, lang="en"))
    with stack.mapping(FilterCriteria={"Filters": [{"Pattern": '{"data": {"lang": ["en"]}}'}]}):
        result = stack.ops("quarantine", "redrive")
        assert result.exit_code == 1
        assert "1 skipped, which the mapping's filters would drop" in result.stdout
        assert (
            f"Skipped: {dropped} has a record that the mapping's filters would drop: it stays."
            in result.stderr
        )
        assert wanted not in stack.objects()
        repaired = tmp_path / "repaired.json"
        repaired.write_bytes(tweet(user, 2, lang="en"))
        done = stack.json("quarantine", "redrive", dropped, "--payload", str(repaired))
        assert (done["redriven"], done["filtered"]) == (1, 0)
    assert eventually(lambda: stack.rows(user) == {"1", "2"})


def test_objects_are_selected_by_reason_and_time(stack: DeployedStack, user: str) -> None:
    discard(stack, user, 1)
    stack.put(b"not json", b"{}")
    stack.quarantined(3)

    def selected(*options: str) -> int:
        selected: int = stack.json("quarantine", "redrive", "--dry-run", *options)["selected"]
        return selected

    assert selected("--reason", "discarded") == 1
    assert selected("--reason", "given-up") == 1  # its name in 1.0.0
    assert selected("--reason", "not-a-tweet") == 1
    assert selected("--reason", "too-large") == 0
    assert selected("--since", "1h") == 3
    assert selected("--since", "2999-01-01") == 0


def test_throttled_entries_are_sent_again_until_the_stream_has_all(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "_MAX_DELAY", 0.1)
    discard(stack, user, 20)
    stack.aws.faults.set("kinesis:PutRecords", entries=0.3)
    done = stack.json("quarantine", "redrive")
    assert stack.aws.faults.injected()["kinesis:PutRecords entries"] > 0
    assert (done["records"], done["kept"]) == (20, 0)
    eventually(lambda: stack.rows(user) == ids(20))


def test_an_object_whose_records_are_throttled_to_the_end_is_kept(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = discard(stack, user, 2)
    monkeypatch.setattr(redrive, "_ATTEMPTS", 1)
    stack.aws.faults.set("kinesis:PutRecords", entries=1)
    result = stack.ops("quarantine", "redrive")
    assert result.exit_code == 1
    assert "Of 1 object: 0 objects (0 records) redriven, 1 kept. Run it again" in result.stdout
    assert "Not all records of 1 object were sent: they are kept." in result.stderr
    assert stack.objects() == keys


def test_objects_are_kept_without_permission_to_delete_and_a_repeat_is_harmless(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = discard(stack, user, 2)
    allowed = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "kinesis:PutRecords"]
    allowed += ["kinesis:DescribeStreamSummary", "lambda:ListEventSourceMappings"]
    with stack.operator(*allowed) as environment:
        denied = stack.ops_as(environment, "quarantine", "redrive")
    assert denied.exit_code == 1
    assert "Interrupted. Of 1 object: 0 objects (0 records) redriven, 1 kept" in denied.stdout
    assert "s3:DeleteObject" in denied.stderr
    assert stack.objects() == keys

    pass_time(monkeypatch)  # the lease could not be released either
    assert stack.json("quarantine", "redrive")["redriven"] == 1
    eventually(lambda: stack.rows(user) == ids(2))
    assert stack.objects() == []


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_in_the_middle_loses_nothing_and_repeats_a_group_at_most(
    stack: DeployedStack, user: str, interruption: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads = {f"{user} {number}".encode() for number in range(30)}
    stack.put(*payloads)
    stack.quarantined(30)
    with stack.mapping(Enabled=False):
        process = stack.ops_process("quarantine", "redrive", "--rate", "2")
        eventually(lambda: len(stack.objects()) < 30)
        process.send_signal(interruption)
        out, _ = process.communicate()
        left = len(stack.objects())
        if interruption is signal.SIGINT:
            assert process.returncode == 1
            assert f"Interrupted. Of 30 objects: {30 - left} objects ({30 - left} records) redriven" in out
        else:
            pass_time(monkeypatch)  # the leases of a run that died
        assert 0 < left < 30
        done = stack.json("quarantine", "redrive")
        sent = [payload for payload in stack.on_stream() if payload in payloads]
    # An object that was marked, but not deleted yet, counts as returned: its record is on the stream.
    assert done["redriven"] + done["returned"] == left
    assert set(sent[30:]) == payloads
    assert len(sent[30:]) <= 30 + 2
    # The copies come back, beside what stayed: nothing is left for the next test to meet.
    assert stack.quarantined(len(sent[30:]) + done["returned"])


def test_objects_with_odd_names_and_members_do_not_stop_the_others(stack: DeployedStack, user: str) -> None:
    good = [quarantine(stack, number, tweet(user, number)) for number in (1, 2)]
    bad = quarantine(stack, 3, key="\ud800")
    content = stack.s3.get_object(Bucket=stack.outputs["quarantine_bucket"], Key=good[0])["Body"].read()
    odd = "records/not-json/2026-11-25/odd/b\x1b[31mad.json"
    stack.s3.put_object(
        Bucket=stack.outputs["quarantine_bucket"],
        Key=odd,
        Body=content.replace(b"made up", b"half a pair: \\ud83d"),
    )
    shown = stack.ops("quarantine", "list")
    assert shown.exit_code == 0
    assert "half a pair" in shown.stdout
    assert r"odd/b\u001b[31mad.json" in shown.stdout
    assert stack.ops("quarantine", "show", bad).exit_code == 1

    done = stack.json("quarantine", "redrive")

    assert (done["redriven"], done["unreadable"], done["kept"]) == (3, 1, 0)
    eventually(lambda: stack.rows(user) == {"1", "2"})
    assert stack.objects() == [bad]


def test_an_empty_key_is_no_part_of_any(stack: DeployedStack) -> None:
    key = quarantine(stack, 1)
    for command in ("show", "redrive", "purge"):
        result = stack.ops("quarantine", command, "", *(["--yes"] if command == "purge" else []))
        assert result.exit_code == 2
        assert "KEY is empty" in result.stderr
    assert stack.objects() == [key]


def test_purge_asks_first(stack: DeployedStack) -> None:
    stack.put(b"not json", b"{}")
    stack.quarantined(2)
    declined = stack.ops("quarantine", "purge", input="n\n")
    assert declined.exit_code == 1
    assert "Delete 2 objects (1 not-a-tweet, 1 not-json)" in declined.stderr
    assert len(stack.objects()) == 2

    assert stack.ops("quarantine", "purge", "--reason", "not-json", input="y\n").exit_code == 0
    assert len(stack.objects()) == 1
    assert stack.json("quarantine", "purge", "--yes") == {"deleted": 1}
    assert stack.objects() == []


def test_an_object_of_neither_form_is_named_and_left(stack: DeployedStack) -> None:
    bucket, key = stack.outputs["quarantine_bucket"], "records/not-json/2026-11-23/shard/1.json"
    stack.s3.put_object(Bucket=bucket, Key=key, Body=b"[]")
    assert key in stack.ops("quarantine", "list").stdout
    assert stack.ops("quarantine", "show", key).exit_code == 1
    redriven = stack.ops("quarantine", "redrive")
    assert redriven.exit_code == 1
    assert "1 unreadable" in redriven.stdout
    assert stack.objects() == [key]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "records/x"], "`quarantine list` shows them"),
        (["show", "redriven/x.json"], "`quarantine list` shows them"),
        (["redrive", "records/x", "--reason", "not-json"], "not both"),
        (["redrive", "--payload", __file__], "exactly one KEY"),
        (["list", "--since", "yesterday"], "neither like 90m, 12h or 3d"),
        (["list", "--reason", "bad-mood"], "not-json"),
    ],
)
def test_wrong_usage_says_what_is_right(stack: DeployedStack, arguments: list[str], message: str) -> None:
    result = stack.ops("quarantine", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
