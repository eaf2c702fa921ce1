"""Why a call of AWS fails, and the one thing to do about it: one place for the producer, `ops` and `delivery`.

The codes are those of the services' API references ("Common errors"), the times those of "Signature Version 4".
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

if TYPE_CHECKING:
    from botocore.parsers import ResponseParserError


class Cause(Enum):
    """Why a call fails: it decides who has to do something, and whether a later call may succeed."""

    NETWORK = auto()
    """No answer, or one that is not AWS's."""
    SERVICE = auto()
    """AWS throttles, or fails by itself."""
    CREDENTIALS = auto()
    """They are missing, have expired, or cannot be retrieved."""
    KEY = auto()
    """AWS does not know the access key: it was deleted, or created seconds ago."""
    SECRET = auto()
    """The secret does not belong to the access key."""
    CLOCK = auto()
    """The time of the signature is not AWS's time."""
    DENIED = auto()
    """A permission is missing, or was given seconds ago."""
    ENCRYPTION = auto()
    """The KMS key of the resource cannot be used."""
    REQUEST = auto()
    """Anything else: the same call fails again."""


_CODES: Final = {
    Cause.SERVICE: {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
    },
    Cause.CREDENTIALS: {"ExpiredToken", "ExpiredTokenException"},
    Cause.KEY: {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"},
    Cause.CLOCK: {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"},
    Cause.SECRET: {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    },
    Cause.DENIED: {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "KMSAccessDeniedException",
        "UnauthorizedOperation",
    },
}
_CAUSES: Final = {code: cause for cause, codes in _CODES.items() for code in codes}
_WRONG_TIME: Final = re.compile("signature (expired|not yet current)", re.IGNORECASE)
"""In the message of a `Cause.SECRET` code, which services send for a wrong time too."""
_MIN_DIFFERENCE: Final = timedelta(minutes=1)
"""AWS tolerates five minutes: below one, the clock is right, and the request was late."""
_KEY_ARN: Final = re.compile(r"arn:[\w-]+:kms:([\w-]+):\d+:key/[\w-]+")
_KEY_ADVICE: Final = {
    "KMSDisabledException": "enable it with `aws kms enable-key {key}`",
    "KMSNotFoundException": "give the stack another one: `pulumi config set kmsKeyArn ARN`, then `pulumi up`",
}


class CredentialsError(BotoCoreError):
    """There are no valid credentials; the message gives the cause and the remedy.

    It is one of botocore's errors, so that whoever handles those handles this one.

    Attributes:
        cause: `Cause.CREDENTIALS`, or why nobody could be asked for them.
        is_final: nothing that happens outside gives this process valid ones.
    """

    fmt = "{message}"

    def __init__(self, message: str, cause: Cause = Cause.CREDENTIALS, *, is_final: bool = False) -> None:
        super().__init__(message=message)
        self.cause = cause
        self.is_final = is_final


@cache
def no_answer() -> "tuple[type[EndpointError], type[HTTPClientError], type[ResponseParserError]]":
    """Return the errors of a call that got no answer, or one that is not AWS's."""
    from botocore.parsers import ResponseParserError  # most of boto3's import, which whoever calls has done

    return EndpointError, HTTPClientError, ResponseParserError


def find_cause(error: Exception) -> Cause:
    """Tell why a call failed."""
    if isinstance(error, CredentialsError):
        return error.cause
    if isinstance(error, no_answer()):
        return Cause.NETWORK
    if not isinstance(error, ClientError):
        return Cause.CREDENTIALS if isinstance(error, BotoCoreError) else Cause.REQUEST
    code = error_code(error)
    cause = _CAUSES.get(code)
    if cause is Cause.SECRET and _WRONG_TIME.search(_message(error)):
        return Cause.CLOCK
    if cause is not None:
        return cause
    if code.startswith("KMS"):
        return Cause.ENCRYPTION
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return Cause.SERVICE if status >= 500 or status == 429 else Cause.REQUEST


def error_code(error: ClientError) -> str:
    """Return the code of an error."""
    return error.response["Error"]["Code"]


def describe(error: Exception) -> str:
    """Return an error's code and message, without the stop at its end."""
    text = f"{error_code(error)}: {_message(error)}" if isinstance(error, ClientError) else str(error)
    return " ".join(text.split()).rstrip(". :")


def explain_network(error: Exception) -> str:
    """Say that AWS does not answer."""
    return f"{describe(error)}. Check this machine's network, and the region."


def explain_clock(error: Exception) -> str:
    """Say how wrong this machine's clock is, by the date of the answer."""
    difference = _clock_difference(error)
    if difference is None or abs(difference) < _MIN_DIFFERENCE:
        return (
            f"AWS rejects the time of a request ({describe(error)}): it was on its way for long, or this machine's "
            "clock is wrong. Check it, on Linux with `timedatectl`."
        )
    direction = "ahead of" if difference > timedelta() else "behind"
    return (
        f"This machine's clock is {_span(abs(difference))} {direction} AWS's, which rejects the signature: set the "
        "clock, on Linux with `sudo timedatectl set-ntp true`."
    )


def explain_encryption(error: ClientError, resource: str) -> str:
    """Say what is wrong with the KMS key of a resource."""
    found = _KEY_ARN.search(_message(error))
    key = f"--region {found[1]} --key-id {found[0]}" if found else "--key-id KEY"
    advice = _KEY_ADVICE.get(error_code(error), "`aws kms describe-key {key}` shows its state").format(
        key=key
    )
    return f"The KMS key of {resource} cannot be used ({describe(error)}): {advice}."


def _message(error: ClientError) -> str:
    return error.response["Error"].get("Message", "")


def _clock_difference(error: Exception) -> timedelta | None:
    """Return by how much this machine's clock is ahead; None if the answer has no date."""
    if not isinstance(error, ClientError):
        return None
    try:
        date = parsedate_to_datetime(error.response["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None
    return datetime.now(UTC) - date.astimezone(UTC)


def _span(difference: timedelta) -> str:
    minutes = round(difference.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes > 1 else "1 minute"
    return f"{minutes // 60:,} hours" if minutes < 48 * 60 else f"{minutes // 1440:,} days"
