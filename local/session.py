"""A stack on local AWS that a person can use: its outputs and the producer's configuration, as files."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from event.types import DEFAULT_EVENT_TYPE
from local.aws.server import ACCOUNT, REGION, ROOT_KEY, Server
from local.errors import ProviderConfigError
from local.x.server import CONSUMER_KEY, CONSUMER_SECRET
from stack.errors import StackError
from stack.files.stack_file import read_stack_file
from stack.project import PROJECT, read_project, with_defaults
from stack.rules import STREAM_ARN

if TYPE_CHECKING:
    from local.pulumi.deploy import Deployment

STACK = "dev"
EVENT_TYPE_KEY = "stream-processing:eventType"
STREAM_ARN_KEY = "stream-processing:streamArn"


class Session:
    """The files of a deployed stack, in a folder that is deleted with the server.

    Attributes:
        outputs: the stack outputs, secrets as `[secret]`.
        outputs_file: the same as JSON, for `python -m ops --outputs`.
        config: the producer's configuration, with the secrets, for `python -m producer --config`.
        environment: variables that make this the stack of `python -m ops`.
    """

    def __init__(self, server: Server, x_url: str | None, deployment: "Deployment") -> None:
        folder = server.directory / "session"
        folder.mkdir(exist_ok=True)
        self.config = folder / "config.json"
        self.outputs_file = folder / "outputs.json"
        self.outputs: dict[str, Any] = deployment.outputs | dict.fromkeys(
            deployment.secret_outputs, "[secret]"
        )
        self.environment = {
            "STREAM_OPS_OUTPUTS": str(self.outputs_file),
            "STREAM_OPS_ENDPOINT": server.endpoint,
        }
        self.outputs_file.write_text(json.dumps(self.outputs))
        self.config.touch(mode=0o600)
        # Local AWS accepts the root's key, which takes the place of an identity that the stack does not make.
        root = {"access_key": ROOT_KEY, "secret_access_key": ROOT_KEY}
        aws_half = {**root, **deployment.outputs, "aws_endpoint": server.endpoint}
        x_half = {
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "access_token_key": "unused",
            "access_token_secret": "unused",
            "x_endpoint": x_url,
        }
        self.config.write_text(json.dumps(aws_half | x_half if x_url else aws_half))

    def commands(self) -> list[str]:
        """Return commands that use the stack, to be run in the project's folder as they are."""
        python = ".venv/bin/python"
        variables = " ".join(f"{name}={value}" for name, value in self.environment.items())
        producer = f"{python} -m producer --config {self.config}"
        event_type = self.outputs["event_type"]
        if event_type == DEFAULT_EVENT_TYPE:
            producers = [
                f"{producer} --track '#LanternNight' --limit 100",
                f"{producer} --source file local/tweets.jsonl",
            ]
        else:
            producers = [f"{python} -m local events {event_type} | {producer} --source file -"]
        return [
            f"export {variables}",
            *producers,
            f"{python} -m ops explore",
            f"{python} -m ops watch",
            f"{python} -m ops status",
            f"{python} -m ops quarantine list",
        ]


def read_config() -> dict[str, Any]:
    """Return the configuration in the dev stack's file.

    Raises:
        ProviderConfigError: the engine would reject the file.
    """
    try:
        return read_stack_file(PROJECT / f"Pulumi.{STACK}.yaml", read_project())
    except StackError as error:
        raise ProviderConfigError(str(error)) from error


def with_local_stream(server: Server, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with a stream of local AWS in place of one that exists in AWS.

    It has the same name, one shard and no key, and is created unless it is there.
    """
    arn = config.get(STREAM_ARN_KEY)
    existing = STREAM_ARN.fullmatch(arn) if isinstance(arn, str) else None
    if existing is None:
        return dict(config)
    kinesis = server.client("kinesis")
    with suppress(kinesis.exceptions.ResourceInUseException):
        kinesis.create_stream(StreamName=existing["name"], ShardCount=1)
    return {
        **config,
        "aws:region": REGION,
        STREAM_ARN_KEY: f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{existing['name']}",
        "stream-processing:streamKeyArn": "",
    }


def configured_event_type() -> str:
    """Return the event type of the dev stack."""
    return with_defaults(read_project(), read_config())[EVENT_TYPE_KEY]


def deploy_session(server: Server, x_url: str) -> Session:
    """Deploy the dev stack without an engine, and write its files.

    Raises:
        DeploymentError: a resource cannot be created.
    """
    from local.pulumi.deploy import deploy

    deployment = deploy(STACK, PROJECT, with_local_stream(server, read_config()), server.endpoint)
    return Session(server, x_url, deployment)
