"""Timeouts and retries of the function's calls of AWS, all within the time of the invocation."""

import random
import time
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

CONCURRENCY: Final = 8
"""Concurrent calls: a batch of 1,000 records takes 40 calls, hence five rounds."""

CONNECT_TIMEOUT: Final = 1
"""Seconds."""

_FIRST_TIMEOUT: Final = 3.0
"""Seconds that the first attempt may take; each further one may take twice as long as the one before."""

_REPORT_SECONDS: Final = 1.0
"""Reserved at the end of the invocation, for what follows the last call."""

GRACE_SECONDS: Final = 0.5
"""Seconds to wait after the deadline for a call that exceeds it, such as one that waits for a name server."""

_BASE_DELAY: Final = 0.05
_MAX_DELAY: Final = 2.0

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

_TRANSIENT_STATUSES: Final = frozenset((408, 429))
"""Request Timeout, Too Many Requests: also from a proxy, which knows none of AWS's codes."""


def call_deadline(remaining_milliseconds: int) -> float:
    """Return when calls end, on the monotonic clock: the end of the invocation, less the time for the report.

    A function with a very short timeout still gets half of it.
    """
    remaining = remaining_milliseconds / 1000
    return time.monotonic() + remaining - min(_REPORT_SECONDS, remaining / 2)


def attempts(deadline: float) -> Iterator[float]:
    """Yield each attempt's timeout in seconds, after a delay from the second on, until the deadline.

    The timeout doubles, so that a slow service is waited for in the end; the deadline limits it further. The delay
    grows exponentially to a cap, with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog).
    """
    delay, max_delay, timeout = 0.0, _BASE_DELAY, _FIRST_TIMEOUT
    while time.monotonic() + delay < deadline:
        if delay:  # even sleep(0) would yield the processor
            time.sleep(delay)
        yield timeout
        delay = random.uniform(0, max_delay)
        max_delay = min(max_delay * 2, _MAX_DELAY)
        timeout *= 2


def error_code(error: BotoCoreError | ClientError) -> str:
    """Name an error: AWS's error code, or the name of botocore's class if AWS did not answer."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_clock_error(error: BotoCoreError | ClientError) -> bool:
    """Tell whether AWS rejects a signature for its time; a new one is accepted unless the clock is wrong."""
    if not isinstance(error, ClientError):
        return False
    code, message = error_code(error), error.response["Error"].get("Message", "")
    return code in ("RequestExpired", "RequestTimeTooSkewed") or (
        code == "InvalidSignatureException" and message.startswith(("Signature expired", "Signature not yet"))
    )


def is_transient(error: BotoCoreError | ClientError) -> bool:
    """Tell whether the same call may soon succeed: throttling, a service fault, no answer, an old signature."""
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return (
            error_code(error) in _TRANSIENT_CODES
            or status in _TRANSIENT_STATUSES
            or status >= 500
            or is_clock_error(error)
        )
    return isinstance(error, (NoConnectionError, HTTPClientError))
