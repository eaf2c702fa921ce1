"""The server process: ministack with this project's additions; it leaves nothing behind.

Everything that depends on ministack's internals is here and in the modules beside it:

* ``lambda_``: its own Kinesis poller is off, because ``local.aws.mapping`` does that work with AWS's
  semantics; the role of a function is checked where Lambda checks it;
* ``kinesis``: resharding keeps the parent shards readable, as Kinesis does, and puts are counted;
* ``cloudwatch``: an alarm with a warm-up period is evaluated once it has ended;
* ``dynamodb``: the throughput of on-demand tables;
* ``logs`` and ``iam``: policies are evaluated with the resources and condition keys that
  AWS uses;
* faults are injected behind authentication (a proxy in front would break the signatures);
* ``/_local/...`` are control paths for what AWS has no API for: fault rules, the credentials that Lambda
  would assume for a function, the actions that a role was allowed, and the state that Lambda would report of a
  mapping.

The parent passes a listening socket and holds the other end of standard input. When that closes, for
whatever reason, this process and its function workers are killed and its files removed: state is in
memory, so nothing needs an orderly shutdown.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core.iam_actions import extract_iam_action

from local.aws.browser_guard import rejection_reason
from local.aws.faults import Answer, ConnectionLost, Injector, rules_from
from local.aws.ministack import autoscaling as ministack_autoscaling
from local.aws.ministack import cloudwatch as ministack_cloudwatch
from local.aws.ministack import dynamodb as ministack_dynamodb
from local.aws.ministack import iam as ministack_iam
from local.aws.ministack import kinesis as ministack_kinesis
from local.aws.ministack import kms as ministack_kms
from local.aws.ministack import lambda_ as ministack_lambda
from local.aws.ministack import logs as ministack_logs

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_connection: ContextVar[asyncio.StreamWriter] = ContextVar("connection")


def main(listening_fd: int, directory: str) -> None:
    threading.Thread(target=_end_with_parent, args=[directory], daemon=True).start()
    injector = Injector()
    # ministack would look for its own containers to remove; none is ever started.
    ministack._docker_socket_present = lambda: False
    ministack_lambda.install()
    ministack_kinesis.install()
    ministack_logs.install()
    ministack_cloudwatch.install()
    ministack_dynamodb.install()
    ministack_autoscaling.install()
    ministack_kms.install()
    ministack_iam.install()
    for service, handler in ministack.SERVICE_HANDLERS.items():
        ministack.SERVICE_HANDLERS[service] = _with_faults(injector, service, handler)
    TCPServer.run = _remember_connection  # type: ignore[assignment,method-assign] # hypercorn has no hook

    config = Config()
    config.bind = [f"fd://{listening_fd}"]
    config.keep_alive_timeout = 75  # longer than a client of botocore keeps an idle connection
    asyncio.run(serve(_application(injector), config))


def _end_with_parent(directory: str) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    shutil.rmtree(directory, ignore_errors=True)
    Path(directory).with_suffix(".log").unlink(missing_ok=True)
    os.killpg(0, signal.SIGKILL)  # this process leads its group; the workers are in it


# --- Faults ------------------------------------------------------------------------------------------


def _with_faults(injector: Injector, service: str, handler: Handler) -> Handler:
    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        if not injector.rules:
            return await handler(method, path, headers, body, query)
        # Rules name operations as policies do, so one spelling serves both.
        operation = extract_iam_action(service, method, path, headers, body, query) or service

        async def call(changed_body: bytes) -> Answer:
            return await handler(method, path, headers, changed_body, query)

        return await injector.answer(operation, body, call)

    return handle


_run_connection = TCPServer.run


async def _remember_connection(server: TCPServer) -> None:
    # The tasks that answer the requests of this connection are started in this context.
    _connection.set(server.writer)
    await _run_connection(server)


# --- HTTP --------------------------------------------------------------------------------------------


def _application(injector: Injector) -> Callable[..., Awaitable[None]]:
    async def application(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] != "lifespan" and (reason := _rejection_reason(scope)):
            await _send_json(send, 403, {"message": reason})
            return
        if scope["type"] == "http" and scope["path"].startswith("/_local/"):
            body = b""
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            status, answer = _control(injector, scope["method"], scope["path"], body)
            await _send_json(send, status, answer)
            return
        try:
            # Loopback counts as TLS: a policy that demands aws:SecureTransport holds on both.
            await ministack.app({**scope, "scheme": "https"}, receive, _without_cors(send))
        except ConnectionLost:
            _connection.get().transport.abort()

    return application


def _rejection_reason(scope: Message) -> str | None:
    return rejection_reason(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


def _without_cors(send: Send) -> Send:
    """Leave out the headers by which ministack allows web pages to read its answers."""

    async def send_without_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_without_cors


async def _send_json(send: Send, status: int, value: Any) -> None:
    content = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _control(injector: Injector, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Answer a control request: status and JSON value."""
    match [method, *path.removeprefix("/_local/").split("/", 1)]:
        case ["PUT", "faults"]:
            injector.rules = rules_from(json.loads(body))
            injector.injected.clear()
            return 200, {}
        case ["GET", "faults"]:
            return 200, injector.injected
        case ["GET", "records"]:
            return 200, ministack_kinesis.record_counts()
        case ["GET", "credentials", name]:
            function = urllib.parse.unquote(name)
            credentials = ministack_lambda.function_credentials(function)
            return (200, credentials) if credentials else (404, {"message": f"no function {function}"})
        case ["GET", "actions", role]:
            return 200, ministack_iam.allowed_actions(urllib.parse.unquote(role))
        case ["PUT", "mappings", uuid]:
            updated = ministack_lambda.update_mapping(uuid, json.loads(body))
            return (200, {}) if updated else (404, {"message": f"no event source mapping {uuid}"})
    return 404, {"message": f"no control path {method} {path}"}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
