"""Record the state that the `dev` stack of this release leaves, for the tests of upgrades from it.

    python -m tests.engine.record_state

Deploys the stack under the real engine on local AWS, exports its state, and writes it to
`tests/engine/states/<version>.json.gz`. The secrets in it belong to local AWS and are encrypted with the
passphrase of `local.pulumi.engine`. Run it once for each release, from the commit that is released.
"""

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from local.aws.local_aws import LocalAws
from local.aws.server import DEFAULT_PORT
from stack.project import PROJECT, version
from tests.engine.stack import Project

STATES = Path(__file__).parent / "states"
RECORDED_ENDPOINT = f"http://127.0.0.1:{DEFAULT_PORT}"
"""Stands in a recorded state for the endpoint of the local AWS that it was deployed to."""
RECORDED_FOLDER = "/project"
"""Stands in a recorded state for the folder of the program."""


def record_state(release: str) -> Path:
    """Deploy the `dev` stack to a new local AWS and write its state; returns the file."""
    with tempfile.TemporaryDirectory() as folder, LocalAws.start() as aws:
        project = Project(Path(folder), aws)
        stack = project.stack("dev", like="dev")
        stack.up()
        exported = stack.run("stack", "export").text
        stack.destroy()
        recorded = exported.replace(aws.endpoint, RECORDED_ENDPOINT).replace(
            str(project.folder), RECORDED_FOLDER
        )
    STATES.mkdir(exist_ok=True)
    file = STATES / f"{release}.json.gz"
    content = json.dumps(without_traces(json.loads(recorded)), indent=1)
    file.write_bytes(gzip.compress(content.encode(), mtime=0))
    return file


def without_traces(state: Any) -> Any:
    """Remove the engine's record of source positions, which contains paths of this machine."""
    if isinstance(state, dict):
        return {
            key: without_traces(value)
            for key, value in state.items()
            if key not in ("sourcePosition", "stackTrace")
        }
    return [without_traces(item) for item in state] if isinstance(state, list) else state


if __name__ == "__main__":
    print(f"Recorded {record_state(version()).relative_to(PROJECT)}.")
