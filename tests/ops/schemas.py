"""Checks what the operator's commands write with --json against the types that `docs/commands.md` is made from."""

import json
from typing import Any

import click
import jsonschema

from ops.cli import cli
from tools.docs.commands import documents
from tools.docs.json_members import json_schema


def check_document(text: str, *allowed: type) -> Any:
    """Check that a text is one JSON document with exactly the members of one of these types; return it."""
    document = json.loads(text)
    schema = {"anyOf": [json_schema(each) for each in allowed]} if len(allowed) > 1 else json_schema(*allowed)
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    return document


def documents_of(*arguments: str) -> tuple[type, ...]:
    """Return the types of the documents that the operator's command with these arguments may write."""
    command: click.Command = cli
    for argument in arguments:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), argument)
        assert found, f"there is no command {argument}"
        command = found
    return tuple(documents(command))
