"""The page of all commands: what `--help` prints of each."""

from collections.abc import Iterator

import click

from delivery.cli import main as delivery
from local.cli import main as local
from ops.cli import cli as ops
from producer.cli import configure_command, run_command

WIDTH = 110

PROGRAMS = {
    "python -m producer": run_command,
    "python -m producer configure": configure_command,
    "python -m ops": ops,
    "python -m local": local,
    "python -m delivery": delivery,
}
"""Each command line that a user types, with its command."""


def render_commands() -> str:
    """Render the help of every program, and of each of its commands."""
    sections = (
        f"## {name}\n\n```\n{text}\n```\n"
        for program, command in PROGRAMS.items()
        for name, text in _help(command, program, None)
    )
    return "\n".join((_HEAD, *sections))


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield the name and the help of a command, then those of its own commands."""
    with click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH) as context:
        yield f"{parent.command_path} {name}" if parent else name, command.get_help(context)
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                child = command.get_command(context, each)
                if child is not None:
                    yield from _help(child, each, context)


_HEAD = """\
<!-- Written by `make docs`: change the command's own help instead. -->

# Commands

The operator's commands are installed as `stream-ops`, too, and the producer as `twitter2kinesis`. Those of the operator
all have `--json`. Exit codes: 0 done or healthy; 1 failed or not healthy; 2 wrong usage or configuration.
"""
