"""JSON schemas of the documents that commands write with `--json`, from the types that the commands make them of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: _TIME,
    NoneType: {"type": "null"},
}


def json_schema(kind: Any) -> Schema:
    """Return the schema of a type's JSON, in which an object has exactly the members of its type.

    A member's description is the text of its `Annotated`.

    Raises:
        TypeError: a command writes no such type.
    """
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            return json_schema(arguments[0]) | {"description": arguments[1]}
        case origin if origin is NotRequired:
            return json_schema(arguments[0])
        case origin if origin in (Union, UnionType):
            return {"anyOf": [json_schema(each) for each in arguments]}
        case origin if origin in (list, Sequence):
            return {"type": "array", "items": json_schema(arguments[0])}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": json_schema(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [each.value for each in kind]}
    if is_typeddict(kind) or is_dataclass(kind):
        members = get_type_hints(kind, include_extras=True)
        return {
            "type": "object",
            "properties": {name: json_schema(member) for name, member in members.items()},
            "required": [name for name, member in members.items() if get_origin(member) is not NotRequired],
            "additionalProperties": False,
        }
    raise TypeError(f"{kind} has no JSON schema here")


def members(schema: Schema, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the path, the kind and the description of each member of an object, and of the objects in it."""
    for name, member in schema.get("properties", {}).items():
        optional = name not in schema["required"]
        yield (
            f"{path}{name}",
            _kind(member) + (", or absent" if optional else ""),
            member.get("description", ""),
        )
        inner, suffix = member, "."
        if member.get("type") == "array":
            inner, suffix = member["items"], "[]."
        yield from members(inner, f"{path}{name}{suffix}")


def _kind(schema: Schema) -> str:
    """Return what a value is, in words."""
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("pattern") == _TIME["pattern"]:
        return "time"
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}s"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {_kind(values)}s"
    return "text" if schema["type"] == "string" else str(schema["type"])
