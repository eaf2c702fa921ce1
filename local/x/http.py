"""The HTTP under the local X: one answer a connection, and streams whose body ends in every way there is."""

import json
import select
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from local.aws.browser_guard import rejection_reason

Json = dict[str, Any]
Encoding = Literal["chunked", "plain", "gzip"]

_TICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read; a parameter's value is split at its commas."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message
    body: bytes
    socket: socket.socket

    def json(self) -> Json:
        """Return the body as a JSON object; an empty one if the body is anything else."""
        try:
            decoded = json.loads(self.body)
        except ValueError:
            return {}
        return decoded if isinstance(decoded, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response: a JSON object, or text."""

    status: int
    body: Json | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """A response with 200 whose body is written by `serve` as it comes."""

    encoding: Encoding
    serve: Callable[["Body"], None]


class Body:
    """The body of a stream; all methods raise OSError once the client has left."""

    def __init__(self, connection: socket.socket, encoding: Encoding) -> None:
        self._socket = connection
        self._gzip = zlib.compressobj(wbits=31) if encoding == "gzip" else None
        self._chunked = encoding != "plain"

    def write(self, data: bytes) -> None:
        """Send at once, unless the data is empty."""
        if data and self._gzip:
            data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self._send(data)

    def end(self) -> None:
        """End the body as the protocol has it."""
        if self._gzip:
            self._send(self._gzip.flush())
        if self._chunked:
            self._socket.sendall(b"0\r\n\r\n")

    def reset(self) -> None:
        """Have the connection closed with a reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def check(self) -> None:
        """Raise ConnectionError if the client has left."""
        if has_left(self._socket):
            raise ConnectionError("the client has left")

    def _send(self, data: bytes) -> None:
        if data:
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds for a client to send its request
    answer: Callable[[Request], Answer | Stream]

    def handle_one_request(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # a client may leave, or fall silent, at any time
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                return
            self.close_connection = True
            if reason := rejection_reason(self.headers.items()):
                self._send_answer(Answer(403, {"title": "Forbidden", "detail": reason}))
                return
            url = urlsplit(self.path)
            query = {name: values[-1].split(",") for name, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, url.path, query, self.headers, body, self.connection)
            match type(self).answer(request):
                case Answer() as answer:
                    self._send_answer(answer)
                case Stream() as stream:
                    self._send_stream(stream)

    def _send_answer(self, answer: Answer) -> None:
        is_json = isinstance(answer.body, dict)
        body = (json.dumps(answer.body) if is_json else str(answer.body)).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json; charset=utf-8" if is_json else "text/html")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _send_stream(self, stream: Stream) -> None:
        self.connection.settimeout(None)  # a client may read as slowly as it likes
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if stream.encoding != "plain":
            self.send_header("Transfer-Encoding", "chunked")
        if stream.encoding == "gzip":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Connection", "close")
        self.end_headers()
        stream.serve(Body(self.connection, stream.encoding))

    def log_message(self, *_: object) -> None:
        """Log nothing: the terminal belongs to the demo."""


class Server(ThreadingHTTPServer):
    """A server on loopback; every connection has a thread, and stopping waits for all of them.

    Attributes:
        url: where it listens.
    """

    daemon_threads = False

    def __init__(self, port: int, answer: Callable[[Request], Answer | Stream]) -> None:
        """Bind the port, 0 for a free one.

        Raises:
            OSError: the port is taken.
        """
        super().__init__(("127.0.0.1", port), type("Handler", (_Handler,), {"answer": staticmethod(answer)}))
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(_TICK_SECONDS,), name="x")

    def start(self) -> None:
        """Serve, on a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, and wait until the streams, which must know of it, have ended."""
        self.shutdown()
        self.server_close()
        self._thread.join()


def has_left(connection: socket.socket) -> bool:
    """Tell whether the client has closed the connection, without reading what it sent."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # reset by the client, or closed on this side
        return True
