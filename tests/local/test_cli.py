"""``python -m local up`` as a user runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from click.testing import CliRunner
from rich.console import Console

from local.aws.local_aws import LocalAws
from local.aws.mapping.poller import Progress
from local.aws.server import ROOT_KEY
from local.cli import main
from local.display import Snapshot, render
from local.pulumi.deploy import deploy
from local.session import Session, read_config
from stack.aws.retries import RETRIES
from stack.project import PROJECT, full_key
from tests.local.conftest import root_kinesis, unique
from tests.waiting import SECONDS, eventually

# Without credentials: a command that strays to AWS fails.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "local", "up", "--port", "0", "--x-port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]", pattern: str) -> str:
    """Wait until a process prints a pattern; return its first group."""
    assert process.stdout
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"the output ended without {pattern}")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=lambda ending: ending.name)
def test_up_serves_aws_and_x_until_it_is_interrupted(ending: signal.Signals) -> None:
    with running("--fault", "kinesis:PutRecords entries=1") as process:
        aws, x = said(process, r"AWS (http://127\.0\.0\.1:\d+)"), said(process, r'"x_endpoint": "(.+)"')
        kinesis = root_kinesis(aws)
        kinesis.create_stream(StreamName="stream", ShardCount=1)
        record: Any = {"Data": b"", "PartitionKey": "key"}
        assert kinesis.put_records(StreamName="stream", Records=[record])["FailedRecordCount"] == 1
        assert requests.get(f"{x}/2/tweets/search/stream/rules", timeout=SECONDS).status_code == 401
        process.send_signal(ending)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert output.endswith("Stopped; its state is lost.\n")
        for url in (aws, x):
            with pytest.raises(requests.ConnectionError):
                requests.get(url, timeout=SECONDS)


def test_an_invalid_fault_is_rejected_before_anything_starts() -> None:
    rejected = CliRunner().invoke(main, ["up", "--fault", "kinesis:PutRecords eror=1"])
    assert rejected.exit_code == 2
    assert "expected one of entries, throttle, error" in rejected.output


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense"])
def test_a_job_without_local_aws_says_how_to_start_it(endpoint: str) -> None:
    ended = CliRunner().invoke(main, ["job", "deploy", "dev", "--endpoint", endpoint])
    assert ended.exit_code == 1
    assert ended.output == (
        f"Error: local AWS does not answer at {endpoint}: start it with `python -m local start`, or give --endpoint\n"
    )


def shown(now: Snapshot, before: Snapshot, width: int = 80) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(render(now, before))
    return capture.get().splitlines()


def progress(delivered: int, lag: float = 0.0) -> Progress:
    stream_arn = "arn:aws:kinesis:us-east-1:000000000000:stream/dev-EventStream"
    return Progress("uuid", True, stream_arn, True, delivered, lag, "OK")


def test_the_display_shows_what_flows() -> None:
    before = Snapshot(10.0, {"dev-EventStream": 1}, [progress(1000)], {"dev-EventData": 990}, {}, {})
    now = Snapshot(
        12.0,
        {"dev-EventStream": 2},
        [progress(1500, 0.34)],
        {"dev-EventData": 1490},
        {"dev-quarantine": "7"},
        {"dev-EventStream": 1512},
    )
    lines = [line.split() for line in shown(now, before)]
    assert ["dev-EventStream", "2", "ok", "250", "1,500", "12", "0.3", "s"] in lines
    assert ["dev-EventData", "1,490", "250"] in lines
    assert ["dev-quarantine", "7"] in lines


@pytest.mark.parametrize("width", [80, 140])
def test_the_display_fits_the_terminal(width: int) -> None:
    now = Snapshot(
        1.0, {"dev-EventStream": 1}, [progress(12_345_678, 3600)], {"dev-EventData": 12_345_678}, {}, {}
    )
    assert all(len(line) <= width and "…" not in line for line in shown(now, now, width))


def test_the_display_says_so_while_nothing_is_deployed() -> None:
    nothing = Snapshot(time.monotonic(), {}, [], {}, {}, {})
    assert shown(nothing, nothing) == ["Nothing is deployed yet."]


def test_the_display_shows_a_disabled_mapping_and_the_records_that_wait() -> None:
    disabled = replace(progress(30), enabled=False)
    now = Snapshot(1.0, {"dev-EventStream": 1}, [disabled], {}, {}, {"dev-EventStream": 111})
    assert ["dev-EventStream", "1", "disabled", "0", "30", "81"] in [line.split() for line in shown(now, now)]


def test_a_long_error_leaves_the_table_on_a_screen_of_24_lines() -> None:
    failing = replace(progress(30), result="PROBLEM: " + "an error without an end " * 100)
    now = Snapshot(1.0, {"dev-EventStream": 1}, [failing], {"dev-EventData": 7}, {"bucket": "1"}, {})
    lines = shown(now, now)
    assert len(lines) < 15
    assert ["dev-EventStream", "1", "failing", "0", "30", "0"] in [line.split() for line in lines]
    assert "PROBLEM: an error without an end" in " ".join(lines)


def run_as_printed(command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in the project's folder; press Ctrl-C in one that watches, after its first frame."""
    watches = " watch" in command
    with subprocess.Popen(
        ["bash", "-c", f"{command} --json" if watches else command],
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        assert process.stdout
        if watches:
            assert process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def check_printed(line: str, command: str) -> str:
    """Run a command that was printed; return what it prints."""
    ended = run_as_printed(f"PATH={PROJECT}/.venv/bin:$PATH; {line}")
    allowed = (0, 1) if " status" in command else (0,)  # a new stack need not be healthy
    assert ended.returncode in allowed, f"{command}\n{ended.stdout}{ended.stderr}"
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def printed_commands(text: str) -> list[str]:
    """Find the commands of ops in what a command has printed: between backticks, and on lines of their own."""
    joined = re.sub(r" \\\n *", " ", text)
    found = re.findall(r"`(python -m ops [^`]+)`", joined) + re.findall(
        r"(?m)^[ →]*(python -m ops .+)$", joined
    )
    return sorted(set(found))


def put_poison(outputs: dict[str, str]) -> None:
    """Put a record that nobody can store, and wait until it is in quarantine."""
    root_kinesis(outputs["aws_endpoint"]).put_record(
        StreamName=outputs["stream_name"], Data=b"not json", PartitionKey="somebody"
    )
    bucket = boto3.client(
        "s3",
        endpoint_url=outputs["aws_endpoint"],
        region_name=outputs["region"],
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        config=Config(s3={"addressing_style": "path"}, retries=RETRIES),
    )
    eventually(lambda: bucket.list_objects_v2(Bucket=outputs["quarantine_bucket"])["KeyCount"])


def test_up_deploys_a_stack_that_its_commands_use_as_printed() -> None:
    with running("--deploy") as process:
        outputs = Path(said(process, r"source (.+)")).with_name("outputs.json")
        assert process.stdout
        commands = list(takewhile(str.strip, map(str.strip, process.stdout)))
        assert [command.split()[3] for command in commands if " -m ops " in command] == [
            *("explore", "watch", "status", "quarantine", "quarantine", "replay")
        ]
        put_poison(json.loads(outputs.read_text()))
        variables, shown = outputs.with_name("variables.sh"), ""
        for command in commands:
            shown += check_printed(f"source {variables}; {command}", command)
        printed = printed_commands(shown)
        assert {each.split()[4] for each in printed} >= {"list", "show"}
        for command in printed:  # in a shell without the variables: they name the stack
            check_printed(command, command)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    spool = outputs.with_name("spool")
    assert output.endswith(f"Stopped; its state is lost.\nThe producer's spool stays in {spool}\n")
    assert [path.name for path in outputs.parent.iterdir()] == ["spool"]
    shutil.rmtree(outputs.parent)


def test_the_tutorial_ends_with_all_rows_and_an_empty_quarantine() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (PROJECT / "docs" / "tutorial.md").read_text(), re.DOTALL)
    with running("--deploy") as process:
        outputs = Path(said(process, r"source (.+)")).with_name("outputs.json")
        port = outputs.parent.name.removeprefix("local-")
        script = "".join(blocks).replace("4566", port).replace("ops status", "ops status || true")
        ended = run_as_printed(f"set -euo pipefail\n{script}")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        steps = ended.stdout.split("Replayed")
        assert len(steps) == 2
        assert " 202 records = 202 handled by the function + 0 quarantined." in steps[1]
        assert count_rows(steps[1]) > count_rows(
            steps[0]
        )  # the repaired one, and those that were on their way
        assert "an id" in steps[0]
        assert ended.stdout.endswith(" is empty.\n")
        process.send_signal(signal.SIGINT)
        process.communicate()
    shutil.rmtree(outputs.parent)


def count_rows(output: str) -> int:
    """Return the number of rows that `ops explore` counts first."""
    found = re.search(r"^([\d,]+) tweets: all of the table", output, re.MULTILINE)
    assert found
    return int(found[1].replace(",", ""))


def test_the_commands_for_a_stack_of_another_event_type_use_it_as_printed(aws: LocalAws) -> None:
    config = {**read_config(), full_key("eventType"): "order"}
    deployment = deploy(unique("orders"), PROJECT, config, aws.endpoint)
    source, produce, explore, *_ = Session(aws, None, deployment).commands()
    assert " local events order | " in produce
    for command in (f"set -o pipefail; {produce}", f"{source}; {explore}"):
        ended = run_as_printed(command)
        assert ended.returncode == 0, ended.stderr
    deployment.destroy()


def test_a_stack_file_that_the_engine_would_reject_ends_the_demo_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {'protect': yes}")
    monkeypatch.setattr("local.session.PROJECT", tmp_path)
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 1
    assert result.stderr.startswith('Error: protect: "yes" is not of type boolean')
    assert "Fix: pulumi config set protect VALUE --stack dev" in result.stderr
