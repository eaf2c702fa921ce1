"""The schema of a document has exactly the members of its type, and the page of commands lists each."""

from typing import Annotated, NotRequired, TypedDict

import jsonschema
import pytest

from ops.health.status import Health
from tools.docs.commands import render_commands
from tools.docs.json_members import json_schema, members


class _Part(TypedDict):
    name: str


class _Whole(TypedDict):
    parts: Annotated[list[_Part], "all of them"]
    counts: dict[str, int]
    note: NotRequired[str | None]


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"parts": [{"name": "a"}], "counts": {"b": 1}}, True),
        ({"parts": [], "counts": {}, "note": None}, True),
        ({"parts": []}, False),
        ({"parts": [], "counts": {}, "other": 1}, False),
        ({"parts": [{"name": "a", "other": 1}], "counts": {}}, False),
        ({"parts": [], "counts": {"b": "1"}}, False),
    ],
)
def test_a_schema_allows_the_members_of_the_type_and_no_others(document: object, valid: bool) -> None:
    assert jsonschema.Draft202012Validator(json_schema(_Whole)).is_valid(document) == valid


def test_the_members_are_listed_with_those_of_the_objects_in_them() -> None:
    assert list(members(json_schema(_Whole))) == [
        ("parts", "list of objects", "all of them"),
        ("parts[].name", "text", ""),
        ("counts", "object of integers", ""),
        ("note", "text or null, or absent", ""),
    ]


def test_a_type_that_has_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="has no JSON schema here"):
        json_schema(complex)


def test_the_page_of_commands_lists_the_members_and_the_exit_codes_of_each_command() -> None:
    _, *sections = render_commands().split("\n## ")
    assert all("xit code" in section for section in sections)
    (status,) = [section for section in sections if section.startswith("python -m ops status")]
    assert all(f"| `{path}` |" in status for path, _, _ in members(json_schema(Health)))
