"""`--json`: a command writes the documents that its reference in `docs/commands.md` lists."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ops.cli import cli
from ops.explore.documents import Busiest, Explored, Exported
from ops.health.frame import FrameDocument
from ops.health.status import Health
from ops.quarantine.presentation import Listed, Purged, Redriven, Shown
from ops.replay.commands import Replayed
from ops.versions.commands import Versions
from tests.ops.schemas import check_document, documents_of
from tests.ops.stack import DeployedStack, tweet
from tools.docs.commands import documents


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (["status"], Health),
        (["watch", "--once"], FrameDocument),
        (["explore"], Explored),
        (["explore", "--user", "nobody"], Explored),
        (["explore", "--top"], Busiest),
        (["versions"], Versions),
        (["quarantine", "list"], Listed),
        (["quarantine", "redrive", "--dry-run"], Redriven),
        (["replay", "--from", "5m", "--dry-run"], Replayed),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value.__name__,
)
def test_a_command_about_a_stack_writes_one_document(
    stack: DeployedStack, user: str, command: list[str], document: type
) -> None:
    stack.put(tweet(user), b"not json")
    (key,) = stack.quarantined(1)
    result = stack.ops(*command, "--json")
    assert result.exit_code in (0, 1), result.output
    assert document in documents_of(*command)
    check_document(result.stdout, document)
    if command[0] == "quarantine":
        check_document(stack.ops("quarantine", "show", key, "--json").stdout, Shown)
        check_document(stack.ops("quarantine", "purge", key, "--yes", "--json").stdout, Purged)


@pytest.mark.parametrize(
    "command",
    [
        ["cost"],
        ["cost", "--stack", "prod", "--rate", "5000"],
        ["size"],
        ["size", "--rate", "1000000"],
        ["use"],
    ],
    ids=" ".join,
)
def test_a_command_that_asks_no_stack_writes_one_document(command: list[str]) -> None:
    check_document(CliRunner().invoke(cli, [*command, "--json"]).stdout, *documents_of(*command))


def test_an_export_writes_one_document_beside_the_file(deployed: DeployedStack, tmp_path: Path) -> None:
    check_document(deployed.ops("explore", "--export", str(tmp_path / "x.csv"), "--json").stdout, Exported)


def test_every_command_of_the_operator_says_which_json_it_writes() -> None:
    without = [name for name, command in leaves(cli) if not documents(command)]
    assert not without


def leaves(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of a group, and those of the groups in it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command
        if isinstance(command, click.Group):
            yield from leaves(command)
        else:
            yield name, command
