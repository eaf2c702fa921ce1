"""What `pulumi preview` plans for stacks that earlier releases left."""

import gzip
from pathlib import Path

import pytest

from tests.engine.record_state import RECORDED_ENDPOINT, RECORDED_FOLDER, STATES
from tests.engine.stack import Project


@pytest.mark.parametrize(
    "version", sorted(path.name.removesuffix(".json.gz") for path in STATES.glob("*.json.gz"))
)
def test_a_stack_of_an_earlier_release_gets_new_code_and_a_reworded_alarm_and_no_other_change(
    project: Project, tmp_path: Path, version: str
) -> None:
    recorded = gzip.decompress((STATES / f"{version}.json.gz").read_bytes()).decode()
    state = tmp_path / "state.json"
    state.write_text(
        recorded.replace(RECORDED_ENDPOINT, project.aws.endpoint).replace(
            RECORDED_FOLDER, str(project.folder)
        )
    )
    stack = project.stack("dev", like="dev")
    stack.run("stack", "import", "--file", str(state))
    assert stack.run("preview").done == {"update": {"processor-function", "monitoring-NobodyReads"}}
