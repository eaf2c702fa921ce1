"""The clients of X that are compared, in pinned versions."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.install import Installation, virtual_environment


@dataclass(frozen=True)
class Client:
    """A client of the filtered stream.

    Attributes:
        title: its name and version.
        command: prints each item that its user would get; `{url}` is where X is, `{config}` a configuration of this
            project's producer.
        installation: of the library.
    """

    title: str
    command: Sequence[str]
    installation: Installation | None = None


def _client(package: str, program: str, *requirements: str) -> Client:
    environment = virtual_environment(package, *requirements)
    python = environment.folder / "bin" / "python"
    command = [str(python), "-m", f"tools.x_clients.programs.{program}", "{url}"]
    return Client(package.replace("==", " "), command, environment)


CLIENTS: Final = [
    _client("xdk==0.10.6", "with_xdk", "pydantic==2.14.4"),
    _client("tweepy==4.17.0", "with_tweepy"),
    _client("twarc==2.14.0", "with_twarc"),
    Client(
        "this producer",
        [sys.executable, "-m", "producer", "--config", "{config}", "--dry-run", "--duration", "150"],
    ),
]
