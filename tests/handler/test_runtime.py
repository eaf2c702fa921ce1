"""The uploaded archive under Lambda's own runtime client, with nothing but boto3 beside it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from event import metrics
from local.stubs.http import serving
from tests.handler.archive import FUNCTION, unpack_archive
from tests.handler.aws import BUCKET, TABLE, Aws
from tests.handler.events import record, tweet
from tests.waiting import SECONDS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Lambda's runtime client runs on Linux only")


class RuntimeApi(ThreadingHTTPServer):
    """Lambda's runtime API ("Using the Lambda runtime API", AWS Lambda Developer Guide): one invocation."""

    daemon_threads = True

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeHandler)
        self.events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self.events.put(event)
        self.answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the connection that a function leaves when the test ends it."""


class _RuntimeHandler(BaseHTTPRequestHandler):
    server: RuntimeApi

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        event = self.server.events.get()
        if event is None:  # the test is over
            return
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:::function:{FUNCTION}")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.answers.put((self.path.rsplit("/", 1)[1], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing: the test examines the requests."""


@contextmanager
def lambda_runtime(
    tmp_path: Path, event: dict[str, Any], **environment: str
) -> Iterator[tuple[RuntimeApi, Path]]:
    """Run the archive as Lambda does; yield the runtime API and the file of the function's output."""
    task, program = unpack_archive(tmp_path)
    output = tmp_path / "output"
    with RuntimeApi(event) as api, output.open("wb") as out:
        serving_thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        serving_thread.start()
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
                "AWS_LAMBDA_LOG_STREAM_NAME": "one",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_LOG_LEVEL": "INFO",
                "LAMBDA_TASK_ROOT": str(task),
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                **environment,
            },
        )
        try:
            yield api, output
        finally:
            process.kill()
            process.wait()
            api.events.put(None)
            api.shutdown()
            serving_thread.join()


def answer_of(api: RuntimeApi, output: Path) -> tuple[str, Any]:
    """Which answer the function gave, `response` or `error`, and its body."""
    try:
        return api.answers.get(timeout=SECONDS)
    except Empty:
        pytest.fail(f"no answer from the function, which wrote: {output.read_text()}")


def test_the_archive_needs_nothing_but_boto3_and_speaks_to_lambda_as_it_should(tmp_path: Path) -> None:
    aws = Aws()
    event = {"Records": [record(tweet(), 1), record(b"poison", 2)]}
    with (
        serving(aws.answer) as url,
        lambda_runtime(
            tmp_path,
            event,
            EVENT_TYPE="tweet",
            TABLE_NAME=TABLE,
            QUARANTINE_BUCKET=BUCKET,
            AWS_ENDPOINT_URL=url,
        ) as (
            api,
            output,
        ),
    ):
        assert answer_of(api, output) == ("response", {"batchItemFailures": []})
        lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert list(aws.items) == [("ada", "1001")]
    assert len(aws.objects) == 1
    (embedded,) = [line for line in lines if "_aws" in line]
    assert embedded["_aws"]["CloudWatchMetrics"][0]["Namespace"] == metrics.NAMESPACE
    assert (embedded[metrics.DIMENSION], embedded[metrics.STORED]) == (FUNCTION, 1)
    (logged,) = [line for line in lines if line.get("message") == "Batch processed"]
    assert logged["level"] == "WARNING"
    assert logged["requestId"] == "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    assert logged["reasons"] == {"not-json": 1}


def test_a_function_without_its_table_fails_its_init_with_the_name_of_the_variable(tmp_path: Path) -> None:
    with lambda_runtime(tmp_path, {"Records": []}, QUARANTINE_BUCKET=BUCKET) as (api, output):
        kind, error = answer_of(api, output)
    assert kind == "error"
    assert "TABLE_NAME" in error["errorMessage"]
