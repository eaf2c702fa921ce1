"""The signature of the function's own calls: botocore's, for both services."""

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from handler.endpoint import sign

NOW = datetime(2026, 11, 23, 14, 41, 28, tzinfo=UTC)
TOKENS = st.none() | st.text("abcXYZ019+/=", min_size=1)


def botocores_own(
    auth: SigV4Auth, method: str, url: str, headers: dict[str, str], body: bytes
) -> dict[str, str]:
    """Return the headers of a request that botocore has signed."""
    request = AWSRequest(method, url, headers, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
        auth.add_auth(request)
    signed = {name.lower(): value for name, value in request.headers.items()}
    return {**signed, "user-agent": "stream-processing"}


@given(
    body=st.binary(max_size=100),
    token=TOKENS,
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:4566"]),
)
def test_the_signature_of_a_call_of_dynamodb_is_botocores_own(
    body: bytes, token: str | None, host: str
) -> None:
    keys = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+key", token)
    headers = {"content-type": "application/x-amz-json-1.0", "host": host, "x-amz-target": "D.BatchWriteItem"}
    scope = "20261123/eu-west-1/dynamodb/aws4_request"

    signed = sign("POST", "/", body, headers, scope, keys, "20261123T144128Z")

    auth = SigV4Auth(keys, "dynamodb", "eu-west-1")
    assert signed == botocores_own(auth, "POST", f"https://{host}/", headers, body)


@given(
    body=st.binary(max_size=100),
    token=TOKENS,
    place=st.sampled_from(["dev-quarantine.s3.eu-west-1.amazonaws.com", "127.0.0.1:4566/dev-quarantine"]),
    key=st.sampled_from(
        ["records/not-json/2026-11-23/shardId-000000000000/4959-0-1.json", "a%20b/%C3%A9%25"]
    ),
)
def test_the_signature_of_a_call_of_s3_is_botocores_own(
    body: bytes, token: str | None, place: str, key: str
) -> None:
    keys = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+key", token)
    host, slash, folder = place.partition("/")
    headers = {"content-type": "application/json", "host": host, "x-amz-content-sha256": ""}
    scope = "20261123/eu-west-1/s3/aws4_request"

    signed = sign("PUT", f"{slash}{folder}/{key}", body, headers, scope, keys, "20261123T144128Z")

    auth = S3SigV4Auth(keys, "s3", "eu-west-1")
    del headers["x-amz-content-sha256"]
    assert signed == botocores_own(auth, "PUT", f"https://{place}/{key}", headers, body)
