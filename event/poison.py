"""Records that fail however often they are retried, and the reasons."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record is in quarantine; each reason is a folder of the bucket (README.md beside this file)."""

    NOT_BASE64 = "not-base64"
    AGGREGATED = "aggregated"
    COMPRESSED = "compressed"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    INVALID = "invalid"
    INVALID_KEY = "invalid-key"
    TOO_LARGE = "too-large"
    REFUSED = "refused"
    UNKNOWN_VERSION = "unknown-version"

    # Only the tweets' reader and sources give these: a message of any other type may have any members.
    CONTROL_MESSAGE = "control-message"
    NOT_A_TWEET = "not-a-tweet"


class PoisonError(Exception):
    """A record that fails however often it is retried; `reason` is the kind, the message the detail."""

    def __init__(self, reason: Reason, error: str) -> None:
        super().__init__(error)
        self.reason = reason
