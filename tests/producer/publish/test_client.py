"""The AWS credentials that the producer uses, and reports at its start."""

from pathlib import Path

import pytest

from producer.config import AwsCredentials
from producer.errors import ConfigError
from producer.publish.client import connect

ENDPOINT = "http://127.0.0.1:9"


def keyless(profile: str | None = None) -> AwsCredentials:
    return AwsCredentials(
        access_key=None,
        secret_access_key=None,
        region="eu-west-1",
        stream_name="tweets",
        profile=profile,
        endpoint=ENDPOINT,
    )


@pytest.fixture(autouse=True)
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_session_tokens_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    notes: list[str] = []
    client = connect(keyless(), notes.append)
    credentials = client.client._request_signer._credentials  # type: ignore[attr-defined]
    assert (credentials.access_key, credentials.token) == ("ASIA", "token")
    assert notes == ["AWS credentials: env (boto3's default chain)"]


def test_a_profile_is_used_and_named(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n")
    notes: list[str] = []
    connect(keyless("work"), notes.append)
    assert notes == ["AWS credentials: shared-credentials-file (boto3's default chain, profile work)"]


def test_a_profile_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no profile 'nowhere'"):
        connect(keyless("nowhere"), pytest.fail)


def test_missing_credentials_are_reported_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="python -m producer configure"):
        connect(keyless(), pytest.fail)
