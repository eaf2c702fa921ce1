"""Runs the Pulumi CLI against local AWS, with a home and a backend inside the project.

    python -m local.pulumi.engine up --stack local --yes

Nothing of the user's own `~/.pulumi` is read or written: home, plugins, backend and passphrase are of this
project, and the AWS plugin is the one of `local/pulumi/plugin.py`, or AWS's own where PLUGIN=aws is in the environment.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from local.errors import NoEngineError
from local.pulumi import plugin
from stack.outputs import BUILT_CLI, built_cli_environment
from stack.project import PROJECT

AWS_PLUGIN_HOME = PROJECT / ".pulumi" / "aws-plugin"
"""The `PULUMI_HOME` that AWS's own plugin is downloaded into, once for all homes."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The CLI for one project folder, with its own home and backend under `state`."""

    cli: Path
    state: Path
    project: Path

    @classmethod
    def prepare(cls, state: Path = PROJECT / ".pulumi", project: Path = PROJECT) -> Self:
        """Find the CLI, create home and backend, and install the AWS plugin into that home.

        Raises:
            NoEngineError: neither on PATH nor built by `make engine`, or AWS's own plugin cannot be downloaded.
        """
        cli = shutil.which("pulumi") or shutil.which("pulumi", path=str(BUILT_CLI))
        if not cli:
            raise NoEngineError("no Pulumi CLI on PATH or in .pulumi/bin: run `make engine`")
        engine = cls(cli=Path(cli), state=state, project=project)
        for folder in (engine.home, engine.backend):
            folder.mkdir(parents=True, exist_ok=True)
        if os.environ.get("PLUGIN") == "aws":
            engine.use_aws_plugin()
        else:
            plugin.install(engine.home)
        return engine

    def use_aws_plugin(self) -> None:
        """Download AWS's own plugin if it is not there, and use it in this home."""
        downloaded = subprocess.run(
            [str(self.cli), "plugin", "install", "resource", "aws", plugin.VERSION],
            env=os.environ | {"PULUMI_HOME": str(AWS_PLUGIN_HOME)},
            capture_output=True,
            text=True,
            check=False,
        )
        if downloaded.returncode:
            raise NoEngineError(
                f"AWS's own plugin, version {plugin.VERSION}, cannot be downloaded here; "
                f"without PLUGIN=aws this project's own is used: {downloaded.stderr.strip().splitlines()[-1]}"
            )
        plugins = self.home / "plugins"
        if not plugins.is_symlink():
            shutil.rmtree(plugins, ignore_errors=True)
            plugins.symlink_to(AWS_PLUGIN_HOME / "plugins")

    @property
    def home(self) -> Path:
        """The `PULUMI_HOME`: credentials of the backend, and plugins."""
        return self.state / "home"

    @property
    def backend(self) -> Path:
        """The folder of the file backend: the state of the stacks."""
        return self.state / "backend"

    def environment(self) -> dict[str, str]:
        """Return the environment in which `pulumi` uses this home, backend and plugin only."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))},
            # The virtual environment comes first: a language host built from source takes Python from PATH.
            "PATH": f"{Path(sys.executable).parent}:{self.cli.parent}:{os.environ['PATH']}",
            **built_cli_environment(self.state),
        }

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of `pulumi ARGUMENTS` in the project folder."""
        return [str(self.cli), "--cwd", str(self.project), *arguments]  # what follows a -- is no option


def main(arguments: list[str]) -> NoReturn:
    """Become `pulumi ARGUMENTS`: at Ctrl-C it ends what it has begun, and nobody may kill it meanwhile."""
    try:
        engine = Engine.prepare()
    except NoEngineError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    os.execve(engine.cli, engine.command(*arguments), engine.environment())  # noqa: S606 # no shell is wanted


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
