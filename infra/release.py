"""The version of this repository, which stands in `pyproject.toml`."""

import tomllib

from infra.outputs import PROJECT


def version() -> str:
    """Return the version of the release, or of the one that is being made."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    found: str = project["version"]
    return found
