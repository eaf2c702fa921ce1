"""Posts from Bluesky: the public Jetstream, which needs no credentials."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from urllib.parse import urlencode

from websockets import CloseCode
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from event.poison import PoisonError, Reason
from producer.errors import SourceError
from producer.formats.jetstream import POSTS, parse_event, parse_time_us
from producer.formats.tweets import Record, Tombstone, load
from producer.sources.reconnect import DEFAULT_BACKOFF, Backoff, Interrupted, cause, reconnecting
from producer.sources.source import Rejected

ENDPOINT = "wss://jetstream2.us-east.bsky.network/subscribe"

_OVERLAP_MICROSECONDS = 5_000_000  # Jetstream orders events loosely; a repeated post is stored once
_MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Jetstream is asked to leave out larger events; a post has a few KB. One that arrives nevertheless is skipped."""
_SECONDS_TO_CONNECT = 10


class BlueskySource:
    """The source of posts and deletions from Jetstream; after a lost connection it resumes a few seconds earlier.

    Args:
        track: words or phrases, one of which a post must contain, in any case; empty for every post. Deletions
            name no words: all of them are yielded.
        endpoint: address of the websocket; None for the public Jetstream.
        notify: called with messages for the user, from the reading thread.
        backoff: the waits; the connection is pinged, and closed after `silence` without an answer.
    """

    position = None  # Jetstream keeps no position for a disconnected reader
    input = None  # no other source reads an event of Jetstream
    spent = None

    def __init__(
        self,
        *,
        track: Sequence[str],
        endpoint: str | None,
        notify: Callable[[str], None],
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._track = tuple(term.casefold() for term in track if term.strip())
        self._endpoint = endpoint or ENDPOINT
        self._notify = notify
        self._backoff = backoff
        self._cursor: int | None = None
        self._not_before = 0  # time of an event that is too large, or later: not to be requested again
        self._skip = 1  # how much later the next attempt begins
        self._connection: ClientConnection | None = None
        self._closing = threading.Event()

    def read(self) -> Iterator[Record | Tombstone | Rejected]:
        """Yield posts and deletions forever; reconnect as often as necessary.

        Raises:
            SourceError: the endpoint is not a Jetstream, or was never reached.
        """
        for item in reconnecting(self._items, self._backoff, self._closing, self._notify):
            if item is not None:
                yield item

    def close(self) -> None:
        """End `read`, even while it waits for an event."""
        self._closing.set()
        if self._connection is not None:
            self._connection.close()

    def _items(self, connected: Callable[[], None]) -> Generator[Record | Tombstone | Rejected | None]:
        """Read one connection: yield posts, deletions, rejected events, and None for each event that is ignored."""
        query = [("wantedCollections", POSTS), ("maxMessageSizeBytes", str(_MAX_EVENT_BYTES))]
        if self._cursor is not None:
            query.append(("cursor", str(max(self._cursor - _OVERLAP_MICROSECONDS, self._not_before))))
        try:
            with connect(
                f"{self._endpoint}?{urlencode(query)}",
                open_timeout=_SECONDS_TO_CONNECT,
                ping_interval=self._backoff.silence / 2,
                ping_timeout=self._backoff.silence / 2,
                close_timeout=1,
                max_size=_MAX_EVENT_BYTES,
            ) as connection:
                connected()
                self._connection = connection
                while not self._closing.is_set():
                    yield self._item(connection.recv(decode=False))
        except InvalidURI as error:
            raise SourceError(f"{self._endpoint} is not the address of a websocket: {error}") from error
        except InvalidStatus as error:
            status = error.response.status_code
            if status == 429 or status >= 500:
                raise Interrupted("http", f"{self._endpoint} answered {status}") from error
            raise SourceError(f"{self._endpoint} is not a Jetstream: it answered {status}.") from error
        except ConnectionClosed as error:
            if error.sent and error.sent.code == CloseCode.MESSAGE_TOO_BIG and not error.rcvd_then_sent:
                yield self._skip_event()
            raise Interrupted("network", f"Jetstream closed the connection ({error})") from error
        except InvalidProxy as error:
            raise SourceError(f"The proxy of the environment cannot be used: {error.msg}.") from error
        except (
            InvalidHandshake,
            OSError,
            ValueError,
        ) as error:  # ValueError: redirected to an invalid address
            raise Interrupted("network", f"{self._endpoint} cannot be reached ({cause(error)})") from error

    def _skip_event(self) -> Rejected | None:
        """Skip an event that is too large, so that it does not end every connection; count it once.

        Its time is unknown, so the steps double until another event arrives: no more time is skipped than had passed
        since the event before it.
        """
        first = self._skip == 1
        self._not_before = max(self._not_before, self._cursor or 0) + self._skip
        self._skip *= 2
        return Rejected("an event of Jetstream", f"longer than {_MAX_EVENT_BYTES:,} bytes") if first else None

    def _item(self, message: bytes) -> Record | Tombstone | Rejected | None:
        try:
            event = load(message)
            if not isinstance(event, dict):
                raise PoisonError(Reason.NOT_A_TWEET, "not a JSON object")
            if (time_us := parse_time_us(event)) is not None:
                self._cursor = time_us
                self._skip = 1
            post = parse_event(event)
        except PoisonError as error:
            return Rejected("an event of Jetstream", str(error))
        return None if isinstance(post, Record) and not self._is_tracked(post.text) else post

    def _is_tracked(self, text: str) -> bool:
        folded = text.casefold() if self._track else ""
        return not self._track or any(term in folded for term in self._track)
