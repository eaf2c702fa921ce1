"""Stack files, read as the engine reads them: `engine_values.json` holds what the engine itself made of each."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stack.errors import SettingsError, StackError, StackFileError
from stack.files.stack_file import encrypted_keys, read_stack_file
from stack.project import with_defaults
from tests.engine.record_values import PROJECT_NAME, RECORDED, project

ROWS: list[dict[str, Any]] = json.loads(RECORDED.read_text())["rows"]
GO_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [-+]\d{4}")
"""What the engine passes on for a date, to the surprise of whoever wrote one: the project's reader rejects dates."""


def read(folder: Path, content: str, kind: str = "string") -> str:
    file = folder / "Pulumi.dev.yaml"
    file.write_text(content, encoding="utf-8")
    declared = project({"value": kind})
    return with_defaults(declared, read_stack_file(file, declared))[f"{PROJECT_NAME}:value"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['type']} {row['file'].removeprefix('config:')}")
def test_a_stack_file_means_what_it_means_for_the_engine(row: dict[str, Any], tmp_path: Path) -> None:
    expected = row["value"]
    if expected is None or GO_TIME.search(expected):
        with pytest.raises(StackError):
            read(tmp_path, row["file"], row["type"])
    elif row["type"] == "object":
        assert json.loads(read(tmp_path, row["file"], row["type"])) == json.loads(expected)
    else:
        assert read(tmp_path, row["file"], row["type"]) == expected


def test_a_date_is_rejected_with_the_text_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        StackFileError, match=r'Pulumi.dev.yaml, line 3: 2026-11-28 is a date .*quote it, "2026-11-28"$'
    ):
        read(tmp_path, "config:\n  row:value:\n    Since: 2026-11-28\n", "object")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (
            "boolean",
            "yes",
            'value: "yes" is not of type boolean, which Pulumi.yaml declares.\n  Allowed: true or false.\n'
            "  Fix: pulumi config set value VALUE --stack dev",
        ),
        ("integer", "1.5", "  Allowed: a whole number.\n  Fix: pulumi config set value VALUE --stack dev"),
        ("object", "'{}'", "  Allowed: a map.\n  Fix: pulumi config rm value --stack dev"),
    ],
)
def test_a_value_of_another_type_is_rejected_with_the_command_that_replaces_it(
    tmp_path: Path, kind: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        read(tmp_path, f"config:\n  row:value: {value}\n", kind)


def test_a_setting_that_is_there_twice_under_two_names_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(StackFileError, match="sets row:value twice"):
        read(tmp_path, "config:\n  row:value: a\n  value: b\n")


def test_a_file_that_is_no_text_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_bytes(b"config: \xff")
    with pytest.raises(StackFileError, match=r"is not YAML: .*utf-8"):
        read_stack_file(tmp_path / "Pulumi.dev.yaml", project({}))


def test_encrypted_values_are_left_alone_and_named(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    secret = {"secure": "v1:abc:def"}
    config = {
        "aws:secretKey": secret,
        "row:value": secret,
        "row:tags": {"Team": secret},
        "row:other": {"secure": 5},
    }
    file.write_text(json.dumps({"config": config}))
    read_back = read_stack_file(file, project({"value": "integer", "tags": "object"}))
    assert read_back == config
    assert encrypted_keys(read_back) == {"aws:secretKey", "row:value", "row:tags"}


def test_lists_have_the_declared_items(tmp_path: Path) -> None:
    declared = {"name": "row", "config": {"value": {"type": "array", "items": {"type": "string"}}}}
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: {value: [a, b]}")
    assert read_stack_file(file, declared) == {"row:value": ["a", "b"]}
    for wrong in ("a", "[a, 1]", "{a: b}", "[[a]]"):
        file.write_text(f"config: {{value: {wrong}}}")
        with pytest.raises(SettingsError, match="Allowed: a list, and each of its items text"):
            read_stack_file(file, declared)
