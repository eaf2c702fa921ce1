"""A TCP relay on loopback that falls silent, as AWS does for a client whose network is gone."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Relays to a server until a request has certain bytes; from then on nothing is answered.

    Attributes:
        url: where clients connect.
        silent: set when the first request was swallowed.
    """

    def __init__(self, endpoint: str, silent_at: bytes) -> None:
        target = urlsplit(endpoint)
        self._address = target.hostname, target.port
        self._silent_at = silent_at
        self.url = ""
        self.silent = threading.Event()

    async def start(self) -> asyncio.Server:
        """Listen; the system chooses the port."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(*self._address)
        with suppress(ConnectionError):
            await asyncio.gather(self._pump(reader, requests), self._pump(answers, writer))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self._silent_at in data:
                self.silent.set()
            if not self.silent.is_set():
                target.write(data)
                await target.drain()
        target.close()


@contextmanager
def relaying(endpoint: str, silent_at: bytes) -> Iterator[Relay]:
    """Relay on a thread until the block ends."""
    relay = Relay(endpoint, silent_at)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="relay")
    thread.start()
    server = asyncio.run_coroutine_threadsafe(relay.start(), loop).result()

    async def stop() -> None:
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    try:
        yield relay
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
