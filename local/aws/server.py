"""The AWS API on this machine: ministack as a child process, with IAM enforced.

    with Server.start() as aws:
        aws.client("kinesis").create_stream(StreamName="dev-EventStream", ShardCount=1)

The child dies with this process, however this process ends, and takes the workers of its functions along.
State is in memory and ends with the server.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from local.aws.faults import Fault, Faults
from local.errors import LocalAwsError
from stack.aws.retries import RETRIES
from stack.project import PROJECT

REGION = "us-east-1"
ACCOUNT = "000000000000"
ROOT_KEY = "test"
"""Access key, and secret key, of the account's root, which no policy restricts."""
DEFAULT_PORT = 4566

_START_SECONDS = 120
_STOP_SECONDS = 5
_LOG_LINES_SHOWN = 20


class Server:
    """A running local AWS; leaving its ``with`` block stops it and everything it started.

    Attributes:
        endpoint: the URL that every service answers on.
        port: its port, on the loopback interface only.
        pid: its process, which leads the process group of all that it starts; a child process that joins
            the group (``Popen(process_group=aws.pid)``) ends with it.
        log: the server's log file; removed at a regular end, kept after a failure.
        directory: for files that are deleted with the server, however this process ends.
        faults: rules for faults, see ``local.aws.faults``.
    """

    faults: Faults
    _session: Any  # boto3.Session, whose typed client() takes literal service names only

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.directory = Path(tempfile.mkdtemp(prefix="local-aws-"))
        self.log = self.directory.with_suffix(".log")
        self._stopping = False
        self._clients = threading.Lock()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "local.aws.ministack.server",
                    str(listener.fileno()),
                    str(self.directory),
                ],
                cwd=PROJECT,
                env=_environment(self.port, self.directory),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                process_group=0,  # its own: Ctrl-C reaches only this process, which then ends the whole group
            )
        self.pid = self._process.pid
        self._watch = threading.Thread(target=self._clean_up_after_server, daemon=True)
        self._watch.start()

    @classmethod
    def start(cls, port: int | None = 0, *, faults: Iterable[Fault] = ()) -> Self:
        """Start the server and wait until it answers (about a second).

        Args:
            port: the port; 0 for any free one; None for 4566 or, if that is taken, the next free one.
            faults: rules that hold from the start.

        Raises:
            LocalAwsError: the port is taken, or the server ended before it answered.
        """
        with _listen(port) as listener:
            aws = cls(listener)
        try:
            aws._connect(faults)
        except BaseException:
            aws.stop()
            raise
        return aws

    def _connect(self, faults: Iterable[Fault]) -> None:
        # Imported while the server starts, which takes about as long.
        import boto3

        self._session = boto3.Session(region_name=REGION)
        self.request("GET", "/_ministack/health")
        self.faults = Faults(self.endpoint, faults)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.check()
        finally:
            self.stop()

    def client(
        self,
        service: str,
        *,
        access_key: str = ROOT_KEY,
        secret_key: str = ROOT_KEY,
        session_token: str | None = None,
        **config: Any,
    ) -> Any:
        """Return a boto3 client of a service, with the root's credentials unless others are given.

        ``config`` goes to ``botocore.config.Config``, for instance ``read_timeout=5``.
        """
        from botocore.config import Config

        with self._clients:  # a session creates one client at a time
            return self._session.client(
                service,
                endpoint_url=self.endpoint,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                aws_session_token=session_token,
                config=Config(**{"retries": RETRIES, **config}),
            )

    def role_client(self, service: str, function: str, **config: Any) -> Any:
        """Return a client with the credentials that Lambda assumes for a function, those of its role.

        AWS gives these to Lambda only, so this uses a control path of the server, not an API call.

        Raises:
            LookupError: the function does not exist.
        """
        name = urllib.parse.quote(function, safe="")
        keys = self.request("GET", f"/_local/credentials/{name}")
        return self.client(
            service,
            access_key=keys["AWS_ACCESS_KEY_ID"],
            secret_key=keys["AWS_SECRET_ACCESS_KEY"],
            session_token=keys["AWS_SESSION_TOKEN"],
            **config,
        )

    def reset(self) -> None:
        """Empty the account and clear the faults, as after the start."""
        self.faults.clear()
        self.request("POST", "/_ministack/reset")

    def check(self) -> None:
        """Check that the server runs.

        Raises:
            LocalAwsError: the server ended by itself.
        """
        if self._process.poll() is not None and not self._stopping:
            raise LocalAwsError(
                f"the local AWS server ended by itself: run the command again; {self._last_log_lines()}"
            )

    def stop(self) -> None:
        """Stop the server and everything it started. Idempotent."""
        failed = self._process.poll() is not None and not self._stopping
        self._stopping = True
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
        self._watch.join()
        if not failed:
            self.log.unlink(missing_ok=True)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a control request, for what AWS has no API for; JSON in and out.

        Raises:
            LookupError: the path's object does not exist.
            LocalAwsError: the server does not answer.
        """
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, content, method=method)  # noqa: S310 # loopback
        try:
            with urllib.request.urlopen(request, timeout=_START_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise LookupError(error.read().decode()) from None
        except OSError as error:
            raise LocalAwsError(
                f"the local AWS server does not answer ({error}); {self._last_log_lines()}"
            ) from None

    def _clean_up_after_server(self) -> None:
        """Kill busy function workers once the server has ended, however it ended."""
        self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _last_log_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        return "\n".join([f"the end of its log, {self.log}:", *lines])


def _environment(port: int, directory: Path) -> dict[str, str]:
    """Return the child's environment: none of the user's AWS settings, no file outside ``directory``."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {
        **inherited,
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "S3_DATA_DIR": str(directory / "s3"),
        "AUTH": "true",
        "GATEWAY_PORT": str(port),  # where the workers of functions find the API
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
    }


def _listen(port: int | None) -> socket.socket:
    """Return a listening socket on the loopback interface, bound here so that no other process can take the port."""
    candidates = range(DEFAULT_PORT, DEFAULT_PORT + 100) if port is None else [port]
    for candidate in candidates:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(128)
        except OSError:
            listener.close()
        else:
            return listener
    raise LocalAwsError(f"port {port or DEFAULT_PORT} is in use: choose another, or 0 for any free one")
