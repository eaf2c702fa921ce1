"""Starting and stopping: nothing is left running, whichever process dies first and however."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.aws import server
from local.aws.server import Server
from local.errors import LocalAwsError
from tests.local.conftest import Pipeline, unique
from tests.waiting import eventually

# Starts a server, and in it a function that never returns; then does what the test asks for.
OWNER = '''
import json, sys, threading, time
from pathlib import Path
from local.aws.server import Server
from tests.local.conftest import TRUST_LAMBDA, zipped

BUSY = """
import time
def handler(event, context):
    open({mark!r}, "w").close()
    time.sleep(600)
"""

with Server.start() as aws:
    aws.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(TRUST_LAMBDA))
    functions = aws.client("lambda", retries={"total_max_attempts": 1})
    functions.create_function(
        FunctionName="busy",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/role",
        Handler="app.handler",
        Code={"ZipFile": zipped(app=BUSY.format(mark=sys.argv[1]))},
        Timeout=600,
    )
    threading.Thread(target=functions.invoke, kwargs={"FunctionName": "busy"}, daemon=True).start()
    while not Path(sys.argv[1]).exists():
        time.sleep(0.02)
    print(aws.endpoint, flush=True)
    time.sleep(600)
'''


def child_processes(owner: int) -> set[int]:
    """The server of a process and everything in the server's process group."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended while we looked
            continue
        state, parent, group = fields[0], int(fields[1]), int(fields[2])
        if state != "Z" and owner in (parent, group):
            found.add(int(stat.parent.name))
    return found


def alive(processes: set[int]) -> set[int]:
    return {process for process in processes if not has_ended(process)}


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Owner:
    """A process of its own that runs a local AWS with a busy function."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(directory / "busy")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.endpoint = self.process.stdout.readline().strip()
        [self.server] = child_processes(self.process.pid)
        # The server and the worker of the busy function.
        self.children = child_processes(self.server)

    def files(self) -> list[Path]:
        """The directory of the server, and its log."""
        arguments = Path(f"/proc/{self.server}/cmdline").read_bytes().split(b"\0")
        directory = Path(os.fsdecode(arguments[-2]))
        return [directory, directory.with_suffix(".log")]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(tmp_path)
    yield owner
    owner.process.kill()
    owner.process.communicate()


@pytest.mark.parametrize(
    "ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name
)
def test_the_server_leaves_nothing_when_its_owner_ends(owner: Owner, ending: signal.Signals) -> None:
    assert len(owner.children) == 2
    files = owner.files()
    assert all(file.exists() for file in files)
    owner.process.send_signal(ending)
    owner.process.wait()
    eventually(lambda: not alive(owner.children))
    assert not any(file.exists() for file in files)


def test_a_killed_server_takes_the_workers_of_its_functions_along(owner: Owner) -> None:
    directory, log = owner.files()
    os.kill(owner.server, signal.SIGKILL)
    eventually(lambda: not alive(owner.children) and not directory.exists())
    log.unlink()


def test_a_server_that_ends_by_itself_is_reported_with_its_log() -> None:
    aws = Server.start()
    aws.log.write_text("the last words\n")
    os.kill(aws.pid, signal.SIGKILL)
    with pytest.raises(LocalAwsError, match="the last words"):
        eventually(lambda: aws.check())
    aws.stop()
    assert aws.log.exists()
    aws.log.unlink()


def test_a_regular_end_removes_the_log() -> None:
    with Server.start() as aws:
        assert aws.log.exists()
    assert not aws.log.exists()


def test_a_port_that_is_taken_is_named() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"port {port} is in use"):
            Server.start(port)


def test_the_next_free_port_is_taken_if_none_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        monkeypatch.setattr(server, "DEFAULT_PORT", taken.getsockname()[1])
        with Server.start(None) as aws:
            assert 0 < aws.port - server.DEFAULT_PORT < 100


def test_the_server_listens_on_the_loopback_interface_only(aws: Server) -> None:
    listening = {
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{aws.port:04X}")
    }
    assert listening == {f"0100007F:{aws.port:04X}"}


def test_reset_empties_the_account() -> None:
    with Server.start() as aws:
        kinesis = aws.client("kinesis")
        kinesis.create_stream(StreamName="stream", ShardCount=1)
        aws.faults.set("kinesis:ListStreams", error=1)
        aws.reset()
        assert kinesis.list_streams()["StreamNames"] == []


def test_keys_of_a_user_are_checked(aws: Server) -> None:
    iam, name = aws.client("iam"), unique("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = aws.client("kinesis", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    with pytest.raises(ClientError, match="not authorized to perform: kinesis:ListStreams"):
        user.list_streams()
    impostor = aws.client("kinesis", access_key=key["AccessKeyId"], secret_key="wrong")
    with pytest.raises(ClientError, match="signature"):
        impostor.list_streams()


def test_a_role_that_does_not_trust_lambda_is_rejected(pipeline: Pipeline) -> None:
    pipeline.iam.update_assume_role_policy(
        RoleName=pipeline.role,
        PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
        '"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}',
    )
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        pipeline.create_function()


def test_the_environment_of_the_user_does_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
    with Server.start() as aws:
        assert b"AWS_" not in Path(f"/proc/{aws.pid}/environ").read_bytes()


def test_an_unknown_control_path_is_rejected(aws: Server) -> None:
    with pytest.raises(LookupError, match="no control path"):
        aws.request("GET", "/_local/nothing")
