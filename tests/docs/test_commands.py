"""Every command that a document or a `--help` shows is one that the programs accept."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from delivery.cli import main as delivery
from local.cli import main as local
from ops.cli import cli as ops
from producer.cli import configure_command, run_command
from stack.project import PROJECT

PROGRAMS: dict[str, click.Command] = {
    "ops": ops,
    "producer": run_command,
    "producer configure": configure_command,
    "local": local,
    "delivery": delivery,
}
DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "Makefile",
    *sorted((PROJECT / "docs").glob("*.md")),
]
_COMMAND = re.compile(r"python -m (producer configure|ops|producer|local|delivery)\b(?! *[.,:)])([^`\n]*)")
_END = {"|", ">", ";", "&&", "||"}


def commands(text: str) -> Iterator[str]:
    """Find the commands in a text's code: those between backticks that have an option, and lines of their own."""
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if " --" in span]
    lines = re.findall(r'(?m)^ *((?:eval "\$\()?(?:[\w./]*/)?python -m .*)$', text)
    for shown in spans + lines:
        for program, arguments in _COMMAND.findall(shown):
            yield program + arguments.partition(')"')[0]


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the help of a command and of its subcommands."""
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found
            yield from helps(found, f"{name} {each}")


SHOWN = sorted(
    {(str(file.relative_to(PROJECT)), each) for file in DOCUMENTS for each in commands(file.read_text())}
    | {
        (f"{name} --help", each)
        for program, command in PROGRAMS.items()
        for name, text in helps(command, program)
        for each in commands(text)
    }
)


def parse(shown: str) -> tuple[click.Command, click.Context]:
    """Parse a shown command; return the command that would run."""
    words = shlex.split(shown, comments=True)
    words = words[: next((number for number, word in enumerate(words) if word in _END), len(words))]
    length = 2 if " ".join(words[:2]) in PROGRAMS else 1
    command, arguments = PROGRAMS[" ".join(words[:length])], words[length:]
    context = command.make_context("", arguments)
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found
        command, context = found, found.make_context(name, arguments, parent=context)
    return command, context


@pytest.mark.parametrize(("where", "shown"), SHOWN, ids=[f"{where}: {shown}" for where, shown in SHOWN])
def test_a_shown_command_is_accepted_and_names_the_stack_that_it_changes(where: str, shown: str) -> None:
    try:
        command, context = parse(shown)
    except click.exceptions.Exit:  # --help, --version
        return
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # a file of the reader's
            raise
        return
    stack = next((option for option in command.params if option.name == "stack_name"), None)
    if isinstance(stack, click.Option) and not stack.show_default:
        assert context.params["stack_name"] or context.params["outputs_file"], (
            "the command does not name the stack"
        )
