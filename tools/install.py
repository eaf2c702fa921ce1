"""Installs what the tools run and the project does not need, once, into `.pulumi/`, which `make clean` deletes."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.project import PROJECT

FOLDER = PROJECT / ".pulumi" / "tools"

_BROUGHT_BY = {
    "java": "a JDK, 17 or later",
    "mvn": "Maven, 3.8 or later",
    "node": "Node.js, 20 or later",
    "npm": "npm, which comes with Node.js",
    "openssl": "OpenSSL",
}


class InstallError(Exception):
    """A tool is missing, or an installation failed; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    """Commands that fill a folder of `FOLDER`, and what must be on PATH for them and for what they install."""

    folder: Path
    commands: Sequence[Sequence[str]]
    tools: Sequence[str] = ()

    def require_tools(self) -> None:
        """Raise InstallError if a tool is not on PATH."""
        for tool in self.tools:
            if not shutil.which(tool):
                raise InstallError(
                    f"{self.folder.name} needs `{tool}`, which is not on PATH: install {_BROUGHT_BY[tool]}, "
                    "or name what to run without it"
                )

    def run(self) -> None:
        """Run the commands, unless they have been run before; raise InstallError if one fails."""
        installed = self.folder / ".installed"
        if installed.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for command in self.commands:
            result = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
            if result.returncode:
                raise InstallError(
                    f"{self.folder.name} cannot be installed: `{' '.join(command)}` ended with "
                    f"{result.returncode}:\n{result.stdout.strip()}"
                )
        installed.touch()


def install(installations: Iterable[Installation]) -> None:
    """Run the commands of each installation, unless they have been run before.

    Raises:
        InstallError: a tool is missing, and nothing was run; or a command failed.
    """
    wanted = list(installations)
    for installation in wanted:
        installation.require_tools()
    for installation in wanted:
        installation.run()


def virtual_environment(*packages: str) -> Installation:
    """Return what installs packages apart from the project's own, named after the first; its `bin/python` runs them."""
    folder = FOLDER / packages[0].replace("==", "-")
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    return Installation(folder, [[sys.executable, "-m", "venv", str(folder)], [*pip, *packages]])
