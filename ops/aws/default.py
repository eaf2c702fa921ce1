"""The stack that commands use when none is named: from the environment, or remembered by `python -m ops use`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import click

from ops.errors import OptionsError
from ops.terminal.display import console, json_option, write_json
from stack.outputs import ENDPOINT_OUTPUT
from stack.project import PROJECT

FILE = PROJECT / ".pulumi" / "ops-default.json"
VARIABLES = {name: f"STREAM_OPS_{name.upper()}" for name in ("stack", "outputs", "endpoint")}


@dataclass(frozen=True, slots=True)
class Default:
    """A stack by name, or a file of its outputs, and the endpoint of a local AWS; null is not remembered.

    Raises:
        OptionsError: the endpoint holds a user name or a password, which is not sent and would be printed.
    """

    stack: str | None = None
    outputs: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        if self.endpoint and "@" in self.endpoint:
            raise OptionsError("The endpoint holds a user name or a password: remove everything up to the @.")

    def __str__(self) -> str:
        return self.describe({})

    def describe(self, outputs: Mapping[str, object]) -> str:
        """Name the stack, and the local AWS that it is on; with its outputs if they are known."""
        stack = self.stack or stack_name(str(outputs.get("function_name")))
        where = f"stack {stack}" if stack else self.outputs or "the selected stack"
        endpoint = self.endpoint or outputs.get(ENDPOINT_OUTPUT)
        return f"{where}, local AWS at {endpoint}" if endpoint else where


def stack_name(function: str) -> str:
    """Return the name of the stack whose function this is; empty if it is another one."""
    return function.rpartition("-DDBEventProcessor")[0]


def load_default(environment: Mapping[str, str] = os.environ) -> tuple[Default, str] | None:
    """Return the default, and where it comes from; None if there is none.

    Raises:
        OptionsError: the file that remembers it is damaged, or it names a stack and a file both.
    """
    values = {name: environment.get(variable) or None for name, variable in VARIABLES.items()}
    source = "the environment"
    if not any(values.values()):
        try:
            values = json.loads(FILE.read_text())
            source = "`python -m ops use`"
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OptionsError(f"{FILE} is damaged: `python -m ops use --forget`.") from error
    default = Default(**values)
    if default.stack and default.outputs:
        raise OptionsError(f"{VARIABLES['stack']} and {VARIABLES['outputs']} are both set: unset one.")
    return default, source


def check_endpoint_variable(
    chosen: Default, outputs: Mapping[str, object], environment: Mapping[str, str] = os.environ
) -> None:
    """Check that the local AWS that the environment names is the one that is used.

    Raises:
        OptionsError: it is not.
    """
    variable = VARIABLES["endpoint"]
    wanted = Default(endpoint=environment.get(variable)).endpoint
    if wanted and not chosen.endpoint and wanted != outputs.get(ENDPOINT_OUTPUT):
        raise OptionsError(
            f"{variable} is {wanted}, but {chosen.describe(outputs)} is not there: "
            f"unset {variable}, or give --endpoint {wanted}"
        )


@click.command(
    "use",
    epilog="""\b
Examples:
  python -m ops use --stack prod
  python -m ops use --outputs outputs.json --endpoint http://127.0.0.1:4566
  python -m ops use --forget

Commands that only read use what is remembered here, and say so. STREAM_OPS_STACK, STREAM_OPS_OUTPUTS and
STREAM_OPS_ENDPOINT in the environment come first. Commands that change something always require
the stack's name, as --stack or --outputs.
""",
)
@click.option("--stack", metavar="NAME", help="Stack to ask the Pulumi CLI about.")
@click.option(
    "--outputs",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="File of a stack's outputs.",
)
@click.option("--endpoint", metavar="URL", help="Local AWS.")
@click.option("--forget", is_flag=True, help="Remember nothing.")
@json_option(Default)
def command(
    stack: str | None, outputs: str | None, endpoint: str | None, forget: bool, as_json: bool
) -> None:
    """Remember a stack for the commands that only read, or show which one is remembered."""
    given = Default(stack, outputs, endpoint)
    if stack and outputs:
        raise click.UsageError("give either --stack or --outputs, not both.")
    if forget:
        FILE.unlink(missing_ok=True)
    elif given != Default():
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps(asdict(given)))
    default = load_default()
    if as_json:
        write_json(default[0] if default else Default())
    elif default:
        console().print(f"Commands that only read use {default[0]} (from {default[1]}).", soft_wrap=True)
    else:
        console().print("No stack is remembered: commands use the stack that the Pulumi CLI has selected.")
