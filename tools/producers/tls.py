"""Terminates TLS on loopback, before a server that speaks plain HTTP."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK_BYTES = 65_536


@contextmanager
def terminate_tls(port: int, certificate: Path) -> Iterator[int]:
    """Pass on what comes by TLS to a port of the loopback address, until the block ends.

    Args:
        port: of the server behind.
        certificate: file with the certificate and its key.

    Yields:
        the port that speaks TLS, on the loopback address.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    ports: list[int] = []
    stop: list[Callable[[], object]] = []
    ready = threading.Event()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))

    async def run() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context) as server:
            ports.append(server.sockets[0].getsockname()[1])
            stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
            ready.set()
            await stopped.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="tls")
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        stop[0]()
        thread.join()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends or either connection breaks; then close the target."""
    with suppress(OSError):
        while data := await source.read(_CHUNK_BYTES):
            target.write(data)
            await target.drain()
    target.close()
