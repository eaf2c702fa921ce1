"""How the function calls AWS: short timeouts, and retries that end before the invocation does."""

import random
import time
from collections.abc import Iterator
from typing import Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

CONCURRENCY: Final = 8
"""Concurrent calls: a batch of 1,000 records takes 40 calls, hence five rounds."""

CONNECT_TIMEOUT: Final = 1
READ_TIMEOUT: Final = 3
"""Seconds."""

_MARGIN: Final = 5.0
"""Seconds reserved at the end: a call started at the last moment may take both timeouts before the report."""

_BASE_DELAY: Final = 0.05
_MAX_DELAY: Final = 2.0

CLIENT: Final = Config(
    connect_timeout=CONNECT_TIMEOUT,
    read_timeout=READ_TIMEOUT,
    max_pool_connections=CONCURRENCY,
    user_agent="stream-processing",
    # Retries are made by `attempts` below: botocore's do not know how much time the invocation has left.
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
"""Transient errors with a status below 500 ("Error handling with DynamoDB"; "Amazon S3 error responses")."""


def call_deadline(remaining_milliseconds: int) -> float:
    """Return when to stop making calls, on the monotonic clock: the end of the invocation less a margin.

    A function with a very short timeout still gets half of it.
    """
    remaining = remaining_milliseconds / 1000
    return time.monotonic() + remaining - min(_MARGIN, remaining / 2)


def attempts(deadline: float) -> Iterator[None]:
    """Yield once for each attempt, after a delay from the second on, until the next would miss the deadline.

    The delay grows exponentially to a cap, with full jitter ("Exponential Backoff And Jitter", AWS
    Architecture Blog).
    """
    delay, max_delay = 0.0, _BASE_DELAY
    while time.monotonic() + delay < deadline:
        if delay:  # even sleep(0) would yield the processor
            time.sleep(delay)
        yield
        delay = random.uniform(0, max_delay)
        max_delay = min(max_delay * 2, _MAX_DELAY)


def error_code(error: BotoCoreError | ClientError) -> str:
    """Name an error: AWS's error code, or the name of botocore's class if AWS did not answer."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_transient(error: BotoCoreError | ClientError) -> bool:
    """Tell whether the same call may soon succeed: throttling, a service fault or no answer."""
    if isinstance(error, ClientError):
        return (
            error_code(error) in _TRANSIENT_CODES
            or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        )
    return isinstance(error, (NoConnectionError, HTTPClientError))
