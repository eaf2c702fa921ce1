"""The server process: ministack with what this project needs of it, and nothing left when it ends.

Everything that depends on ministack's insides stands here and in ``ministack_shards``:

* its own Kinesis poller is off, because ``local.mapping`` does that work with AWS's semantics;
* the mapping API keeps the Kinesis settings that ministack forgets;
* resharding keeps the parent shards readable, as Kinesis does;
* faults are injected behind authentication (a proxy in front would break the signatures);
* ``/_local/...`` are control paths that AWS has no API for: fault rules, the credentials that Lambda
  would assume for a function, and the state that Lambda would report of a mapping.

The parent hands over a listening socket and holds the other end of our standard input. When that closes,
for whatever reason, this process and the workers of its functions are killed and its directory removed:
state is in memory, there is nothing to shut down in order.
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
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core import lambda_runtime
from ministack.core.iam_actions import extract_iam_action
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from local import ministack_shards
from local.faults import Answer, ConnectionLost, Injector, rules_from

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]
Message = MutableMapping[str, Any]

# What Lambda fills in for a Kinesis mapping (API reference, CreateEventSourceMapping).
KINESIS_MAPPING_DEFAULTS = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
}

_connection: ContextVar[asyncio.StreamWriter] = ContextVar("connection")


def main(listening_fd: int, directory: str) -> None:
    threading.Thread(target=_end_with_parent, args=[directory], daemon=True).start()
    injector = Injector()
    lambda_svc._ensure_poller = lambda: None
    lambda_svc._create_esm = _create_mapping
    # ministack would look for containers of its own to remove; we start none.
    ministack._docker_socket_present = lambda: False
    ministack_shards.install()
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
    os.killpg(0, signal.SIGKILL)  # this process leads its group; the workers are in it


# --- The mapping API ---------------------------------------------------------------------------------

_ministack_create_mapping = lambda_svc._create_esm


def _create_mapping(data: dict[str, Any]) -> Answer:
    if ":kinesis:" not in data.get("EventSourceArn", ""):
        answer: Answer = _ministack_create_mapping(data)
        return answer
    status, headers, body = _ministack_create_mapping({**KINESIS_MAPPING_DEFAULTS, **data})
    if status == 202 and "StartingPositionTimestamp" in data:
        mapping = lambda_svc._esms[json.loads(body)["UUID"]]
        mapping["StartingPositionTimestamp"] = data["StartingPositionTimestamp"]
        body = json.dumps(lambda_svc._esm_response(mapping)).encode()
    return status, headers, body


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
    async def application(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/_local/"):
            body = b""
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            status, answer = _control(injector, scope["method"], scope["path"], body)
            content = json.dumps(answer).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
            return
        try:
            await ministack.app(scope, receive, send)
        except ConnectionLost:
            _connection.get().transport.abort()

    return application


def _control(injector: Injector, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Answer a control request: status and JSON value."""
    match [method, *path.removeprefix("/_local/").split("/", 1)]:
        case ["PUT", "faults"]:
            injector.rules = rules_from(json.loads(body))
            injector.injected.clear()
            return 200, {}
        case ["GET", "faults"]:
            return 200, injector.injected
        case ["GET", "credentials", function]:
            record = lambda_svc._functions.get(urllib.parse.unquote(function))
            if record is None:
                return 404, {"message": f"no function {function} in {get_account_id()} {get_region()}"}
            return 200, lambda_runtime.execution_credentials(record["config"])
        case ["PUT", "mappings", uuid]:
            mapping = lambda_svc._esms.get(uuid)
            if mapping is None:
                return 404, {"message": f"no event source mapping {uuid}"}
            mapping.update(json.loads(body))
            return 200, {}
    return 404, {"message": f"no control path {method} {path}"}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
