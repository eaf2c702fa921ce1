"""Decides about calls that fail one after the other: wait or end the run, and what to say about it."""

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from producer.config import AwsCredentials
from stack.aws.causes import (
    Cause,
    CredentialsError,
    describe,
    error_code,
    explain_clock,
    explain_encryption,
    explain_network,
    find_cause,
)

NOTE_SECONDS = 5.0
"""How long calls fail before it is noted: a shorter failure needs nobody."""
DENIAL_SECONDS = 60.0
"""How long AWS may deny calls before the run ends: a new key or policy takes effect within 5 to 15 seconds."""

_DENIALS = (Cause.DENIED, Cause.KEY)
_ADVICE = {
    Cause.DENIED: "Deploy the stack that allows it, or run `python -m producer configure`.",
    Cause.KEY: "A new key takes some seconds to be known; for a deleted one, run `python -m producer configure`.",
    Cause.SECRET: "The secret is not this key's: run `python -m producer configure`.",
}
_ADVICE_BY_CODE = {
    "KMSAccessDeniedException": "Let the policy of the stream's KMS key allow kms:GenerateDataKey to it.",
    "ResourceNotFoundException": "Deploy the stack, or run `python -m producer configure` for the right stream.",
}
_OTHER_ADVICE = "Run `python -m producer configure` if the stack has changed."


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed as a whole.

    Attributes:
        message: the cause, and what to do.
        timeout: how long such calls may fail before the run ends, in seconds; None for ever.
    """

    cause: Cause
    message: str
    timeout: float | None


def judge(error: Exception, aws: AwsCredentials) -> Failure:
    """Explain the error of a call, and decide how long to wait."""
    if isinstance(error, CredentialsError):
        return Failure(error.cause, str(error), DENIAL_SECONDS if error.is_final else None)
    cause = find_cause(error)
    match cause:
        case Cause.NETWORK:
            return Failure(cause, explain_network(error), None)
        case Cause.SERVICE:
            return Failure(cause, f"{describe(error)}.", None)
        case Cause.CLOCK:
            return Failure(cause, explain_clock(error), None)
    assert isinstance(error, ClientError)
    if cause is Cause.ENCRYPTION:
        return Failure(cause, explain_encryption(error, f"stream {aws.stream_name}"), None)
    identity = f"Access key {aws.access_key}" if aws.access_key else "The identity of boto3's default chain"
    advice = _ADVICE_BY_CODE.get(error_code(error)) or _ADVICE.get(cause, _OTHER_ADVICE)
    if cause in (Cause.KEY, Cause.SECRET) and not aws.access_key:
        advice = "Sign in again, as for the AWS CLI."
    message = f"{identity} is not allowed to write to {aws.target}: {describe(error)}. {advice}"
    return Failure(cause, message, DENIAL_SECONDS if cause in _DENIALS else 0.0)


class Outage:
    """The calls that failed since the last accepted one; times are seconds of a monotonic clock."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._began: float | None = None
        self._denied_since: float | None = None
        self._noted: set[Cause] = set()

    def add(self, failure: Failure, now: float) -> bool:
        """Count a failed call, and note what it waits for, each cause once; tell whether to end the run."""
        if self._began is None:
            self._began = now
        if failure.timeout is None:
            self._denied_since = None
            if now - self._began >= NOTE_SECONDS:
                self._note(failure, "Nothing is lost; sending resumes by itself.")
            return False
        if self._denied_since is None:
            self._denied_since = now
        if now - self._denied_since >= failure.timeout:
            return True
        self._note(failure, f"Retrying for up to {failure.timeout:.0f} s.")
        return False

    def end(self, now: float) -> None:
        """Note that a call was accepted, if it was noted that others were not."""
        if self._noted and self._began is not None:
            self._notify(f"Sending resumed after {now - self._began:,.0f} s.")
        self._began = self._denied_since = None
        self._noted.clear()

    def _note(self, failure: Failure, outlook: str) -> None:
        if failure.cause not in self._noted:
            self._noted.add(failure.cause)
            self._notify(f"Sending paused: {failure.message} {outlook}")
