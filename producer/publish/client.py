"""The boto3 client of the stream: without retries, and with fast JSON for PutRecords."""

import os
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import orjson
from botocore.config import Config as ClientConfig
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from producer.config import AwsCredentials
from producer.errors import ConfigError
from producer.publish.publisher import MAX_CALLS
from stack.aws.causes import Cause, CredentialsError, find_cause
from stack.aws.credentials import explain_expiry, open_session, retrieve

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef


_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL")
"""Where other programs find AWS. Events must not go elsewhere than these say, nor than what is printed at the start."""


def connect(aws: AwsCredentials, notify: Callable[[str], None]) -> "StreamClient":
    """Create a client, and say whose credentials it has.

    Raises:
        ConfigError: the region or the endpoint is invalid, the environment has an endpoint that is not the
            configuration's, or there are no valid credentials.
    """
    for variable in _ENDPOINT_VARIABLES:
        if os.environ.get(variable) and not aws.endpoint:
            raise ConfigError(
                f"{variable} is set, but the producer takes `aws_endpoint` from its configuration, which has none: "
                f'export PRODUCER_AWS_ENDPOINT="${variable}", or unset {variable} to send to AWS itself.'
            )
    try:
        client = StreamClient(aws)
    except CredentialsError as error:
        raise ConfigError(str(error)) from error
    notify(_identity(aws, client.method))
    return client


class StreamClient:
    """Puts records on the stream. It does not retry: the caller counts failures and backs off.

    Credentials are retrieved before each call, by none of botocore's own steps within one, so that whatever is wrong
    with them is known as theirs. Those of boto3's default chain that AWS does not accept are looked up again: files
    under `~/.aws` may have new ones by then.

    Attributes:
        client: boto3's client.
        method: botocore's name of the source of the credentials.
    """

    client: "KinesisClient"
    method: str

    def __init__(self, aws: AwsCredentials) -> None:
        self._aws = aws
        self._renewing = threading.Lock()
        self._is_refused = False
        self._open()

    def put_records(self, **request: Any) -> "PutRecordsOutputTypeDef":
        """Make one call; may be called from several threads.

        Raises:
            CredentialsError: there are no valid credentials.
            botocore.exceptions.ClientError: AWS rejects the call.
        """
        with self._renewing:
            client = self._renew()
        try:
            return client.put_records(**request)
        except ClientError as error:
            cause = find_cause(error)
            if cause in (Cause.CREDENTIALS, Cause.KEY) and not self._aws.access_key:
                self._is_refused = True
            if cause is Cause.CREDENTIALS:
                raise explain_expiry(self._aws.profile, self.method) from error
            raise

    def _open(self) -> None:
        aws = self._aws
        self._session = open_session(
            aws_access_key_id=aws.access_key,
            aws_secret_access_key=aws.secret_access_key,
            region_name=aws.region,
            profile_name=aws.profile,
        )
        credentials = self._session.get_credentials()
        if credentials is None:
            raise CredentialsError(
                "No access key in the configuration, and no AWS credentials in boto3's default chain: run "
                "`python -m producer configure`, sign in as for the AWS CLI, or set `aws_profile`."
            )
        self.method = credentials.method
        self._keys: ReadOnlyCredentials | None = None
        with suppress(CredentialsError):  # nobody answers: the first call says so
            self._keys = retrieve(self._session)
        self.client = _create_client(self._session, aws.endpoint, self._keys)

    def _renew(self) -> "KinesisClient":
        if self._is_refused:
            self._open()
            self._is_refused = False
        keys = retrieve(self._session)
        if keys != self._keys:
            self._keys, self.client = keys, _create_client(self._session, self._aws.endpoint, keys)
        return self.client


def _create_client(
    session: boto3.Session, endpoint: str | None, keys: ReadOnlyCredentials | None
) -> "KinesisClient":
    """Create a client that does not retry, and does not renew its credentials.

    Parameters are not validated, and `Records` are encoded and decoded here: botocore's own passes over 500
    records take two thirds of a call's CPU time (benchmarks/README.md).

    Raises:
        ConfigError: the region or the endpoint is invalid.
    """
    settings = ClientConfig(
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=30,
        parameter_validation=False,
        max_pool_connections=MAX_CALLS,
        # A profile's `endpoint_url` is for other programs: the target printed at the start must be the one used.
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # missing in the stubs
    )
    try:
        client = session.client(
            "kinesis",
            endpoint_url=endpoint,
            config=settings,
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            aws_session_token=keys.token if keys else None,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"`region` or `aws_endpoint` is invalid: {error}") from error
    client.meta.events.register("before-parameter-build.kinesis.PutRecords", _detach_records)
    client.meta.events.register("before-call.kinesis.PutRecords", _write_body)
    client.meta.events.register("before-parse.kinesis.PutRecords", _read_body)
    return client


def _identity(aws: AwsCredentials, method: str) -> str:
    if aws.access_key:
        return f"AWS credentials: access key {aws.access_key}"
    profile = f", profile {aws.profile}" if aws.profile else ""
    return f"AWS credentials: {method} (boto3's default chain{profile})"


def _detach_records(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["put_records"] = dict(params)
    params["Records"] = []


def _write_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    request = context["put_records"]
    records = [
        {"Data": b64encode(record["Data"]).decode(), "PartitionKey": record["PartitionKey"]}
        for record in request["Records"]
    ]
    params["body"] = orjson.dumps({**request, "Records": records})


def _read_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    if response_dict["status_code"] == 200:
        answer = None
        with suppress(orjson.JSONDecodeError):
            answer = orjson.loads(response_dict["body"])
        response_dict["body"] = b"{}"  # for botocore's parser
        customized_response_dict["Records"] = answer.get("Records") if isinstance(answer, dict) else None
