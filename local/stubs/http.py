"""A fast HTTP/1.1 server on loopback that answers as the caller says, in place of a service's endpoint.

It parses no more of HTTP than AWS's clients send: a request line, headers, and a body of a known length. In
a test it runs on a thread (`serving`), and its answers may check the request, or wait; in a benchmark
it runs in a process of its own (`constant_answer`), so that its CPU time is not counted as the client's.
"""

import argparse
import asyncio
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast


class Request(NamedTuple):
    """A received request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    """An answer; `status` 0 closes the connection without one.

    Attributes:
        before: bytes sent before the answer.
        after: bytes sent behind it, which belong to no answer.
        hold: event that `after` waits for; then the connection is closed.
        pause: seconds between any two bytes.
        date: the header of that name; AWS sends it always, and this server where a client reads it.
        headers: further headers.
    """

    status: int = 200
    body: bytes = b""
    before: bytes = b""
    after: bytes = b""
    hold: threading.Event | None = None
    pause: float = 0.0
    date: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})


Answer = Callable[[Request], Awaitable[Response]]


class _Connection(asyncio.Protocol):
    """One connection; a client sends its next request after the answer, so nothing is pipelined."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._received = bytearray()
        self._continued = False
        self._transport: asyncio.Transport
        self._reply: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if request := self._take():
            self._reply = asyncio.get_running_loop().create_task(self._answer_to(request))

    def close(self) -> None:
        self._transport.close()

    async def _answer_to(self, request: Request) -> None:
        response = await self._answer(request)
        date = f"Date: {response.date}\r\n" if response.date else ""
        fields = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        length = f"Content-Length: {len(response.body)}"
        head = f"HTTP/1.1 {response.status} _\r\n{date}{fields}{length}\r\n\r\n".encode()
        answer = head + response.body if response.status else b""
        content = response.before + answer
        if response.pause:
            for byte in content:
                self._transport.write(bytes([byte]))
                await asyncio.sleep(response.pause)
        elif response.hold:
            self._transport.write(content)
            await asyncio.to_thread(response.hold.wait)
            self._transport.write(response.after)
        else:
            self._transport.write(content + response.after)
        if response.hold or not response.status:
            self.close()

    def _take(self) -> Request | None:
        """Return the next complete request, None while it is incomplete."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect") and not self._continued:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._continued = True
        start, length = end + 4, int(headers.get("content-length", 0))
        if len(self._received) < start + length:
            return None
        body = bytes(self._received[start : start + length])
        del self._received[: start + length]
        self._continued = False
        method, path, _ = first.split(" ")
        return Request(method, path, headers, body)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve on a thread until the block ends; yield the URL. Answers run on that thread's event loop."""
    url: list[str] = []
    stop: list[Callable[[], object]] = []
    ready = threading.Event()

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        connections: list[_Connection] = []

        def connect() -> _Connection:
            connections.append(_Connection(answer))
            return connections[-1]

        server = await loop.create_server(connect, "127.0.0.1", 0)
        url.append(_url(server))
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        ready.set()
        await stopped.wait()
        server.close()
        for connection in connections:
            connection.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="loopback")
    thread.start()
    ready.wait()
    try:
        yield url[0]
    finally:
        stop[0]()
        thread.join()


@contextmanager
def constant_answer(body: bytes, delay: float, certificate: Path | None = None) -> Iterator[str]:
    """Serve from another process, answering every request with `body` after `delay` seconds; yield the URL.

    With a certificate, TLS is spoken.
    """
    command = [sys.executable, "-m", "local.stubs.http", "--body", body.decode(), "--delay", str(delay)]
    if certificate:
        command += ["--certificate", str(certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def make_certificate(folder: Path) -> Path:
    """Create a self-signed certificate of the loopback address; return the file, which has its key too."""
    certificate = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, "-keyout", certificate, "-out", folder / "public.pem"], check=True, capture_output=True
    )
    with certificate.open("ab") as file:
        file.write((folder / "public.pem").read_bytes())
    return certificate


async def _serve_constant(response: Response, delay: float, certificate: Path | None) -> None:
    async def answer(_: Request) -> Response:
        await asyncio.sleep(delay)
        return response

    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer), "127.0.0.1", 0, ssl=context)
    print(_url(server, "https" if certificate else "http"), flush=True)
    await server.serve_forever()


def _url(server: asyncio.Server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Answer every request with one body, until terminated.")
    parser.add_argument("--body", default="{}", help="the answer's body")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--certificate", type=Path, help="speak TLS with this certificate and key")
    arguments = parser.parse_args()
    asyncio.run(
        _serve_constant(Response(body=arguments.body.encode()), arguments.delay, arguments.certificate)
    )
