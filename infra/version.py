"""The project's version, from `pyproject.toml`: the project runs from its folder, installed or not."""

import tomllib

from infra.outputs import PROJECT


def read_version() -> str:
    """Return the version, such as `1.0.0`."""
    version: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    return version
