"""Reads a deployed stack's outputs from the Pulumi CLI, for the producer and the operator's commands."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from stack.errors import OutputsError
from stack.project import PROJECT

BUILT_CLI = PROJECT / ".pulumi" / "bin"
"""Folder of the CLI that `make engine` builds. It uses a home and a backend inside the project."""
LOCAL_PASSPHRASE = "local"  # noqa: S105 # protects nothing: the stack is in the memory of this machine
"""Passphrase of the stacks in that backend."""

ENDPOINT_OUTPUT = "aws_endpoint"
"""Output of a stack on local AWS: its address. The producer's configuration has the same name for it."""


def read_outputs(stack: str | None, *, show_secrets: bool = False) -> dict[str, object]:
    """Return the outputs of a stack, or of the selected one; secrets as `[secret]` unless they are shown.

    Raises:
        OutputsError: there is no Pulumi CLI, or it fails.
    """
    command = ["pulumi", "stack", "output", "--json"]
    command += ["--show-secrets"] if show_secrets else []
    command += ["--stack", stack] if stack else []
    cli, environment = shutil.which("pulumi"), dict(os.environ)
    if cli is None and (cli := shutil.which("pulumi", path=str(BUILT_CLI))):
        environment |= built_cli_environment()
    if cli is None:
        raise OutputsError(
            "`pulumi` is neither on PATH nor built by `make engine`: install it, or read the outputs elsewhere "
            "with `pulumi stack output --json`"
        )
    try:
        completed = subprocess.run(
            [cli, *command[1:]], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        )
        outputs: dict[str, object] = json.loads(completed.stdout)
    except subprocess.CalledProcessError as error:
        raise OutputsError(f"`{' '.join(command)}` failed: {error.stderr.strip()}") from error
    except ValueError as error:
        raise OutputsError(f"`{' '.join(command)}` did not write JSON: run it to see why.") from error
    return outputs


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine, without a user name or a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.hostname in ("127.0.0.1", "localhost", "::1") and "@" not in parts.netloc


def built_cli_environment(state: Path = PROJECT / ".pulumi") -> dict[str, str]:
    """Return the variables that make `pulumi` use the home and the backend inside `state`."""
    return {
        "PULUMI_HOME": str(state / "home"),
        "PULUMI_BACKEND_URL": f"file://{state / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
