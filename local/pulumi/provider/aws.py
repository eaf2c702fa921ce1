"""The aws provider's configuration (endpoints, region, key), and its boto3 clients."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.errors import ProviderConfigError
from stack.aws.retries import RETRIES

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sts import STSClient

SERVICES = (
    "appautoscaling",
    "cloudwatch",
    "dynamodb",
    "iam",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "s3",
    "sns",
    "sts",
)
"""The services that the program uses, as `aws:endpoints` names them."""
_SERVICE_NAMES = {"appautoscaling": "application-autoscaling"}  # where boto3 has another name
# Back-off below a second: a local server recovers at once, and a person is waiting.
CLIENTS = Config(retries=RETRIES, s3={"addressing_style": "path"})
# The environment variables of AWS's SDKs.
_CREDENTIALS = {
    "accessKey": "AWS_ACCESS_KEY_ID",
    "secretKey": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
}
# Checks of AWS's own provider that have no meaning here.
IGNORED = {
    "s3UsePathStyle",
    "skipCredentialsValidation",
    "skipMetadataApiCheck",
    "skipRegionValidation",
    "skipRequestingAccountId",
    "version",
}


def _endpoints_of_environment() -> list[dict[str, str]]:
    url = os.environ.get("AWS_ENDPOINT_URL")
    return [dict.fromkeys(SERVICES, url)] if url else []


@dataclass(frozen=True)
class Aws:
    """AWS on this machine: one endpoint per service, a region and a key.

    Every service needs an endpoint, so that no call can reach a real account.
    """

    region: str
    access_key: str
    secret_key: str
    endpoints: Mapping[str, str]
    token: str | None = None
    _session: boto3.Session = field(default_factory=boto3.Session, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> "Aws":
        """Read the stack's `aws:` configuration (without the prefix), as AWS's own provider does.

        Credentials and endpoints that it does not name are those of the environment, as in a workflow that assumed
        a role. Raises `ProviderConfigError` for a missing value or an unknown key.
        """
        values = {key: value for key, value in config.items() if key not in IGNORED}
        if "accessKey" not in values and "secretKey" not in values:
            values |= {key: os.environ[name] for key, name in _CREDENTIALS.items() if name in os.environ}
        required: dict[str, str] = {}
        for key in ("region", "accessKey", "secretKey"):
            if not values.get(key):
                raise ProviderConfigError(f"aws:{key} is not set: pulumi config set aws:{key} VALUE")
            required[key] = values.pop(key)
        token = values.pop("token", None)
        endpoints = values.pop("endpoints", _endpoints_of_environment())
        if values:
            raise ProviderConfigError(f"aws:{min(values)} is not implemented by local AWS's provider")
        if isinstance(endpoints, str):
            endpoints = json.loads(endpoints)
        by_service = {service: url for group in endpoints for service, url in group.items()}
        return cls(required["region"], required["accessKey"], required["secretKey"], by_service, token)

    def _client(self, service: str) -> Any:
        if service not in self.endpoints:
            raise ProviderConfigError(f"aws:endpoints has no endpoint for {service}: local AWS needs one")
        with self._lock:  # creating a client is not thread-safe
            return self._session.client(
                _SERVICE_NAMES.get(service, service),  # type: ignore[call-overload]  # the properties below give each its type
                region_name=self.region,
                endpoint_url=self.endpoints[service],
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                aws_session_token=self.token,
                config=CLIENTS,
            )

    @cached_property
    def appautoscaling(self) -> "ApplicationAutoScalingClient":
        return self._client("appautoscaling")  # type: ignore[no-any-return]

    @cached_property
    def kms(self) -> "KMSClient":
        return self._client("kms")  # type: ignore[no-any-return]

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        return self._client("cloudwatch")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        return self._client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def iam(self) -> "IAMClient":
        return self._client("iam")  # type: ignore[no-any-return]

    @cached_property
    def kinesis(self) -> "KinesisClient":
        return self._client("kinesis")  # type: ignore[no-any-return]

    @cached_property
    def lambda_(self) -> "LambdaClient":
        return self._client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        return self._client("s3")  # type: ignore[no-any-return]

    @cached_property
    def sns(self) -> "SNSClient":
        return self._client("sns")  # type: ignore[no-any-return]

    @cached_property
    def sts(self) -> "STSClient":
        return self._client("sts")  # type: ignore[no-any-return]

    @cached_property
    def account(self) -> str:
        """The id of the account that the key belongs to."""
        return self.sts.get_caller_identity()["Account"]
