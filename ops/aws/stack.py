"""A deployed stack: its outputs, and AWS clients with the operator's credentials.

boto3 is imported with the first client: its import is three quarters of the CPU time of a `--help`.
"""

import functools
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click

from event import types as event_types
from event.limits import MAX_RECORD_BYTES
from event.schema import Schema
from ops.aws.default import VARIABLES, Default, check_endpoint_variable, load_default
from ops.aws.json_form import keep_json_form, parse_json
from ops.aws.s3 import parse_object, read_fast
from ops.errors import OptionsError
from ops.terminal.display import capitalized, error_console
from stack.aws.retries import RETRIES
from stack.errors import OutputsError
from stack.outputs import ENDPOINT_OUTPUT, is_loopback, read_outputs

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient
    from botocore.config import Config
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient


_EVENT_TYPE, _MAX_RECORD_KIB = "event_type", "max_record_kib"
_DEFAULTS = {
    _EVENT_TYPE: event_types.DEFAULT_EVENT_TYPE,
    _MAX_RECORD_KIB: str(MAX_RECORD_BYTES // 1024),
}
"""Outputs that release 1.0.0 did not have, with the values of its stacks."""

_TEST_KEY = "test"
"""Access key and secret key that local AWS accepts."""

CONNECTIONS = 16
"""Maximum number of concurrent calls of a client."""
S3_CONNECTIONS = 32
"""The same of S3's client."""

P = ParamSpec("P")
R = TypeVar("R")
Client = TypeVar("Client", bound="BaseClient")


def _client(create: "Callable[[Stack], Client]") -> "cached_property[Client]":
    """Create a client when it is first needed; its calls may raise `CredentialsError`.

    Raises:
        OptionsError: the region or the endpoint is invalid.
        CredentialsError: there are no valid credentials.
    """

    @functools.wraps(create)
    def checked(stack: "Stack") -> Client:
        from stack.aws.credentials import guard

        try:
            client = create(stack)
            _ = urlsplit(client.meta.endpoint_url).port  # botocore would parse it at the first call only
        except ValueError as error:
            # botocore's error about a region is a ValueError too; its errors about credentials are not.
            raise OptionsError(
                f"The region or the endpoint is invalid: {error}. "
                "A region is like us-east-1, an endpoint like http://127.0.0.1:4566."
            ) from error
        guard(client, stack._session)
        return client

    return cached_property(checked)


class Stack:
    """A deployed stack; its outputs are loaded when the first one is needed that no option gives."""

    def __init__(
        self,
        given: Mapping[str, str],
        outputs: Callable[[], Mapping[str, object]],
        endpoint: str | None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.arguments = arguments
        """The options that name it, for a command that the user is to run next."""
        self._given = given
        self._load = outputs
        self._given_endpoint = endpoint
        self._counting = threading.Lock()
        self.metrics_requested = 0
        """Number of metrics requested from CloudWatch, which charges for each."""

    @property
    def is_local(self) -> bool:
        """Whether the stack is on local AWS, at an endpoint of its own."""
        return self._endpoint is not None

    def count_metrics(self, number: int) -> None:
        """Count metrics that are requested from CloudWatch; several threads may call it."""
        with self._counting:
            self.metrics_requested += number

    def output(self, name: str) -> str:
        """Return the value of a stack output.

        Raises:
            OptionsError: the outputs cannot be loaded, or lack this one.
        """
        value = self.optional_output(name)
        if value is None:
            option = f"--{name.replace('_', '-')}"
            raise OptionsError(
                f"The outputs of the stack have no {name}: deploy it with `pulumi up`, or give {option}."
            )
        return value

    @cached_property
    def event(self) -> Schema:
        """The definition of the stack's events.

        Raises:
            OptionsError: the outputs cannot be loaded, or this folder has no such event type.
        """
        name = self.output(_EVENT_TYPE)
        if name not in event_types.event_types():
            raise OptionsError(
                f"The stack's event type is {name}, and event/types has no such module: use the folder that the stack "
                "was deployed from."
            )
        return event_types.load(name)

    @property
    def stream(self) -> dict[str, Any]:
        """The argument that names the stream in a call: its name, or the ARN if it belongs to another account.

        Raises:
            OptionsError: the outputs cannot be loaded, or lack the stream.
        """
        if "stream_name" not in self._given and self.optional_output("stream_account"):
            return {"StreamARN": self.output("stream_arn")}
        return {"StreamName": self.output("stream_name")}

    @property
    def max_record_bytes(self) -> int:
        """The limit of a record on the stream, data and partition key.

        Raises:
            OptionsError: the outputs cannot be loaded, or the value is not a number.
        """
        value = self.output(_MAX_RECORD_KIB)
        if not value.isdecimal():
            raise OptionsError(f"{_MAX_RECORD_KIB} is {value}, but it is a number of KiB, such as 1024.")
        return int(value) * 1024

    def connect(self) -> None:
        """Create every client before several threads use them: a session creates one at a time.

        Raises:
            OptionsError: the outputs cannot be loaded or lack the region, or region or endpoint are invalid.
            CredentialsError: there are no valid credentials.
        """
        _ = self.cloudwatch, self.dynamodb, self.iam, self.kinesis, self.lambda_, self.s3, self.sns

    def optional_output(self, name: str) -> str | None:
        """Return the value of an output that a stack may lack, such as the topic if the alarms are off.

        Raises:
            OptionsError: the outputs cannot be loaded.
        """
        if name in self._given:
            return self._given[name]
        value = self._outputs.get(name)
        return value if isinstance(value, str) and value else _DEFAULTS.get(name)

    @cached_property
    def _outputs(self) -> Mapping[str, object]:
        return self._load()

    @cached_property
    def _endpoint(self) -> str | None:
        """The address of a local AWS, as given or as the outputs have it.

        Raises:
            OptionsError: the outputs cannot be loaded, or name an address of another machine.
        """
        if self._given_endpoint:
            return self._given_endpoint
        address = self.optional_output(ENDPOINT_OUTPUT)
        if address and not is_loopback(address):
            raise OptionsError(
                f"The {ENDPOINT_OUTPUT} in the outputs is no address of this machine: give the outputs of a stack on "
                "AWS, or --endpoint URL."
            )
        return address or None

    @cached_property
    def _session(self) -> "boto3.Session":
        from stack.aws.credentials import open_session

        # Real credentials never go to a local AWS.
        key = _TEST_KEY if self._endpoint else None
        return open_session(
            aws_access_key_id=key, aws_secret_access_key=key, region_name=self.output("region")
        )

    @cached_property
    def _config(self) -> "Config":
        from botocore.config import Config

        return Config(
            connect_timeout=5,
            read_timeout=30,
            retries=RETRIES,
            max_pool_connections=CONNECTIONS,
            s3={"addressing_style": "path" if self._endpoint else "auto"},
            user_agent=self._session._session.user_agent(),  # botocore would put it together for each call
            user_agent_extra="stream-processing-ops",
        )

    @_client
    def cloudwatch(self) -> "CloudWatchClient":
        """Metrics and alarms."""
        return self._session.client("cloudwatch", endpoint_url=self._endpoint, config=self._config)

    @_client
    def dynamodb(self) -> "DynamoDBClient":
        """The table, whose items are in DynamoDB's JSON form."""
        from ops.aws.direct import call_directly

        client = self._session.client("dynamodb", endpoint_url=self._endpoint, config=self._config)
        keep_json_form(client, "BatchGetItem", "Query", "Scan")
        call_directly(client, self._session._session, parse_json, "BatchGetItem", "Query", "Scan")
        return client

    @_client
    def iam(self) -> "IAMClient":
        """The producer's access key."""
        return self._session.client("iam", endpoint_url=self._endpoint, config=self._config)

    @_client
    def kinesis(self) -> "KinesisClient":
        """The stream, whose records `read_page` reads."""
        from ops.aws.direct import call_directly

        client = self._session.client("kinesis", endpoint_url=self._endpoint, config=self._config)
        keep_json_form(client, "GetRecords")
        call_directly(client, self._session._session, parse_json, "GetRecords", "GetShardIterator")
        return client

    @_client
    def lambda_(self) -> "LambdaClient":
        """The function and its event source mapping."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=self._config)

    @_client
    def invoker(self) -> "LambdaClient":
        """Invocations of the function, each of which may last as long as Lambda allows, 15 minutes."""
        from botocore.config import Config

        config = Config(
            read_timeout=910, tcp_keepalive=True, retries={"mode": "standard", "total_max_attempts": 10}
        )
        return self._session.client("lambda", endpoint_url=self._endpoint, config=self._config.merge(config))

    @_client
    def s3(self) -> "S3Client":
        """The quarantine, with more connections: its objects are read one by one."""
        from botocore.config import Config

        from ops.aws.direct import call_directly

        config = self._config.merge(Config(max_pool_connections=S3_CONNECTIONS, retries=RETRIES))
        client = self._session.client("s3", endpoint_url=self._endpoint, config=config)
        read_fast(client)
        call_directly(client, self._session._session, parse_object, "GetObject")
        return client

    @_client
    def sns(self) -> "SNSClient":
        """The alarm topic."""
        return self._session.client("sns", endpoint_url=self._endpoint, config=self._config)


def stack_options(*outputs: str, reads_only: bool = False) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Add the options that choose the stack to a command, as its parameter `stack`.

    Args:
        outputs: the outputs that the command uses; each gets an option that overrides it.
        reads_only: the command changes nothing, so that it may use a remembered stack, or the one that the
            Pulumi CLI has selected. Any other command requires the stack's name.
    """
    options = [
        click.option(
            "--stack",
            "stack_name",
            metavar="NAME",
            show_default="the remembered or selected one" if reads_only else None,
            help="Ask the Pulumi CLI for the outputs of this stack.",
        ),
        click.option(
            "--outputs",
            "outputs_file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Read the outputs from a file that `pulumi stack output --json` wrote.",
        ),
        *(
            click.option(
                f"--{name.replace('_', '-')}", metavar="VALUE", help=f"Instead of the output {name}."
            )
            for name in outputs
        ),
        click.option(
            "--endpoint", metavar="URL", help="Local AWS at this address, with its test credentials."
        ),
    ]

    def decorate(command: Callable[P, R]) -> Callable[..., R]:
        @functools.wraps(command)
        def run(stack_name: str | None, outputs_file: Path | None, endpoint: str | None, **values: Any) -> R:
            if stack_name and outputs_file:
                raise click.UsageError("give either --stack or --outputs, not both.")
            given = {name: value for name in outputs if (value := values.pop(name))}
            if given.keys() >= {*outputs} - _DEFAULTS.keys():  # nothing else needs the outputs
                given = {name: value for name, value in _DEFAULTS.items() if name in outputs} | given
            chosen, source = Default(stack_name, str(outputs_file) if outputs_file else None, endpoint), ""
            if not (stack_name or outputs_file) and reads_only and (default := load_default()):
                chosen = replace(default[0], endpoint=endpoint or default[0].endpoint)
                source = f" (from {default[1]})"

            def load() -> Mapping[str, object]:
                if not (stack_name or outputs_file or reads_only):
                    raise OptionsError(
                        "This command changes the stack: name it, with --stack NAME or --outputs FILE."
                    )
                found = _from_file(Path(chosen.outputs)) if chosen.outputs else _from_cli(chosen.stack)
                check_endpoint_variable(chosen, found)
                if ENDPOINT_OUTPUT in given and found.get(ENDPOINT_OUTPUT):
                    raise OptionsError(
                        f"{chosen.describe(found)}: name it with --stack, or leave out --region."
                    )
                if source or not reads_only:
                    described = f"{capitalized(chosen.describe(found))}{source}."
                    error_console().print(described, style="dim", soft_wrap=True)
                return found

            arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()] + [
                f"--{name}={_short(value)}" for name, value in asdict(chosen).items() if value
            ]
            if "region" in given and chosen == Default():  # the options say where, not a stack
                check_endpoint_variable(chosen, {})
                given[ENDPOINT_OUTPUT] = ""
            return command(stack=Stack(given, load, chosen.endpoint, arguments), **values)  # type: ignore[arg-type, call-arg]

        for option in reversed(options):
            run = option(run)
        return run

    return decorate


def _short(value: str) -> str:
    """Return the path from the working directory instead of a longer absolute one."""
    return min(value, os.path.relpath(value), key=len) if Path(value).is_absolute() else value


def _from_file(path: Path) -> Mapping[str, object]:
    variable = VARIABLES["outputs"]
    remedy = f"unset {variable}" if variable in os.environ else "python -m ops use --forget"
    try:
        outputs = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise OptionsError(f"{path} does not exist any more: `{remedy}`, or --outputs.") from error
    except (OSError, ValueError) as error:
        raise OptionsError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(outputs, dict):
        raise OptionsError(f"{path} must hold a JSON object, such as `pulumi stack output --json` writes.")
    return outputs


def _from_cli(stack: str | None) -> Mapping[str, object]:
    try:
        return read_outputs(stack)
    except OutputsError as error:
        raise OptionsError(f"{error}. Or give --outputs FILE.") from error
