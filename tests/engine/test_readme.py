"""The commands of the README's deploy section, unchanged."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from local.aws.local_aws import LocalAws
from stack.project import PROJECT
from tests.engine.stack import Project
from tests.waiting import eventually


def commands() -> str:
    """The shell block behind the README's mark for this test."""
    found = re.findall(r"<!-- tests/engine/test_readme.py .*?-->\n```bash\n(.*?)```", README, re.DOTALL)
    assert len(found) == 1
    block: str = found[0]
    return block


README = (PROJECT / "README.md").read_text()


@pytest.fixture
def project(tmp_path: Path, aws: LocalAws) -> Project:
    """The program in a folder of its own, whose Python processes are started as a person's are."""
    return Project(tmp_path, aws)


def test_the_readme_deploys_feeds_and_explores_a_stack(project: Project) -> None:
    for name in ("Makefile", "requirements-dev.txt"):
        shutil.copy2(PROJECT / name, project.folder)  # with its time, by which make sees what is installed
    project.add_stack_file("dev", like="dev", config={})
    environment = project.engine.environment() | {
        "PULUMI_SKIP_CONFIRMATIONS": "true",  # a person says yes
        # On AWS these are the operator's own credentials, and there is no endpoint to name.
        "AWS_ENDPOINT_URL": project.aws.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PRODUCER_AWS_ENDPOINT": project.aws.endpoint,
    }
    session = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", commands()],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert session.returncode == 0, session.stdout + session.stderr

    config = project.folder / "producer" / "config.json"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    secret = json.loads(config.read_text())["secret_access_key"]
    assert secret not in session.stdout + session.stderr
    tweets = (PROJECT / "local" / "tweets.jsonl").read_text().splitlines()
    assert f"received {len(tweets)} = sent {len(tweets)} + spooled 0" in session.stderr
    table = project.aws.client("dynamodb")
    eventually(lambda: table.scan(TableName="dev-EventData", Select="COUNT")["Count"])
