"""Calls that AWS rejects as a whole: what the producer waits for, what it says, and when it gives up."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from producer.publish.outage import DENIAL_SECONDS, NOTE_SECONDS, Outage, judge
from stack.aws.causes import CredentialsError
from tests.producer.conftest import credentials

AWS = credentials("http://127.0.0.1:9")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0b2a"


def rejected(code: str, message: str = "", status: int = 400, date: datetime | None = None) -> ClientError:
    headers = {"date": f"{date:%a, %d %b %Y %H:%M:%S GMT}"} if date else {}
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "HTTPHeaders": headers,
                "RequestId": "",
                "RetryAttempts": 0,
                "HostId": "",
            },
        },
        "PutRecords",
    )


@pytest.mark.parametrize(
    ("error", "timeout"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), None),
        (rejected("InternalFailure", status=500), None),
        (rejected("KMSThrottlingException"), None),
        (rejected("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), None),
        (rejected("InvalidSignatureException", "Signature not yet current: 2 is still later than 1"), None),
        (rejected("RequestExpired"), None),
        (rejected("KMSDisabledException"), None),
        (rejected("KMSInvalidStateException"), None),
        (CredentialsError("The SSO session has expired."), None),
        (CredentialsError("The session token has expired.", is_final=True), DENIAL_SECONDS),
        (rejected("UnrecognizedClientException"), DENIAL_SECONDS),
        (rejected("InvalidClientTokenId"), DENIAL_SECONDS),
        (rejected("AccessDeniedException"), DENIAL_SECONDS),
        (rejected("KMSAccessDeniedException"), DENIAL_SECONDS),
        (rejected("InvalidSignatureException", "The request signature we calculated does not match"), 0),
        (rejected("ResourceNotFoundException"), 0),
        (rejected("ValidationException"), 0),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_what_comes_back_by_itself_is_waited_for_and_a_denial_for_a_minute(
    error: Exception, timeout: float | None
) -> None:
    assert judge(error, AWS).timeout == timeout


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=62), "is 62 minutes ahead of AWS's"),
        (timedelta(hours=-5), "is 5 hours behind AWS's"),
        (timedelta(days=-400), "is 400 days behind AWS's"),
        (timedelta(seconds=2), "it was on its way for long, or this machine's clock is wrong"),
        (None, "it was on its way for long, or this machine's clock is wrong"),
    ],
)
def test_a_wrong_clock_is_named_with_the_difference(ahead: timedelta | None, words: str) -> None:
    date = None if ahead is None else datetime.now(UTC) - ahead
    error = rejected("InvalidSignatureException", "Signature expired: 1 is now earlier than 2", date=date)
    assert words in judge(error, AWS).message


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("KMSDisabledException", f"enable it with `aws kms enable-key --region eu-west-1 --key-id {KEY}`"),
        (
            "KMSInvalidStateException",
            f"`aws kms describe-key --region eu-west-1 --key-id {KEY}` shows its state",
        ),
        ("KMSNotFoundException", "give the stack another one: `pulumi config set kmsKeyArn ARN`"),
    ],
)
def test_a_state_of_the_kms_key_is_named_as_the_keys(code: str, advice: str) -> None:
    message = judge(rejected(code, f"{KEY} is unusable."), AWS).message
    assert message.startswith(f"The KMS key of stream tweets cannot be used ({code}: {KEY} is unusable): ")
    assert advice in message
    assert "not allowed" not in message


def outage() -> tuple[Outage, list[str]]:
    notes: list[str] = []
    return Outage(notes.append), notes


DISABLED = judge(rejected("KMSDisabledException"), AWS)
AWAY = judge(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), AWS)
UNKNOWN = judge(rejected("UnrecognizedClientException"), AWS)
WRONG_SECRET = judge(rejected("SignatureDoesNotMatch"), AWS)


def test_each_cause_of_an_outage_is_noted_once_when_it_lasts_and_so_is_its_end() -> None:
    seen, notes = outage()
    for now in (0.0, 1.0, NOTE_SECONDS, 60.0, 3600.0):
        assert not seen.add(AWAY, now)
    assert not seen.add(DISABLED, 3601.0)
    assert not seen.add(AWAY, 3602.0)
    seen.end(3610.0)
    assert [note[:45] for note in notes] == [
        f"Sending paused: {AWAY.message}"[:45],
        f"Sending paused: {DISABLED.message}"[:45],
        "Sending resumed after 3,610 s.",
    ]
    assert notes[0].endswith(
        "Check this machine's network, and the region. Nothing is lost; sending resumes by itself."
    )


def test_a_short_failure_is_not_noted() -> None:
    seen, notes = outage()
    seen.add(AWAY, 0.0)
    seen.add(AWAY, NOTE_SECONDS - 0.1)
    seen.end(NOTE_SECONDS)
    assert notes == []


def test_a_denial_is_said_at_once_and_ends_the_run_when_it_has_lasted() -> None:
    seen, notes = outage()
    assert not seen.add(UNKNOWN, 100.0)
    assert [note.endswith("Retrying for up to 60 s.") for note in notes] == [True]
    assert not seen.add(UNKNOWN, 100.0 + DENIAL_SECONDS - 0.1)
    assert seen.add(UNKNOWN, 100.0 + DENIAL_SECONDS)
    assert len(notes) == 1


def test_an_accepted_call_and_another_failure_give_a_denial_its_minute_again() -> None:
    seen, _ = outage()
    assert not seen.add(UNKNOWN, 0.0)
    seen.end(10.0)
    assert not seen.add(UNKNOWN, 50.0)
    assert not seen.add(AWAY, 60.0)
    assert not seen.add(UNKNOWN, 115.0)
    assert not seen.add(UNKNOWN, 174.9)
    assert seen.add(UNKNOWN, 175.0)


def test_a_wrong_secret_ends_the_run_at_once() -> None:
    seen, notes = outage()
    assert "The secret is not this key's" in WRONG_SECRET.message
    assert seen.add(WRONG_SECRET, 0.0)
    assert notes == []
