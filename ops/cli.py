"""The operator's command line: `python -m ops COMMAND`."""

from importlib import import_module

import click
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws.error_codes import is_missing
from ops.errors import OptionsError
from stack.aws import messages
from stack.aws.causes import Cause, find_cause
from stack.printing import without_userinfo
from stack.project import version

_COMMANDS = {
    "explore": "ops.explore.explore",
    "status": "ops.health.status",
    "watch": "ops.health.watch",
    "quarantine": "ops.quarantine.commands",
    "replay": "ops.replay.commands",
    "versions": "ops.versions.commands:versions",
    "rollback": "ops.versions.rollback",
    "prune": "ops.versions.commands:prune",
    "size": "ops.planning.size",
    "cost": "ops.planning.cost",
    "use": "ops.aws.default",
}
"""Modules, imported on demand, some with the name of the command in it: only `size` and `cost` need Pulumi's SDK."""


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BotoCoreError, ClientError) as error:
            raises = OptionsError if find_cause(error) is Cause.CREDENTIALS else click.ClickException
            raise raises(without_userinfo(_explain(error))) from error
        except BrokenPipeError:
            raise  # click ends quietly
        except OSError as error:
            raise click.ClickException(str(error)) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name or "command")
        return command


@click.group(
    cls=_Commands,
    epilog="""\b
Examples:
  python -m ops watch --stack dev
  python -m ops status --stack dev
  python -m ops explore --stack dev --follow
  python -m ops quarantine list --outputs outputs.json --json
  python -m ops size --stack prod --rate 5000 --size 700

Commands use your own AWS credentials, found as the AWS CLI finds them (AWS_PROFILE and so on).

Exit codes: 0 done or healthy; 1 failed or not healthy; 2 wrong usage or configuration.

\b
`stream-ops` is the same command, installed; its completion for bash (or zsh, fish):
  eval "$(_STREAM_OPS_COMPLETE=bash_source stream-ops)"
""",
)
@click.version_option(version(), prog_name="stream-ops")
def cli() -> None:
    """Operate a deployed stack: its health, table, quarantine and versions, a replay, a plan of its size and cost."""


def main() -> None:
    """Run `python -m ops`; ends the process."""
    cli(prog_name="python -m ops")


def stream_ops() -> None:
    """Run the installed command `stream-ops`, which has shell completion; ends the process."""
    cli(prog_name="stream-ops")


def _explain(error: BotoCoreError | ClientError) -> str:
    """Explain an AWS error, and what to do about it."""
    if isinstance(error, ClientError) and is_missing(error):
        return (
            f"{error}. Is the stack deployed, in this region? "
            "`pulumi stack output` shows what it has; --stack, --outputs or --region choose another."
        )
    explained = messages.explain(error)
    if find_cause(error) is Cause.NETWORK:
        explained += " For local AWS: check that it runs, and --endpoint."
    return explained
