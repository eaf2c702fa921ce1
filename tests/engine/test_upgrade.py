"""The plans of `pulumi preview` for stacks that earlier releases left."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.record_state import RECORDED_ENDPOINT, RECORDED_FOLDER, STATES
from tests.engine.stack import Project

CHANGES: Mapping[str, tuple[set[str], set[str], set[str]]] = {
    # An alarm got another name, and the function an alias. From the function to its alias: a mapping that is replaced
    # would skip events that are being retried.
    "1.0.0": (
        {"monitoring-NobodyReads"},
        {"monitoring-StreamNotRead", "processor-live"},
        {"processor-function", "processor-mapping"},
    ),
}
"""What is deleted and created since a release, and some of what is updated; everything else stays, the key included."""


@pytest.mark.parametrize(
    "version", sorted(path.name.removesuffix(".json.gz") for path in STATES.glob("*.json.gz"))
)
def test_a_stack_of_an_earlier_release_is_updated_without_replacing_anything_that_holds_data(
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
    planned = dict(stack.run("preview").done)
    deleted, created, updated = CHANGES.get(version, (set(), set(), set()))
    assert planned.pop("delete", set()) == deleted
    assert planned.pop("create", set()) == created
    assert set(planned) <= {"update"}
    assert updated <= planned.get("update", set())
