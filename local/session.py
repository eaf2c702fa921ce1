"""A stack on local AWS that a person can use: its outputs and the producer's configuration, as files."""

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from event.types import DEFAULT_EVENT_TYPE
from local.aws.server import REGION, ROOT_KEY, Server
from local.errors import ProviderConfigError
from local.x.server import CONSUMER_KEY, CONSUMER_SECRET
from stack.errors import StackError
from stack.files.stack_file import read_stack_file
from stack.outputs import ENDPOINT_OUTPUT
from stack.project import PROJECT, full_key, read_project, with_defaults, without_account

if TYPE_CHECKING:
    from local.pulumi.deploy import Deployment

STACK = "dev"


class Session:
    """The files of a deployed stack, in a folder that is deleted with the server unless another one is given.

    Attributes:
        outputs: the stack outputs, secrets as `[secret]`, with the address of this AWS.
        outputs_file: the same as JSON, for `python -m ops --outputs`.
        variables_file: a shell's variables that lead the AWS CLI, SDKs and `python -m ops` there, to be sourced.
        config: the producer's configuration, with the secrets, for `python -m producer --config`.
        spool: where such a producer keeps what the stream has not acknowledged.
    """

    def __init__(
        self, server: Server, x_url: str | None, deployment: "Deployment", folder: Path | None = None
    ) -> None:
        self._folder = folder or server.directory / "session"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.config = self._folder / "config.json"
        self.spool = self._folder / "spool"
        self.outputs_file = self._folder / "outputs.json"
        self.variables_file = self._folder / "variables.sh"
        outputs = {**deployment.outputs, ENDPOINT_OUTPUT: server.endpoint}
        self.outputs: dict[str, Any] = outputs | dict.fromkeys(deployment.secret_outputs, "[secret]")
        self.outputs_file.write_text(json.dumps(self.outputs))
        variables = {**aws_variables(server.endpoint), "STREAM_OPS_OUTPUTS": str(self.outputs_file)}
        self.variables_file.write_text("".join(f"{export}\n" for export in exports(variables)))
        self.config.touch(mode=0o600)
        x_half = {
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "access_token_key": "unused",
            "access_token_secret": "unused",
            "x_endpoint": x_url,
        }
        # Local AWS accepts the root's key, which takes the place of an identity that the stack does not make.
        aws_half = {"access_key": ROOT_KEY, "secret_access_key": ROOT_KEY, **outputs}
        self.config.write_text(json.dumps(aws_half | x_half if x_url else aws_half))

    def commands(self) -> list[str]:
        """Return commands that use the stack, to be run in the project's folder as they are."""
        python = ".venv/bin/python"
        outputs = shlex.quote(str(self.outputs_file))
        producer = f"{python} -m producer --config {shlex.quote(str(self.config))}"
        event_type = self.outputs["event_type"]
        if event_type == DEFAULT_EVENT_TYPE:
            producers = [
                f"{producer} --track '#LanternNight' --limit 100",
                f"{producer} --source file local/tweets.jsonl",
            ]
        else:
            producers = [f"{python} -m local events {event_type} | {producer} --source file -"]
        return [
            f"source {shlex.quote(str(self.variables_file))}",
            *producers,
            f"{python} -m ops explore",
            f"{python} -m ops watch",
            f"{python} -m ops status",
            f"{python} -m ops quarantine list",
            f"{python} -m ops quarantine redrive --outputs {outputs}",
            f"{python} -m ops replay --outputs {outputs} --from 10m --yes",
        ]

    def remove(self) -> None:
        """Delete these files; others stay, such as a spool, which may belong to a producer that still runs."""
        for file in (self.config, self.outputs_file, self.variables_file):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty
            self._folder.rmdir()


def aws_variables(endpoint: str) -> dict[str, str]:
    """Return a shell's variables that lead the AWS CLI and SDKs to local AWS, as its administrator."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,  # what boto3 reads
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
    }


def exports(variables: dict[str, str]) -> list[str]:
    """Return the lines that set variables in a POSIX shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def kept_folder(server: Server) -> Path:
    """Return the folder of a session whose spool outlives the server; the next one on this port continues it."""
    return PROJECT / ".pulumi" / f"local-{server.port}"


def read_config() -> dict[str, Any]:
    """Return the configuration in the dev stack's file, without what is bound to an account.

    Raises:
        ProviderConfigError: the engine would reject the file.
    """
    try:
        return without_account(read_stack_file(PROJECT / f"Pulumi.{STACK}.yaml", read_project()))
    except StackError as error:
        raise ProviderConfigError(str(error)) from error


def configured_event_type() -> str:
    """Return the event type of the dev stack."""
    return with_defaults(read_project(), read_config())[full_key("eventType")]


def deploy_session(server: Server, x_url: str) -> Session:
    """Deploy the dev stack without an engine, and write its files.

    Raises:
        DeploymentError: a resource cannot be created.
    """
    from local.pulumi.deploy import deploy

    deployment = deploy(STACK, PROJECT, read_config(), server.endpoint)
    return Session(server, x_url, deployment, kept_folder(server))
