"""The two endpoints of Jetstream: their addresses, parameters and messages.

`/subscribe` sends bare events. `/xrpc/network.bsky.jetstream.subscribeEvents`, which servers of August 2026 have too,
has other parameters, refuses those of the first, and sends each event in a frame (bluesky-social/jetstream,
lexicons/network/bsky/jetstream/subscribeEvents.json; atproto proposal 0015).
"""

from urllib.parse import urlencode, urlsplit

import orjson
from websockets.typing import Subprotocol

from producer.formats.jetstream import POSTS

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Jetstream is asked to leave out larger events; a post has a few KB. One that arrives nevertheless is skipped."""

_NSID = "network.bsky.jetstream.subscribeEvents"
ENDPOINTS = (
    f"wss://jetstream.us-east.bsky.network/xrpc/{_NSID}",
    f"wss://jetstream.us-west.bsky.network/xrpc/{_NSID}",
    "wss://jetstream2.us-east.bsky.network/subscribe",
)
"""Bluesky's own servers: those that number their events first, then one that knows the old endpoint only."""


def complete(address: str) -> str:
    """Return an address with the path that every Jetstream has, if it names none."""
    return address if urlsplit(address).path.strip("/") else f"{address.rstrip('/')}/subscribe"


def is_framed(address: str) -> bool:
    """Tell whether the newer endpoint is at an address."""
    return urlsplit(address).path.endswith(_NSID)


def subprotocols(address: str) -> list[Subprotocol] | None:
    """Return what to offer to the server."""
    return [Subprotocol("xrpc.v1.json")] if is_framed(address) else None


def build_url(address: str, max_event_bytes: int, cursor: int | None) -> str:
    """Return the URL that subscribes to posts, from `cursor` on."""
    query = [("maxMessageSizeBytes", str(max_event_bytes))]
    if is_framed(address):
        query += [("collections", POSTS), ("kinds", "commit")]
    else:
        query += [("wantedCollections", POSTS)]
    if cursor is not None:
        query.append(("cursor", str(cursor)))
    return f"{address}?{urlencode(query)}"


def explain(body: bytes) -> str:
    """Return what the body of an HTTP 400 says: the newer endpoint's is JSON, the older one's is text."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        error = None
    match error:
        case {"error": str(name), "message": str(message)}:
            return f"{name}: {message}"
    return " ".join(body.decode(errors="replace").split())
