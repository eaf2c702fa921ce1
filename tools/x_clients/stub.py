"""An X on loopback that says one thing on its stream, however often and with whatever parameters it is asked."""

import threading
import time
from dataclasses import dataclass
from typing import Literal, Self

from local.x import http as x_http
from local.x.server import RULES, STREAM

_TICK_SECONDS = 0.02
_KEEP_ALIVE_SECONDS = 1.0


@dataclass(frozen=True)
class Connection:
    """What a connection brings: bytes, and then its end, keep-alives, or nothing."""

    body: bytes = b""
    then: Literal["end", "keep-alives", "silence"] = "keep-alives"
    encoding: x_http.Encoding = "chunked"


class Stub:
    """Serves the connections of a script, the last one again and again, within a `with` statement.

    Attributes:
        url: where it listens.
        connections: the times of the connections to the stream, as `time.monotonic` has it.
    """

    def __init__(self, *script: Connection) -> None:
        self._script = list(script)
        self.connections: list[float] = []
        self._stopping = threading.Event()
        self._http = x_http.Server(0, self._answer)
        self.url = self._http.url

    def __enter__(self) -> Self:
        self._http.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._http.stop()

    def _answer(self, request: x_http.Request) -> x_http.Answer | x_http.Stream:
        if request.path.endswith(RULES):
            rule = {"id": "1", "value": "lantern", "tag": "any"}
            return x_http.Answer(200, {"data": [rule], "meta": {"result_count": 1}})
        if not request.path.endswith(STREAM):
            return x_http.Answer(404)
        connection = self._script[min(len(self.connections), len(self._script) - 1)]
        self.connections.append(time.monotonic())
        return x_http.Stream(connection.encoding, lambda body: self._serve(body, connection))

    def _serve(self, body: x_http.Body, connection: Connection) -> None:
        body.write(connection.body)
        if connection.then == "end":
            body.end()
            return
        next_sign = time.monotonic() + _KEEP_ALIVE_SECONDS
        while not self._stopping.wait(_TICK_SECONDS):
            body.check()
            if connection.then == "keep-alives" and time.monotonic() > next_sign:
                body.write(b"\r\n")
                next_sign += _KEEP_ALIVE_SECONDS
