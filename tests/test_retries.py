"""Every client of AWS states its retries: botocore's defaults differ between its releases."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.project import PROJECT

FOLDERS = ("delivery", "handler", "local", "ops", "producer", "stack")
FILES = [file for folder in FOLDERS for file in sorted((PROJECT / folder).rglob("*.py"))]
MAKES_A_CLIENT = ("boto3.client", "session.client", "get_session().create_client")


def clients(file: Path) -> Iterator[ast.Call]:
    """The calls of a file that make a client of botocore's."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(MAKES_A_CLIENT):
            yield node


@pytest.mark.parametrize("file", [file for file in FILES if any(clients(file))], ids=lambda file: file.name)
def test_a_client_is_made_with_a_configuration_of_its_own(file: Path) -> None:
    for call in clients(file):
        assert "config" in {keyword.arg for keyword in call.keywords}, f"{file}:{call.lineno}"


def test_every_configuration_of_a_client_states_the_retries() -> None:
    stated = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Config", "ClientConfig"):
                text = ast.unparse(node)
                if "botocore.config" in file.read_text() and node.keywords:
                    assert "retries" in text, f"{file}:{node.lineno}"
                    stated.append(file.name)
    assert len(stated) >= 6
