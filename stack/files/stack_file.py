"""Reads stack files as the Pulumi engine does, where there is none: tests, the demo, local deployments, `ops cost`.

`tests/stack/engine_values.json` holds what the engine itself made of such files.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stack.errors import SettingsError, StackFileError
from stack.files.engine_yaml import as_text, read_yaml

_INTEGER = re.compile(r"[-+]?[0-9]+")
_TYPES = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "a map",
    "array": "a list",
}


def read_stack_file(file: Path, project: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration in a stack's file, by full key. `project` is the content of `Pulumi.yaml`.

    Encrypted values stay as they are; `encrypted_keys` names them.

    Raises:
        FileNotFoundError: there is no such file.
        StackFileError: it is not what the engine reads as a stack's file, or has a date, which is not text.
        SettingsError: a value does not have the type that `Pulumi.yaml` declares.
    """
    try:
        content = read_yaml(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise StackFileError(f"{file}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StackFileError(f"{file} is not YAML: {error}") from error
    if not isinstance(content, dict | None):
        raise StackFileError(f"{file} is not a map with `config:`")
    section = (content or {}).get("config")
    if not isinstance(section, dict | None):
        raise StackFileError(f"{file}: `config:` is not a map of settings")
    config: dict[str, Any] = {}
    for key, value in (section or {}).items():
        full_key = _full_key(key, project["name"])
        if full_key is None:
            raise StackFileError(f"{file}: {key} is not a configuration key, which has the form PROJECT:KEY")
        if full_key in config:
            raise StackFileError(f"{file} sets {full_key} twice")
        config[full_key] = "" if value is None else value  # as for the engine, which warns
    _check_types(config, project, stack=file.name.removeprefix("Pulumi.").removesuffix(".yaml"))
    return config


def encrypted_keys(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys whose value is encrypted, or holds an encrypted one: only the Pulumi CLI can read it."""
    return frozenset(key for key, value in config.items() if _holds_encrypted(value))


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_encrypted(value) or any(map(_holds_encrypted, value.values()))
    return isinstance(value, list) and any(map(_holds_encrypted, value))


def _is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"} and isinstance(value["secure"], str)


def _full_key(key: str, project: str) -> str | None:
    """Return the key with its namespace, None if it is none; `ns:config:key` is the engine's older form."""
    match key.split(":"):
        case [name]:
            return f"{project}:{name}"
        case [namespace, name] | [namespace, "config", name]:
            return f"{namespace}:{name}"
    return None


def _check_types(config: Mapping[str, Any], project: Mapping[str, Any], stack: str) -> None:
    for name, declared in project.get("config", {}).items():
        key = _full_key(name, project["name"])
        if key is None or key not in config or "type" not in declared:
            continue
        value, is_container = config[key], declared["type"] in ("object", "array")
        if _is_encrypted(value) and not is_container:
            continue  # what it has is for the engine to see
        # The engine keeps as text what is neither a map nor a list.
        if not _has_type(value if isinstance(value, dict | list) else as_text(value), declared):
            raise SettingsError(
                name,
                value,
                _allowed(declared),
                # `set` makes text of what it gets, and with --path it changes what is there, which has another type.
                f"pulumi config rm {name}" if is_container else f"pulumi config set {name} VALUE",
                stack,
                problem=f"is not of type {declared['type']}, which Pulumi.yaml declares",
            )


def _allowed(declared: Mapping[str, Any]) -> str:
    allowed = _TYPES[declared["type"]]
    return (
        f"{allowed}, and each of its items {_allowed(declared['items'])}" if "items" in declared else allowed
    )


def _has_type(value: Any, declared: Mapping[str, Any]) -> bool:
    """Tell whether a value has a type, by the rules of the engine's `ValidateConfigValue`."""
    match declared["type"]:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "integer":
            is_integer = isinstance(value, str) and _INTEGER.fullmatch(value)
            return type(value) is int or (bool(is_integer) and -(2**63) <= int(value) < 2**63)
        case "object":
            return isinstance(value, dict)
    return isinstance(value, list) and all(_has_type(item, declared["items"]) for item in value)
