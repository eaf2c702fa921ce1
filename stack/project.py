"""The project: its folder and its version, which is in `pyproject.toml`."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def version() -> str:
    """Return the version of the release, or of the one that is being made."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    found: str = project["version"]
    return found
