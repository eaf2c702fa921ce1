"""Quarantine and redrive, with objects that the real function and the real mapping made."""

import json
import signal
from pathlib import Path

import pytest

from ops.quarantine import redrive
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually


def give_up(stack: DeployedStack, user: str, count: int) -> list[str]:
    """Let a batch of tweets run out of retries; return the key of Lambda's object."""
    with stack.table_closed():
        stack.put(*(tweet(user, number) for number in range(count)), key=user)
        return stack.quarantined(1)


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


def test_of_a_huge_payload_the_beginning_is_shown_and_all_of_it_can_be_written(stack: DeployedStack) -> None:
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
    (key,) = give_up(stack, user, 3)
    assert stack.json("quarantine", "list")["objects"][0]["records"] == 3
    shown = stack.json("quarantine", "show", key)
    assert shown["reason"] == "given-up"
    assert "RetryAttemptsExhausted after 1 invocations" in shown["error"]
    assert [json.loads(record["payload"])["id"] for record in shown["records"]] == ["0", "1", "2"]

    done = stack.json("quarantine", "redrive", "--reason", "given-up", "--rate", "2")  # so in two calls

    assert (done["redriven"], done["records"], done["kept"]) == (1, 3, 0)
    assert eventually(lambda: len(stack.rows(user)) == 3)
    assert stack.objects() == []


def test_the_partition_key_is_kept(stack: DeployedStack, user: str) -> None:
    stack.put(b"never a tweet", key=user)
    (key,) = stack.quarantined(1)
    stack.ops("quarantine", "redrive", key)
    (returned,) = eventually(lambda: [each for each in stack.objects() if each != key])
    assert stack.json("quarantine", "show", returned)["records"][0]["partition_key"] == user


def test_what_comes_back_is_recognised_and_not_sent_round_for_ever(stack: DeployedStack) -> None:
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
    assert eventually(lambda: len(stack.objects()) == 2)
    done = stack.json("quarantine", "redrive")
    assert (done["redriven"], done["returned"]) == (1, 1)
    assert second not in stack.objects()


def test_a_dry_run_sends_and_deletes_nothing(stack: DeployedStack, user: str) -> None:
    keys = give_up(stack, user, 2)
    done = stack.json("quarantine", "redrive", "--dry-run")
    assert (done["redriven"], done["records"], done["dry_run"]) == (1, 2, True)
    assert stack.objects() == keys


def test_reason_and_time_select(stack: DeployedStack, user: str) -> None:
    give_up(stack, user, 1)
    stack.put(b"not json", b"{}")
    stack.quarantined(3)

    def selected(*options: str) -> int:
        selected: int = stack.json("quarantine", "redrive", "--dry-run", *options)["selected"]
        return selected

    assert selected("--reason", "given-up") == 1
    assert selected("--reason", "not-a-tweet") == 1
    assert selected("--reason", "too-large") == 0
    assert selected("--since", "1h") == 3
    assert selected("--since", "2999-01-01") == 0


def test_refused_entries_are_sent_again_until_the_stream_has_all(stack: DeployedStack, user: str) -> None:
    give_up(stack, user, 20)
    stack.aws.faults.set("kinesis:PutRecords", entries=0.5)
    done = stack.json("quarantine", "redrive")
    assert stack.aws.faults.injected()["kinesis:PutRecords entries"] > 0
    assert (done["records"], done["kept"]) == (20, 0)
    assert eventually(lambda: stack.rows(user) == ids(20))


def test_what_the_stream_refuses_stays(
    stack: DeployedStack, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = give_up(stack, user, 2)
    monkeypatch.setattr(redrive, "_ATTEMPTS", 1)
    stack.aws.faults.set("kinesis:PutRecords", entries=1)
    refused = stack.ops("quarantine", "redrive")
    assert refused.exit_code == 1
    assert "Of 1 object: 0 objects (0 records) redriven, 1 kept. Run it again" in refused.stdout
    assert "The stream refused records of 1 object" in refused.stderr
    assert stack.objects() == keys


def test_without_permission_to_delete_objects_stay_and_a_repeat_is_harmless(
    stack: DeployedStack, user: str
) -> None:
    keys = give_up(stack, user, 2)
    allowed = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "kinesis:PutRecords"]
    with stack.operator(*allowed) as environment:
        refused = stack.ops_as(environment, "quarantine", "redrive")
    assert refused.exit_code == 1
    assert "Interrupted. Of 1 object: 0 objects (0 records) redriven, 1 kept" in refused.stdout
    assert "s3:DeleteObject" in refused.stderr
    assert stack.objects() == keys

    assert stack.json("quarantine", "redrive")["redriven"] == 1
    assert eventually(lambda: stack.rows(user) == ids(2))
    assert stack.objects() == []


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_in_the_middle_loses_nothing_and_repeats_a_group_at_most(
    stack: DeployedStack, user: str, interruption: signal.Signals
) -> None:
    payloads = {f"{user} {number}".encode() for number in range(30)}
    stack.put(*payloads)
    stack.quarantined(30)
    with stack.mapping(Enabled=False):
        process = stack.ops_process("quarantine", "redrive", "--rate", "10")
        assert eventually(lambda: len(stack.objects()) < 30)
        process.send_signal(interruption)
        out, _ = process.communicate(timeout=30)
        left = len(stack.objects())
        if interruption is signal.SIGINT:
            assert process.returncode == 1
            assert f"Interrupted. Of 30 objects: {30 - left} objects ({30 - left} records) redriven" in out
        assert 0 < left < 30
        done = stack.json("quarantine", "redrive")
        sent = [payload for payload in stack.on_stream() if payload in payloads]
    assert done["redriven"] == left
    assert set(sent[30:]) == payloads
    assert len(sent[30:]) <= 30 + 10
    assert stack.quarantined(len(sent[30:]))  # they come back; nothing is left for the next test to meet


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
