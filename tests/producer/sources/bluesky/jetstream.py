"""A Jetstream on loopback that does what a test says, connection by connection, and a source that reads it."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from event.payload import Json
from producer.sources.bluesky import BlueskySource
from producer.sources.reconnect import Backoff
from producer.spooling.cursor import Position

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
TIME_US = 1_790_000_000_123_456  # 2026-09-21T14:13:20.123Z
QUICK = Backoff(network=0.01, network_limit=0.02, http=0.01, http_limit=0.02, silence=60)


def event(text: str = "hello", time_us: int = TIME_US, record: Json | None = None, **commit: Any) -> Json:
    """The event of a new post."""
    post = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-09-21T14:13:19.500Z",
        "langs": ["fr", "en"],
    }
    new = {
        "rev": "3l",
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3lkey",
        "cid": "b",
    }
    new |= {"record": post | (record or {})} | commit
    return {"did": DID, "time_us": time_us, "kind": "commit", "commit": new}


def deletion(rkey: str | None = "3lkey") -> Json:
    """The event of a deleted post, which has no record."""
    commit = {"rev": "3m", "operation": "delete", "collection": "app.bsky.feed.post", "rkey": rkey}
    return {"did": DID, "time_us": TIME_US, "kind": "commit", "commit": commit}


Serve = Callable[[ServerConnection], None]


@dataclass
class Jetstream:
    """A Jetstream on loopback: each connection takes the next step, and the last step serves the rest.

    Attributes:
        body: of an HTTP error.
    """

    steps: Sequence[Serve | HTTPStatus]
    body: str = ""
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.queries.append(parse_qs(urlsplit(request.path).query))
        step = self.step
        return connection.respond(step, self.body) if isinstance(step, HTTPStatus) else None

    def serve(self, connection: ServerConnection) -> None:
        step = self.step
        assert not isinstance(step, HTTPStatus)
        step(connection)

    @property
    def step(self) -> Serve | HTTPStatus:
        return self.steps[min(len(self.queries), len(self.steps)) - 1]


@contextmanager
def jetstream(*steps: Serve | HTTPStatus, port: int = 0, body: str = "") -> Iterator[Jetstream]:
    jet = Jetstream(steps, body)
    with serve(
        jet.serve, "127.0.0.1", port, process_request=jet.answer, ping_interval=None, close_timeout=0.1
    ) as server:
        jet.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield jet
        finally:
            server.shutdown()
            thread.join()


def sends(
    *messages: Json | str | bytes, then: Callable[[ServerConnection], object] = lambda _: None
) -> Serve:
    """Send the messages, do what follows, and close."""

    def step(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(json.dumps(message) if isinstance(message, dict) else message)
        then(connection)

    return step


def stay(connection: ServerConnection) -> None:
    """Keep the connection until the client leaves."""
    for _ in connection:
        pass


class Watched(BlueskySource):
    """A Bluesky source that records its messages to the user."""

    def __init__(
        self,
        endpoint: str | None,
        track: Sequence[str] = (),
        backoff: Backoff = QUICK,
        resume: Position | None = None,
    ) -> None:
        self.notes: list[str] = []
        super().__init__(
            track=track, endpoint=endpoint, notify=self.notes.append, resume=resume, backoff=backoff
        )
