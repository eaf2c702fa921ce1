"""The project: its folder, its version in `pyproject.toml`, and the settings that `Pulumi.yaml` declares."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
ACCOUNT_SETTINGS = (
    "alarmEmail",
    "kmsKeyArn",
    "kmsKeyArnPrevious",
    "permissionsBoundaryArn",
    "streamArn",
    "streamKeyArn",
)
"""Settings that name something of one account, or a person: local AWS has none of it."""


def version() -> str:
    """Return the version of the release, or of the one in preparation."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    number: str = project["version"]
    return number


@cache
def read_project(folder: Path = PROJECT) -> Mapping[str, Any]:
    """Return the content of a project's `Pulumi.yaml`, read once: parsing takes as long as the program itself."""
    from stack.files.engine_yaml import read_yaml  # and PyYAML, which most commands never need

    content: dict[str, Any] = read_yaml((folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    return content


def declared_settings() -> dict[str, dict[str, Any]]:
    """Return what `Pulumi.yaml` declares of each setting; it may have keys of Pulumi's own, which `pulumi new` adds."""
    return {key: entry for key, entry in read_project()["config"].items() if ":" not in key}


def full_key(name: str) -> str:
    """Return a setting's key in the configuration, which has the project's name, whatever it is."""
    return f"{read_project()['name']}:{name}"


def without_account(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave ACCOUNT_SETTINGS out of a configuration: local deployments and tests are those of any account."""
    left_out = {full_key(name) for name in ACCOUNT_SETTINGS}
    return {key: value for key, value in config.items() if key not in left_out}


def with_defaults(project: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """Merge a stack's configuration as the engine passes it to the program: full keys, string values.

    `project` is the content of `Pulumi.yaml`, `config` a stack file's `config:`. For running the program, or
    reading its settings, without the engine.
    """
    from stack.files.engine_yaml import as_text

    defaults = {
        key if ":" in key else f"{project['name']}:{key}": entry["default"]
        for key, entry in project.get("config", {}).items()
        if "default" in entry
    }
    return {key: as_text(value) for key, value in {**defaults, **config}.items()}
