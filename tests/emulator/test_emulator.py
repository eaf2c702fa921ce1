"""The uploaded archive in AWS's own Lambda emulator, which `make emulator` builds from source and runs.

The emulator answers 200 for a function that failed too: what counts is the body.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from local.stubs.http import serving
from stack.project import PROJECT
from tests.handler.archive import FUNCTION, unpack_archive
from tests.handler.aws import BUCKET, TABLE, Aws
from tests.handler.events import aggregate, record, tweet
from tests.waiting import eventually

EMULATOR = PROJECT / ".pulumi" / "bin" / "aws-lambda-rie"

Invoke = Callable[[object], Any]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def invoke(aws: Aws, tmp_path: Path) -> Iterator[Invoke]:
    """Invoke the function in the emulator; return the body of the answer."""
    task, program = unpack_archive(tmp_path)
    bootstrap = tmp_path / "bootstrap"
    # The path is this folder's: a shell's words have to be quoted no further.
    bootstrap.write_text(f'#!/bin/bash\nexec {sys.executable} -I -S -c "$PROGRAM"\n')
    bootstrap.chmod(0o755)
    port, runtime_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    with serving(aws.answer) as url, (tmp_path / "output").open("wb") as output:
        environment = {
            "PATH": os.environ["PATH"],
            "PROGRAM": program,
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": url,
            "TABLE_NAME": TABLE,
            "QUARANTINE_BUCKET": BUCKET,
        }
        command = [
            str(EMULATOR),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            *(str(bootstrap), "handler.app.lambda_handler"),
        ]
        process = subprocess.Popen(
            command, env=environment, cwd=task, stdout=output, stderr=subprocess.STDOUT
        )
        try:

            def is_listening() -> bool:
                with socket.socket() as client:
                    return client.connect_ex(("127.0.0.1", port)) == 0

            eventually(is_listening)

            def call(event: object) -> Any:
                with urlopen(address, json.dumps(event).encode(), timeout=60) as answer:
                    return json.loads(answer.read())

            yield call
        finally:
            process.terminate()
            process.wait()


def test_a_batch_is_stored_and_quarantined(aws: Aws, invoke: Invoke) -> None:
    batch = [
        record(tweet(id="1"), 1),
        record(aggregate(tweet(id="2"), b"poison", tweet(id="3")), 2),
        record(b"\r\n".join(json.dumps(tweet(id=number)).encode() for number in ("4", "5")), 3),
    ]
    assert invoke({"Records": batch}) == {"batchItemFailures": []}
    assert {identifier for _, identifier in aws.items} == {"1", "2", "3", "4", "5"}
    assert [key.split("/")[1] for key in aws.objects] == ["not-json"]


def test_a_function_that_fails_says_so_in_the_body(invoke: Invoke) -> None:
    assert invoke({"key1": "value1"})["errorType"] == "EventError"
