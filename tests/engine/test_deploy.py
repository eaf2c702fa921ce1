"""`preview`, `up` and `stack output` of a stack."""

import json
import stat
import subprocess
import sys

from local.aws.inventory import inventory
from tests.engine.stack import Project
from tests.infra.recorder import deploy


def test_a_preview_plans_everything_and_makes_nothing(project: Project) -> None:
    stack = project.stack("planned")
    planned = stack.run("preview").done
    assert set(planned) == {"create"}
    declared = {resource.name for resource in deploy("local").resources}
    assert planned["create"] == declared | {"stream-processing-planned"}
    assert inventory(project.aws, "planned") == []


def test_a_second_up_changes_nothing_and_a_new_name_replaces_and_fails_the_workflows_preview(
    project: Project,
) -> None:
    stack = project.stack("local")
    assert set(stack.up().done) == {"create"}
    before = inventory(project.aws, "local")
    assert stack.up("--expect-no-changes").done == {}
    stack.run("preview", "--expect-no-changes")
    assert inventory(project.aws, "local") == before

    program = project.folder / "__main__.py"
    program.write_text(program.read_text().replace("{stack}-EventStream", "{stack}-Tweets"))
    done = stack.run("preview").done
    assert {"stream-stream", "processor-mapping"} <= done["replace"]
    assert "table-table" not in {name for names in done.values() for name in names}

    previewed = subprocess.run(
        [sys.executable, "-m", "delivery.workflows.preview", "--stack", "local", "--report", "preview.txt"],
        cwd=project.folder,
        env=project.engine.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert previewed.returncode == 1, previewed.stdout + previewed.stderr
    assert "would lose data: stream-stream (aws:kinesis/stream:Stream) would be replaced" in previewed.stderr


def test_the_secret_is_in_no_output_and_in_no_state_file(project: Project) -> None:
    stack = project.stack("secretive")
    log = stack.up().text
    secret = stack.outputs()["secret_access_key"]
    shown = stack.run("stack", "output", "--json").text
    assert json.loads(shown)["secret_access_key"] == "[secret]"
    assert secret not in log
    assert secret not in stack.state()

    config = project.folder / "producer" / "config.json"
    config.write_text('{"consumer_key": "kept"}')
    configured = subprocess.run(
        [sys.executable, "-m", "producer", "configure", "--stack", "secretive"],
        cwd=project.folder,
        env=project.engine.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(config.read_text())
    assert written["secret_access_key"] == secret
    assert written["consumer_key"] == "kept"
    assert secret not in configured.stdout + configured.stderr
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_failure_in_the_middle_leaves_a_state_from_which_up_finishes(project: Project) -> None:
    stack = project.stack("halfway")
    project.aws.faults.set("dynamodb:CreateTable", error=1)
    try:
        failed = stack.up(fails=True)
    finally:
        project.aws.faults.clear()
    assert "table-table" in failed.text
    made = inventory(project.aws, "halfway")
    assert "stream: halfway-EventStream" in made
    assert "table: halfway-EventData" not in made
    finished = stack.up()
    assert "table-table" in finished.done["create"]
    assert "stream-stream" not in finished.done["create"]
    stack.up("--expect-no-changes")
