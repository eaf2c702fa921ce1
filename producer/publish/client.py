"""The boto3 client of the stream: without retries, and with fast JSON for PutRecords."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import orjson
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ProfileNotFound

from producer.config import AwsCredentials
from producer.errors import ConfigError
from producer.publish.publisher import MAX_CALLS

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def connect(aws: AwsCredentials, notify: Callable[[str], None]) -> "KinesisClient":
    """Create a client that does not retry: the caller counts failures and backs off.

    Parameters are not validated, and `Records` are encoded and decoded here: botocore's own passes over 500
    records take two thirds of a call's CPU time (benchmarks/README.md).

    Raises:
        ConfigError: the region or the endpoint is invalid, or there are no credentials.
    """
    settings = ClientConfig(
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=30,
        parameter_validation=False,
        max_pool_connections=MAX_CALLS,
        # AWS_ENDPOINT_URL is for other programs; the target that is printed at the start must be the one used.
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # missing in the stubs
    )
    try:
        session = boto3.Session(
            aws_access_key_id=aws.access_key,
            aws_secret_access_key=aws.secret_access_key,
            region_name=aws.region,
            profile_name=aws.profile,
        )
        client = session.client("kinesis", endpoint_url=aws.endpoint, config=settings)
        credentials = session.get_credentials()
    except ProfileNotFound as error:
        raise ConfigError(f"`aws_profile`: {error}") from error
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"`region` or `aws_endpoint` is invalid: {error}") from error
    if credentials is None:
        raise ConfigError(
            "No access key in the configuration, and no AWS credentials in boto3's default chain: run "
            "`python -m producer configure`, sign in as for the AWS CLI, or set `aws_profile`."
        )
    notify(_identity(aws, credentials.method))
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
    params["body"] = orjson.dumps({"StreamName": request["StreamName"], "Records": records})


def _read_body(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    if response_dict["status_code"] == 200:
        answer = None
        with suppress(orjson.JSONDecodeError):
            answer = orjson.loads(response_dict["body"])
        response_dict["body"] = b"{}"  # for botocore's parser
        customized_response_dict["Records"] = answer.get("Records") if isinstance(answer, dict) else None
