"""The operator's command line: `python -m ops COMMAND`."""

from importlib import import_module

import click
from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import OptionsError
from stack.printing import without_userinfo
from stack.project import version

_COMMANDS = {
    "explore": ("ops.explore.explore", "Show what is in the table."),
    "status": ("ops.health.status", "Show whether the stack is healthy."),
    "watch": ("ops.health.watch", "Watch the stack at work."),
    "report": ("ops.report.report", "Write the stack's state as one HTML file."),
    "quarantine": ("ops.quarantine.commands", "List, show, redrive and purge what could not be stored."),
    "replay": ("ops.replay.commands", "Send a time range of the stream through the function again."),
    "versions": ("ops.versions.commands:versions", "List the versions of the function."),
    "rollback": ("ops.versions.rollback", "Make an earlier version of the function live, at once."),
    "prune": ("ops.versions.commands:prune", "Delete all versions but the newest ones."),
    "size": ("ops.planning.size", "Plan the settings for a load."),
    "cost": ("ops.planning.cost", "Estimate a month's cost."),
    "use": ("ops.aws.default", "Remember which stack to use."),
}
"""Each command's module, with its name where that is not `command`, and its line in the list of all.

A module is imported only to run the command or to show its help.
"""


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (BotoCoreError, ClientError) as error:
            raise _explain(error) from error
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
        place, summary = _COMMANDS[cmd_name]
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name or "command")
        command.short_help = summary
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


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


def _explain(error: BotoCoreError | ClientError) -> click.ClickException:
    """Explain an AWS error, and what to do about it."""
    # A command that raised it has boto3 already; one that shows its help does without.
    from ops.aws.error_codes import is_missing
    from stack.aws import messages
    from stack.aws.causes import Cause, find_cause

    cause = find_cause(error)
    if isinstance(error, ClientError) and is_missing(error):
        explained = (
            f"{error}. Is the stack deployed, in this region? "
            "`pulumi stack output` shows what it has; --stack, --outputs or --region choose another."
        )
    else:
        explained = messages.explain(error)
        if cause is Cause.NETWORK:
            explained += " For local AWS: check that it runs, and --endpoint."
    raises = OptionsError if cause is Cause.CREDENTIALS else click.ClickException
    return raises(without_userinfo(explained))
