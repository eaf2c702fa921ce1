"""What the project says of the engine's configuration, under the engine: the recorded values, the printed remedies."""

import json
import shlex
import subprocess
from pathlib import Path

from stack.errors import SettingsError
from stack.files.stack_file import read_stack_file
from stack.project import read_project, with_defaults
from stack.settings import parse_settings
from tests.engine.record_values import FILES, RECORDED, ROWS, Witness, stack_files
from tests.engine.stack import Project

BAD_SETTINGS = """
  stream-processing:protect: yes
  stream-processing:functionMemory: 1.5
  stream-processing:mappingBatchSize: 0
  stream-processing:mappingBatchingWindow: 60
  stream-processing:mappingMaximumRecordAge: 60
  stream-processing:streamMode: on-demand
  stream-processing:streamShards: 2
  stream-processing:kmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/mrk-0f7c2d2e
  stream-processing:tags:
    Cost: 4711
    Team: R&D
    team: data
    a.b: true
    "aws:team": x
    Stack: x
    "": x
    "it's": x
    'say "&"': x
"""
"""A setting for each kind of remedy."""
VALUES = {"protect": "true", "functionMemory": "512", "mappingBatchSize": "10", "kmsKeyArn": ""}
"""What stands for VALUE or ARN in the remedies of these; `data` in those of others."""


def remedy(file: Path) -> str | None:
    """Return the command that the project prints for a stack's file, None if it is valid."""
    project = read_project()
    try:
        values = with_defaults(project, read_stack_file(file, project))
        parse_settings(values, project["name"], "broken")
    except SettingsError as error:
        return str(error).rpartition("  Fix: ")[2]
    return None


def test_the_printed_remedies_one_after_another_make_a_stack_that_the_engine_accepts(
    project: Project,
) -> None:
    stack = project.stack("broken")
    (project.folder / "__main__.py").write_text(
        "from infra.settings import load\nfrom stack.settings import parse_settings\n\nload(parse_settings)\n"
    )
    file = project.folder / "Pulumi.broken.yaml"
    kept = file.read_text().split("  stream-processing:")[0]
    file.write_text(kept + BAD_SETTINGS.lstrip("\n"))
    commands: list[str] = []
    while command := remedy(file):
        assert command not in commands, f"{command} did not help"
        commands.append(command)
        arguments = shlex.split(command)[1:]
        value = next((VALUES[word] for word in arguments if word in VALUES), "data")
        arguments = [value if word in ("VALUE", "ARN") else word for word in arguments]
        done = subprocess.run(
            project.engine.command(*arguments, "--non-interactive"),
            env=project.engine.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, f"{command}: {done.stderr}"
    assert len(commands) == 15
    stack.run("preview")


def test_this_engine_reads_stack_files_as_the_recorded_one_did(tmp_path: Path) -> None:
    recorded = {(row["type"], row["file"]): row["value"] for row in json.loads(RECORDED.read_text())["rows"]}
    assert [*recorded] == stack_files()
    witness = Witness(tmp_path)
    accepted = [row for row, file in zip(ROWS, stack_files(), strict=False) if recorded[file] is not None]
    assert (
        witness.read_values(accepted)
        == [value for value in recorded.values() if value is not None][: len(accepted)]
    )
    others = [file for file in recorded if recorded[file] is None or file in FILES]
    assert {file: witness.read_file(*file) for file in others} == {file: recorded[file] for file in others}
