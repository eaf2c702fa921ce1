"""The page of all commands: what `--help` prints of each, its exit codes, and the members of its JSON."""

import re
from collections.abc import Iterator, Sequence

import click

from delivery.cli import main as delivery
from local.cli import main as local
from ops.cli import cli as ops
from ops.terminal.display import JsonOption
from producer.cli import configure_command, run_command
from tools.docs.json_members import json_schema, members

WIDTH = 110
_EXIT_CODES = re.compile(r"Exit codes: .*")

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
        section for program, command in PROGRAMS.items() for section in _sections(command, program, None)
    )
    return "\n".join((_HEAD, *sections))


def documents(command: click.Command) -> Sequence[type]:
    """Return the types of the JSON documents that a command writes; none if it has no `--json`."""
    options = [option for option in command.params if isinstance(option, JsonOption)]
    return options[0].documents if options else ()


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """Yield the section of a command, then those of its own commands."""
    with click.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH) as context:
        title = f"{parent.command_path} {name}" if parent else name
        text = command.get_help(context)
        yield "\n".join((f"## {title}\n\n```\n{text}\n```\n", *_exit_codes(context, text), *_json(command)))
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                child = command.get_command(context, each)
                if child is not None:
                    yield from _sections(child, each, context)


def _exit_codes(context: click.Context, text: str) -> Iterator[str]:
    """Yield what the programs around a command say about exit codes, unless its own help does."""
    while "xit code" not in text and context.parent:
        context = context.parent
        if stated := _EXIT_CODES.search(context.command.epilog or ""):
            yield f"{stated[0]}\n"
            return


def _json(command: click.Command) -> Iterator[str]:
    """Yield a table of members for each JSON document of a command."""
    for document in documents(command):
        when = (document.__doc__ or "").partition("\n")[0]
        yield f"JSON. {when}\n"
        yield "| member | type | meaning |"
        yield "|---|---|---|"
        for path, kind, meaning in members(json_schema(document)):
            yield f"| `{path}` | {kind} | {meaning} |"
        yield ""


_HEAD = """\
<!-- Written by `make docs`: change the command's own help instead. -->

# Commands

The operator's commands are installed as `stream-ops`, too, and the producer as `twitter2kinesis`. Those of the operator
all have `--json`: the tables name the members for tweets; other events have a member for each attribute of their
definition, and `tweets` is their plural. A time is ISO 8601 in UTC, with milliseconds.
"""
