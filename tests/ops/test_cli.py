"""The command line as a whole: what a start of it imports."""

import subprocess
import sys

import click
import pytest

from ops.cli import cli

_HELP = """
import sys
from contextlib import suppress
from ops.cli import cli

with suppress(SystemExit):
    cli(sys.argv[1:])
print(*sorted(sys.modules))
"""


def _show_help(*command: str) -> tuple[str, set[str]]:
    """Return the help of a command as a new process prints it, and the modules that are imported then."""
    run = [sys.executable, "-c", _HELP, *command, "--help"]
    shown, _, modules = subprocess.check_output(run, text=True).strip().rpartition("\n")
    return shown, set(modules.split())


@pytest.mark.parametrize("command", cli.list_commands(click.Context(cli)))
def test_the_help_of_a_command_imports_neither_boto3_nor_pulumi(command: str) -> None:
    shown, modules = _show_help(command)

    assert shown.startswith("Usage: ")
    assert not {"awscrt", "boto3", "botocore.session", "pulumi"} & modules


def test_the_list_of_commands_imports_none_of_them() -> None:
    shown, modules = _show_help()

    assert "explore     Show what is in the table.\n" in shown
    assert not {"ops.explore.explore", "ops.planning.cost", "ops.aws.stack", "rich"} & modules
