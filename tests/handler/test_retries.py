"""When a call is retried, and when it is not."""

import random
import time
from itertools import islice
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from handler import retries


class Clock:
    """A clock that advances only by sleeping and working."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: own.now)
    monkeypatch.setattr(time, "sleep", own.sleep)
    return own


def use_the_maximum_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)


def error(code: str, status: int, message: str = "") -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "BatchWriteItem")


def test_the_first_attempt_is_made_at_once(clock: Clock) -> None:
    assert next(retries.attempts(1.0), None) is not None
    assert clock.now == 0


def test_delays_double_up_to_a_cap(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    use_the_maximum_jitter(monkeypatch)
    list(islice(retries.attempts(1_000), 9))
    assert clock.slept == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2])


def test_delays_have_full_jitter(clock: Clock) -> None:
    list(islice(retries.attempts(100_000), 1_000))
    late = clock.slept[10:]
    assert 0 <= min(late) < 0.2
    assert 1.8 < max(late) <= 2


def test_no_attempt_starts_after_the_deadline(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    use_the_maximum_jitter(monkeypatch)
    assert len(list(retries.attempts(0.36))) == 4  # at 0, 0.05, 0.15, 0.35 s
    assert clock.now == pytest.approx(0.35)


def test_no_attempt_is_made_once_the_deadline_has_passed(clock: Clock) -> None:
    assert list(retries.attempts(0.0)) == []


def test_each_attempt_may_take_twice_as_long_as_the_one_before(clock: Clock) -> None:
    assert list(islice(retries.attempts(1_000), 5)) == [3, 6, 12, 24, 48]


@pytest.mark.parametrize(("remaining", "seconds"), [(60_000, 59), (10_000, 9), (1_000, 0.5), (0, 0)])
def test_the_deadline_is_a_second_before_lambdas_timeout_or_halfway_to_it(
    clock: Clock, remaining: int, seconds: float
) -> None:
    assert retries.call_deadline(remaining) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "failure",
    [
        error("ProvisionedThroughputExceededException", 400),
        error("ThrottlingException", 400),
        error("RequestLimitExceeded", 400),
        error("InternalServerError", 500),
        error("SlowDown", 503),
        error("Unknown", 502),
        error("408", 408),
        error("429", 429),
        error(
            "InvalidSignatureException", 400, "Signature expired: 20261129T010000Z is now earlier than ..."
        ),
        error(
            "InvalidSignatureException", 400, "Signature not yet current: 20261129T020000Z is still later ..."
        ),
        error("RequestTimeTooSkewed", 403),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
        ConnectTimeoutError(endpoint_url="http://127.0.0.1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1"),
    ],
    ids=str,
)
def test_a_transient_error_is_retried(failure: ClientError) -> None:
    assert retries.is_transient(failure)


@pytest.mark.parametrize(
    "failure",
    [
        error("AccessDeniedException", 400),
        error("ResourceNotFoundException", 400),
        error("ValidationException", 400),
        error("NoSuchBucket", 404),
        error("InvalidSignatureException", 400, "The request signature we calculated does not match"),
        NoCredentialsError(),
    ],
    ids=str,
)
def test_a_permanent_error_is_not_retried(failure: ClientError) -> None:
    assert not retries.is_transient(failure)
