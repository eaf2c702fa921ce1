"""The leases of redrives, on local AWS's S3 with its conditional writes."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.errors import LeasedError
from ops.quarantine import lease
from ops.quarantine.lease import REGISTER, Leases
from tests.ops.stack import DeployedStack

KEYS = [f"records/not-json/{number}.json" for number in range(20)]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def leases(stack: DeployedStack, clock: Clock | None = None) -> Leases:
    return Leases(stack.s3, stack.outputs["quarantine_bucket"], now=clock or Clock())


def registered(stack: DeployedStack) -> list[list[str]]:
    """The keys that each run holds, as the register has them."""
    answer = stack.s3.get_object(Bucket=stack.outputs["quarantine_bucket"], Key=REGISTER)
    return [run["keys"] for run in json.loads(answer["Body"].read())["runs"].values()]


def test_of_many_runs_at_once_exactly_one_gets_each_lease(stack: DeployedStack) -> None:
    runs = [leases(stack) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        refusals = list(pool.map(lambda run: run.acquire(KEYS), runs))

    assert Counter(key for run in runs for key in run.held) == dict.fromkeys(KEYS, 1)
    for run, refused in zip(runs, refusals, strict=True):
        assert run.held | refused.keys() == set(KEYS)


def test_the_leases_of_a_window_replace_those_of_the_window_before(stack: DeployedStack) -> None:
    first, second = leases(stack), leases(stack)
    assert first.acquire(KEYS[:10]) == {}
    assert first.acquire(KEYS[5:15]) == {}

    refused = second.acquire(KEYS)

    assert refused.keys() == set(KEYS[5:15])
    assert f"{KEYS[5]} is being redriven by " in str(refused[KEYS[5]])


def test_a_run_takes_what_another_one_did_not_get(stack: DeployedStack) -> None:
    first, second = leases(stack), leases(stack)
    first.acquire(KEYS[:15])
    second.acquire(KEYS[10:])

    assert sorted(first.held | second.held) == sorted(KEYS)
    first.release()
    assert registered(stack) == [sorted(KEYS[15:])]


def test_a_look_at_the_leases_takes_none(stack: DeployedStack) -> None:
    leases(stack).acquire(KEYS[:1])

    looking = leases(stack)

    assert looking.check(KEYS).keys() == set(KEYS[:1])
    assert looking.held == set()
    assert registered(stack) == [KEYS[:1]]


def test_the_leases_of_a_run_that_died_expire(stack: DeployedStack) -> None:
    clock = Clock()
    leases(stack, clock).acquire(KEYS)
    clock.now += lease.LEASE_SECONDS - 1
    assert leases(stack, clock).acquire(KEYS).keys() == set(KEYS)

    clock.now += 1

    assert leases(stack, clock).acquire(KEYS) == {}
    assert registered(stack) == [sorted(KEYS)]


def test_leases_that_expire_soon_are_renewed(stack: DeployedStack) -> None:
    clock = Clock()
    run = leases(stack, clock)
    run.acquire(KEYS)
    clock.now += lease.LEASE_SECONDS - lease.RENEW_SECONDS

    assert run.keep() == set(KEYS)

    clock.now += lease.LEASE_SECONDS - 1
    assert leases(stack, clock).acquire(KEYS).keys() == set(KEYS)


def test_a_run_that_slept_keeps_what_nobody_took_meanwhile(stack: DeployedStack) -> None:
    clock = Clock()
    asleep = leases(stack, clock)
    asleep.acquire(KEYS)
    clock.now += lease.LEASE_SECONDS + 1

    assert asleep.keep() == set(KEYS)


def test_a_run_that_slept_holds_nothing_once_another_one_took_its_leases(stack: DeployedStack) -> None:
    clock = Clock()
    asleep = leases(stack, clock)
    asleep.acquire(KEYS)
    clock.now += lease.LEASE_SECONDS + 1
    other = leases(stack, clock)
    other.acquire(KEYS[:1])

    assert asleep.keep() == set()

    asleep.release()
    assert registered(stack) == [KEYS[:1]]


def test_a_lost_answer_does_not_lose_the_leases(stack: DeployedStack) -> None:
    stack.aws.faults.set("s3:PutObject", lost=1, times=1)
    run = leases(stack)

    assert run.acquire(KEYS) == {}

    assert stack.aws.faults.injected()["s3:PutObject lost"] == 1
    assert registered(stack) == [sorted(KEYS)]
    run.release()
    assert registered(stack) == []


def test_a_register_of_another_format_is_replaced(stack: DeployedStack) -> None:
    stack.s3.put_object(Bucket=stack.outputs["quarantine_bucket"], Key=REGISTER, Body=b"[]")

    assert leases(stack).acquire(KEYS) == {}

    assert registered(stack) == [sorted(KEYS)]


def test_a_register_that_others_change_all_the_time_ends_the_run(
    stack: DeployedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_DELAY", 0.0)
    run, other = leases(stack), leases(stack)
    read = run._read

    def read_and_be_overtaken() -> None:
        read()
        other.acquire([f"records/{time.monotonic_ns()}"])

    monkeypatch.setattr(run, "_read", read_and_be_overtaken)

    with pytest.raises(LeasedError, match=r"register\.json all the time: run it again"):
        run.acquire(KEYS)
