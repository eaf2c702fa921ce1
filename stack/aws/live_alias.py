"""The alias `live` of the function: its name, and what its description records."""

import re
from typing import Final

LIVE: Final = "live"
"""The version that this alias names is invoked by the event source mapping and by a replay."""
KEPT_VERSIONS: Final = 10
"""The newest versions, which are never pruned."""

_DESCRIPTION = re.compile(r"Version (?P<version>[0-9]+), set by pulumi up")


def describe(version: str) -> str:
    """Return the description of an alias that `pulumi up` sets to a version.

    It stays when something else moves the alias, which shows by that alone.
    """
    return f"Version {version}, set by pulumi up"


def deployed_version(description: str) -> str | None:
    """Return the version that `pulumi up` set last; None if somebody changed the description."""
    match = _DESCRIPTION.fullmatch(description)
    return match["version"] if match else None
