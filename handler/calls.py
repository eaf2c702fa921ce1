"""How the function calls AWS: with short time-outs, and with retries that end before the invocation does."""

import random
import time
from collections.abc import Iterator
from typing import Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

CONCURRENCY: Final = 8
"""Calls at the same time: a batch of 1,000 records is 40 calls, hence five rounds."""

_CONNECT_TIMEOUT: Final = 1
_READ_TIMEOUT: Final = 3
_MARGIN: Final = 5.0
"""Seconds kept back at the end: a call begun at the last moment may take both time-outs, then we report."""

_BASE_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 2.0

CLIENT: Final = Config(
    connect_timeout=_CONNECT_TIMEOUT,
    read_timeout=_READ_TIMEOUT,
    max_pool_connections=CONCURRENCY,
    # The retries are `attempts` below: botocore's own know nothing of the invocation's remaining time.
    retries={"mode": "standard", "total_max_attempts": 1},
)

_TRANSIENT_CODES: Final = frozenset(
    (
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ReplicatedWriteConflictException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    )
)
"""Errors below status 500 that pass ("Error handling with DynamoDB"; "Amazon S3 error responses")."""


def deadline(remaining_milliseconds: int) -> float:
    """When, on the monotonic clock, to stop calling: the end of the invocation less a margin.

    A function with a very short time-out still gets half of it.
    """
    remaining = remaining_milliseconds / 1000
    return time.monotonic() + remaining - min(_MARGIN, remaining / 2)


def attempts(until: float) -> Iterator[None]:
    """Yield for each attempt, after a delay from the second on; end when no further one fits before `until`.

    The delay grows exponentially to a cap, with full jitter ("Exponential Backoff And Jitter", AWS
    Architecture Blog).
    """
    delay, longest = 0.0, _BASE_DELAY
    while time.monotonic() + delay < until:
        if delay:  # a sleep of nothing gives the processor away
            time.sleep(delay)
        yield
        delay = random.uniform(0, longest)
        longest = min(longest * 2, _LONGEST_DELAY)


def code_of(error: BotoCoreError | ClientError) -> str:
    """The error's name: AWS's code, or the name of botocore's class where no answer came."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_transient(error: BotoCoreError | ClientError) -> bool:
    """Whether the same call may soon succeed: throttled, a fault of the service, or no answer at all."""
    if isinstance(error, ClientError):
        return (
            code_of(error) in _TRANSIENT_CODES or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        )
    return isinstance(error, (NoConnectionError, HTTPClientError))
