"""What `pulumi preview` plans for stacks that earlier releases left."""

from pathlib import Path

import pytest

from tests.engine.record_state import RECORDED_ENDPOINT, RECORDED_FOLDER, STATES
from tests.engine.stack import Project


@pytest.mark.parametrize("version", sorted(path.stem for path in STATES.glob("*.json")))
def test_the_program_plans_no_change_for_a_stack_of_an_earlier_release_but_the_new_code(
    project: Project, tmp_path: Path, version: str
) -> None:
    recorded = (STATES / f"{version}.json").read_text()
    state = tmp_path / "state.json"
    state.write_text(
        recorded.replace(RECORDED_ENDPOINT, project.aws.endpoint).replace(
            RECORDED_FOLDER, str(project.folder)
        )
    )
    stack = project.stack("dev", like="dev")
    stack.run("stack", "import", "--file", str(state))
    assert stack.run("preview").done in ({}, {"update": {"processor-function"}})
