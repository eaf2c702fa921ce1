"""A Jetstream on loopback with made-up posts, as its servers were before August 2026, or are since.

It refuses what they refuse, and any parameter that they would ignore. The newer ones number their events, have the
endpoint `subscribeEvents` too, and resolve a time to the beginning of what they have not sealed yet
(bluesky-social/jetstream: internal/subscribe/handler.go, cursor.go; issue 343).
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

POSTS = "app.bsky.feed.post"
NSID = "network.bsky.jetstream.subscribeEvents"
_PARAMETERS = {
    "/subscribe": {"wantedCollections", "maxMessageSizeBytes", "cursor"},
    f"/xrpc/{NSID}": {"collections", "kinds", "maxMessageSizeBytes", "cursor"},
}
_FIRST_TIME_US = 10**15
_AUTHORS = 5_000


class Asked(NamedTuple):
    """A request: its path, and its cursor or None."""

    path: str
    cursor: int | None


class _RefusedError(Exception):
    """An HTTP 400: name and message."""


@dataclass
class JetstreamStub:
    """A server of the posts 0, 1, 2 …, each `step_us` after the one before it.

    Attributes:
        is_numbered: it is one of the newer servers.
        posts: how many there are; more may be added at any time.
        oldest: the first post that is still kept.
        sealed: the first post that is not sealed yet.
        drop_after: number of events after which a connection breaks; None for never.
        max_connections: number of requests after which it answers 503; None for no limit.
        first_us: time of the first post, in microseconds since 1970.
        asked: the requests so far.
    """

    is_numbered: bool
    posts: int
    oldest: int = 0
    sealed: int = 0
    drop_after: int | None = None
    max_connections: int | None = None
    step_us: int = 25_000
    first_us: int = 0
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first_us = self.first_us or time.time_ns() // 1000 - self.posts * self.step_us

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Serve on threads until the block ends; yield the URL without a path."""
        with serve(
            self._serve,
            "127.0.0.1",
            port,
            process_request=self._answer,
            select_subprotocol=_select_subprotocol,
            compression=None,
            close_timeout=0.1,
        ) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
            finally:
                server.shutdown()
                thread.join()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        if url.path not in _PARAMETERS or (url.path != "/subscribe" and not self.is_numbered):
            return connection.respond(HTTPStatus.NOT_FOUND, "404 page not found\n")
        if self.max_connections == len(self.asked):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "service not ready")
        query = parse_qs(url.query)
        cursor = query.get("cursor")
        self.asked.append(Asked(url.path, int(cursor[0]) if cursor else None))
        try:
            _check(url.path, query)
            self._first(self.asked[-1])
        except _RefusedError as error:
            name, message = error.args
            as_json = json.dumps({"error": name, "message": message})
            return connection.respond(
                HTTPStatus.BAD_REQUEST, message if url.path == "/subscribe" else as_json
            )
        return None

    def _first(self, asked: Asked) -> int:
        """Return the first post that a request gets."""
        cursor = asked.cursor
        if cursor is None:
            return self.oldest
        if cursor >= _FIRST_TIME_US:
            exact = max(0, -(-(cursor - self.first_us) // self.step_us))
            return max(self.oldest, min(exact, self.sealed) if self.is_numbered else exact)
        if cursor > self.posts:
            return self.posts
        if cursor <= self.oldest and asked.path != "/subscribe":
            raise _RefusedError("CursorTooOld", f"cursor {cursor} below lookback floor {self.oldest + 1}")
        return max(self.oldest, cursor - 1)

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        url = urlsplit(connection.request.path)
        cursor = parse_qs(url.query).get("cursor")
        number = self._first(Asked(url.path, int(cursor[0]) if cursor else None))
        encode = self.event if url.path == "/subscribe" else self.frame
        ends = None if self.drop_after is None else number + self.drop_after
        with suppress(ConnectionClosed):
            while number != ends:
                if number < self.posts:
                    connection.send(json.dumps(encode(number)))
                    number += 1
                else:
                    with suppress(TimeoutError):
                        connection.recv(0.02)  # neither endpoint expects a message
                        connection.close(1008)
            connection.socket.shutdown(socket.SHUT_RDWR)

    def event(self, number: int) -> dict[str, Any]:
        """Return the event of a post, as `/subscribe` sends it."""
        event = {
            "did": _did(number),
            "time_us": self.time_us(number),
            "kind": "commit",
            "commit": _commit(number),
        }
        return event | ({"cursor": number + 1} if self.is_numbered else {})

    def frame(self, number: int) -> dict[str, Any]:
        """Return the event of a post, as `subscribeEvents` sends it."""
        witnessed = datetime.fromtimestamp(self.time_us(number) / 1_000_000, UTC)
        text = witnessed.isoformat(timespec="microseconds").replace("+00:00", "Z")
        place = {"seq": number + 1, "did": _did(number), "time": text, "witnessedAt": text}
        return {"$type": "message", "payload": {"$type": f"{NSID}#commit", **place, **_commit(number)}}

    def time_us(self, number: int) -> int:
        """Return when a post arrived."""
        return self.first_us + number * self.step_us


def _did(number: int) -> str:
    return f"did:plc:author{number % _AUTHORS}"


def _commit(number: int) -> dict[str, Any]:
    record = {
        "$type": POSTS,
        "createdAt": "2026-09-21T14:13:19.500Z",
        "langs": ["en"],
        "text": f"post {number} of somebody who writes about what most people write about, at some length",
    }
    commit = {"rev": f"r{number}", "operation": "create", "collection": POSTS, "rkey": f"post{number}"}
    return {**commit, "record": record, "cid": f"c{number}"}


def _check(path: str, query: dict[str, list[str]]) -> None:
    """Check the parameters of a request.

    Raises:
        _RefusedError: a parameter is missing, or is not one of this endpoint's.
    """
    for name in query:
        if name not in _PARAMETERS[path]:
            raise _RefusedError(
                "InvalidRequest", f"invalid subscriber options: {name} is not a parameter of {path}"
            )
    collections = query.get("wantedCollections" if path == "/subscribe" else "collections")
    if collections != [POSTS]:
        raise _RefusedError("InvalidRequest", f"the stub has posts only, not {collections}")
    if path != "/subscribe" and query.get("kinds") != ["commit"]:
        raise _RefusedError("InvalidRequest", "the stub has commits only")


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name == "xrpc.v1.json"), None)
