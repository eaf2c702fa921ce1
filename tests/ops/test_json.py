"""`--json`: one document a command, as its schema describes."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from ops.cli import cli
from tests.ops import schemas
from tests.ops.schemas import Schema
from tests.ops.stack import DeployedStack, tweet


def validate(text: str, schema: Schema) -> None:
    """Check that a text is one JSON document, and that it fits a schema, formats of times included."""
    jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        (["status"], schemas.STATUS),
        (["watch", "--once"], schemas.WATCH),
        (["explore"], schemas.EXPLORE),
        (["explore", "--user", "nobody"], schemas.EXPLORE),
        (["explore", "--top"], schemas.TOP),
        (["versions"], schemas.VERSIONS),
        (["quarantine", "list"], schemas.QUARANTINE_LIST),
        (["quarantine", "redrive", "--dry-run"], schemas.REDRIVE),
    ],
    ids=" ".join,
)
def test_a_command_about_a_stack_writes_one_document(
    stack: DeployedStack, user: str, command: list[str], schema: Schema
) -> None:
    stack.put(tweet(user), b"not json")
    (key,) = stack.quarantined(1)
    result = stack.ops(*command, "--json")
    assert result.exit_code in (0, 1), result.output
    validate(result.stdout, schema)
    if command[0] == "quarantine":
        validate(stack.ops("quarantine", "show", key, "--json").stdout, schemas.QUARANTINE_SHOW)
        validate(stack.ops("quarantine", "purge", key, "--yes", "--json").stdout, schemas.PURGE)


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        (["cost"], schemas.COST),
        (["cost", "--stack", "prod", "--rate", "5000"], schemas.COST),
        (["size"], schemas.SIZE),
        (["size", "--rate", "1000000"], schemas.SIZE),
        (["use"], schemas.USE),
    ],
    ids=" ".join,
)
def test_a_command_that_asks_no_stack_writes_one_document(command: list[str], schema: Schema) -> None:
    validate(CliRunner().invoke(cli, [*command, "--json"]).stdout, schema)


def test_an_export_writes_one_document_beside_the_file(deployed: DeployedStack, tmp_path: Path) -> None:
    validate(deployed.ops("explore", "--export", str(tmp_path / "x.csv"), "--json").stdout, schemas.EXPORT)
