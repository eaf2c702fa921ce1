"""Whatever is wrong with AWS credentials is said in one line, with the remedy; the parts are boto3's own."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import (
    LoginInsufficientPermissions,
    LoginRefreshRequired,
    MissingDependencyException,
    RefreshWithMFAUnsupportedError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from local.stubs.http import Request, Response, serving
from stack.aws.causes import Cause, CredentialsError
from stack.aws.credentials import explain_expiry, explain_retrieval, guard, open_session, retrieve

PROFILES = """
[profile sso-old]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Dev
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Dev
[sso-session corp]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
[profile sso-nowhere]
sso_session = nowhere
sso_account_id = 123456789012
sso_role_name = Dev
[profile role-of-sso]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = sso
[profile login]
login_session = arn:aws:iam::123456789012:user/ada
[profile process-fails]
credential_process = /bin/sh -c "echo 'sign in' >&2; echo 'to Okta' >&2; exit 3"
[profile process-fails-silently]
credential_process = /bin/false
[profile process-prints-text]
credential_process = /bin/echo not-json
[profile process-prints-list]
credential_process = /bin/echo []
[profile process-missing]
credential_process = /nonexistent/helper
[profile process-unquoted]
credential_process = helper 'work
[profile partial]
aws_access_key_id = AKIAEXAMPLE
[profile role-without-source]
role_arn = arn:aws:iam::123456789012:role/x
[profile role-of-nobody]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = nobody
[profile loop]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = loop-too
[profile loop-too]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = loop
[profile unknown-source]
role_arn = arn:aws:iam::123456789012:role/x
credential_source = Nonsense
[profile web-identity]
role_arn = arn:aws:iam::123456789012:role/x
web_identity_token_file = /nonexistent/token
[profile "two words"]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Dev
[profile role-of-keys]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = keys
[profile keys]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = very-secret
"""


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "config"
    file.write_text(PROFILES)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return file


def failure(profile: str | None) -> CredentialsError:
    with pytest.raises(CredentialsError) as raised:
        open_session(profile_name=profile, region_name="us-east-1")
    return raised.value


FIX = "fix them until `aws sts get-caller-identity --profile {}` succeeds."


@pytest.mark.parametrize(
    ("profile", "parts"),
    [
        (
            "sso",
            ["is not signed in to SSO (Token for corp does not exist)", "run `aws sso login --profile sso`."],
        ),
        ("sso-old", ["is not signed in to SSO", "run `aws sso login --profile sso-old`."]),
        ("two words", ["run `aws sso login --profile 'two words'`."]),
        ("role-of-sso", ["Profile sso is not signed in to SSO", "run `aws sso login --profile sso`."]),
        ("sso-nowhere", ['sso-session does not exist: "nowhere"', FIX.format("sso-nowhere")]),
        ("login", ["Profile login is not signed in", "run `aws login --profile login`."]),
        (
            "process-fails",
            [
                "profile process-fails fails (sign in to Okta)",
                "`aws configure get credential_process --profile process-fails`",
            ],
        ),
        ("process-fails-silently", ["fails (without a message)"]),
        ("process-prints-text", ["does not print the JSON that AWS defines (Expecting value"]),
        ("process-prints-list", ["does not print the JSON that AWS defines"]),
        (
            "process-missing",
            ["cannot be started ([Errno 2] No such file or directory: '/nonexistent/helper')"],
        ),
        ("process-unquoted", ["cannot be started (No closing quotation)"]),
        ("partial", ["missing: aws_secret_access_key", FIX.format("partial")]),
        (
            "role-without-source",
            ["missing: source_profile or credential_source", FIX.format("role-without-source")],
        ),
        ("role-of-nobody", ['The source_profile "nobody"', FIX.format("role-of-nobody")]),
        ("loop", ["Infinite loop", FIX.format("loop")]),
        ("unknown-source", ['"Nonsense"', FIX.format("unknown-source")]),
        (
            "web-identity",
            ["need a file that cannot be read ([Errno 2] No such file or directory: '/nonexistent/token')"],
        ),
        ("nobody", ["There is no profile 'nobody': choose one that `aws configure list-profiles` lists."]),
    ],
)
def test_a_profile_that_gives_no_credentials_is_named_with_the_cause_and_the_remedy(
    profile: str, parts: list[str]
) -> None:
    error = failure(profile)
    for part in parts:
        assert part in str(error)
    assert "\n" not in str(error)
    assert (error.cause, error.is_final) == (Cause.CREDENTIALS, False)


def test_a_file_that_is_not_a_configuration_is_named(config: Path) -> None:
    config.write_text("[profile work\n")
    assert f"Unable to parse config file: {config}: fix the file" in str(failure(None))


def test_half_a_key_in_the_environment_is_named_as_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert "The credentials of the environment are incomplete" in str(failure(None))
    assert "AWS_SECRET_ACCESS_KEY" in str(failure(None))


def test_no_credentials_at_all_are_left_to_the_caller() -> None:
    assert retrieve(open_session(region_name="us-east-1")) is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UnauthorizedSSOTokenError(), "has expired: run `aws sso login --profile sso`."),
        (
            TokenRetrievalError(provider="sso", error_msg="expired"),
            "has expired: run `aws sso login --profile sso`.",
        ),
        (LoginRefreshRequired(), "run `aws login --profile sso`."),
        (LoginInsufficientPermissions(), "the permission signin:CreateOAuth2Token."),
        (MissingDependencyException(msg="x"), f"run `{sys.executable} -m pip install 'botocore[crt]'`."),
        (
            TypeError("argument of type 'NoneType' is not iterable"),
            "cannot be renewed (argument of type 'NoneType' is not iterable): run `aws sso login --profile sso`.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_session_that_ends_is_named_with_its_sign_in(error: Exception, sentence: str) -> None:
    assert sentence in str(explain_retrieval(error, "sso"))


def test_an_error_without_a_sentence_of_its_own_is_quoted_with_the_check() -> None:
    error = explain_retrieval(RuntimeError("the refreshed credentials are still expired."), "keys")
    assert f"(the refreshed credentials are still expired): {FIX.format('keys')}" in str(error)


def test_a_session_with_mfa_is_not_waited_for() -> None:
    error = explain_retrieval(RefreshWithMFAUnsupportedError(), "sso")
    assert error.is_final
    assert "start again to enter it" in str(error)


@pytest.mark.parametrize(
    ("profile", "method", "sentence", "is_final"),
    [
        (
            "sso",
            "sso",
            "The credentials of profile sso have expired: run `aws sso login --profile sso`.",
            False,
        ),
        ("role-of-sso", "assume-role", "run `aws sso login --profile sso`.", False),
        ("login", "login", "run `aws login --profile login`.", False),
        ("keys", "shared-credentials-file", "renew them as you got them.", False),
        (None, "env", "export new AWS_… variables, and start again.", True),
    ],
)
def test_an_expired_token_is_named_with_what_renews_it(
    profile: str | None, method: str, sentence: str, is_final: bool
) -> None:
    error = explain_expiry(profile, method)
    assert sentence in str(error)
    assert error.is_final == is_final


class Sts:
    """STS, which answers each call with one error, or not at all."""

    def __init__(self) -> None:
        self.status, self.code, self.message = 403, "AccessDenied", "not authorized to perform sts:AssumeRole"

    async def answer(self, _: Request) -> Response:
        error = f"<Error><Type>Sender</Type><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        date = f"{datetime.now(UTC) + timedelta(hours=3):%a, %d %b %Y %H:%M:%S GMT}"
        return Response(self.status, f"<ErrorResponse>{error}</ErrorResponse>".encode(), date=date)


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    double = Sts()
    with serving(double.answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield double


def test_a_role_that_may_not_be_assumed_is_named_with_awss_answer(sts: Sts) -> None:
    message = str(failure("role-of-keys"))
    assert "Profile role-of-keys gets no credentials from AssumeRole (AccessDenied: not authorized" in message
    assert "very-secret" not in message


def test_a_source_that_has_expired_is_named_as_expired(sts: Sts) -> None:
    sts.code, sts.message = "ExpiredToken", "The security token included in the request is expired"
    assert "The credentials of profile role-of-keys have expired" in str(failure("role-of-keys"))


def test_a_wrong_clock_is_named_where_credentials_are_retrieved_too(sts: Sts) -> None:
    sts.code, sts.message = "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"
    error = failure("role-of-keys")
    assert (error.cause, "This machine's clock is 3 hours behind AWS's" in str(error)) == (Cause.CLOCK, True)


@pytest.mark.parametrize(("status", "cause"), [(0, Cause.NETWORK), (503, Cause.SERVICE)])
def test_a_network_that_is_away_is_left_to_the_calls(sts: Sts, status: int, cause: Cause) -> None:
    sts.status, sts.code = status, "ServiceUnavailable"
    session = open_session(profile_name="role-of-keys", region_name="us-east-1")
    client = session.client("kinesis", endpoint_url="http://127.0.0.1:9")
    guard(client, session)
    with pytest.raises(CredentialsError) as raised:
        client.list_streams()
    assert raised.value.cause is cause


def test_a_renewal_in_the_middle_that_fails_is_named_by_the_call(config: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed.json"
    expiry = (
        datetime.now(UTC) + timedelta(minutes=5)
    ).isoformat()  # within botocore's ten, so renewed at each call
    keys = {
        "Version": 1,
        "AccessKeyId": "ASIA",
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": expiry,
    }
    printed.write_text(json.dumps(keys))
    config.write_text(f"[profile work]\ncredential_process = /bin/cat {printed}\n")
    session = open_session(profile_name="work", region_name="us-east-1")
    client = session.client("kinesis", endpoint_url="http://127.0.0.1:9")
    guard(client, session)
    printed.write_text("Sorry!")
    with pytest.raises(CredentialsError, match="does not print the JSON that AWS defines"):
        client.list_streams()
