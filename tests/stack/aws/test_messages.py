"""The errors of calls that people make with credentials of their own, as ops and delivery say them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from stack.aws.causes import CredentialsError
from stack.aws.messages import explain
from stack.project import PROJECT


def rejected(code: str, message: str = "") -> ClientError:
    error = {"Code": code, "Message": message}
    metadata = {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RequestId": "", "RetryAttempts": 0, "HostId": ""}
    return ClientError({"Error": error, "ResponseMetadata": metadata}, "DescribeTable")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (CredentialsError("Sign in."), "Sign in."),
        (NoCredentialsError(), "sign in as for the AWS CLI (`aws login`), or set AWS_PROFILE."),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
            "Check this machine's network, and the region.",
        ),
        (
            rejected("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
            "this machine's clock is wrong",
        ),
        (
            rejected("SignatureDoesNotMatch", "does not match"),
            "The access key or its secret is wrong: sign in again",
        ),
        (rejected("InvalidClientTokenId"), "The access key or its secret is wrong: sign in again"),
        (rejected("ExpiredToken"), "have expired: renew them as you got them."),
        (rejected("AccessDenied"), "`aws sts get-caller-identity` names them."),
        (rejected("KMSDisabledException"), "The KMS key of the resource cannot be used"),
        (rejected("ValidationException", "1 error"), "ValidationException"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_is_explained_with_what_to_do(error: BotoCoreError | ClientError, sentence: str) -> None:
    assert sentence in explain(error)


@pytest.fixture
def signed_out(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who is not signed in to SSO."""
    (tmp_path / "config").write_text(
        "[profile work]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = Dev\n"
    )
    ours = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "work"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**others, **ours, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.mark.parametrize(
    "command",
    [
        ["ops", "quarantine", "list", "--region", "us-east-1", "--quarantine-bucket", "bucket"],
        ["delivery", "account", "octo/tweets"],
    ],
    ids=lambda command: command[0],
)
def test_both_programs_name_the_sign_in_and_end_with_wrong_configuration(
    signed_out: dict[str, str], command: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        env=signed_out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].endswith("run `aws sso login --profile work`.")
    assert "Traceback" not in ended.stderr
