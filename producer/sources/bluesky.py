"""Posts from Bluesky: the public Jetstream, which needs no credentials."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from handler.record import iso
from handler.tweet import Json, PoisonError, Reason, normalize_time
from producer.errors import SourceError
from producer.record import load
from producer.source import Record, Rejected
from producer.sources.reconnect import DEFAULT_BACKOFF, Backoff, Interrupted, cause, reconnecting

ENDPOINT = "wss://jetstream2.us-east.bsky.network/subscribe"

_POSTS = "app.bsky.feed.post"
_OVERLAP_MICROSECONDS = 5_000_000  # Jetstream orders events loosely; what comes twice is stored once
_SECONDS_TO_CONNECT = 10
_TIMES_US = range(253_402_300_799_000_000)  # from 1970 to the last second that a datetime can hold


class BlueskySource:
    """New posts from Jetstream; after a lost connection it goes on from where it was, less a few seconds.

    Args:
        track: keep the posts that hold one of these words or phrases, whatever the case; none keeps all.
        endpoint: address of the websocket; None is the public Jetstream.
        notify: takes a line for the person at the terminal; called from the reading thread.
        backoff: the waits; the connection is pinged, and given up after `silence` without an answer.
    """

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
        self._connection: ClientConnection | None = None
        self._closing = threading.Event()

    def read(self) -> Iterator[Record | Rejected]:
        """Yield posts forever; reconnect as often as necessary.

        Raises:
            SourceError: there is no Jetstream at the endpoint.
        """
        for item in reconnecting(self._items, self._backoff, self._closing, self._notify):
            if item is not None:
                yield item

    def close(self) -> None:
        """End `read`, even while it waits for an event."""
        self._closing.set()
        if self._connection is not None:
            self._connection.close()

    def _items(self) -> Generator[Record | Rejected | None]:
        """One connection: a post, what is no event, or None for an event that is not for us."""
        query = [("wantedCollections", _POSTS)]
        if self._cursor is not None:
            query.append(("cursor", str(self._cursor - _OVERLAP_MICROSECONDS)))
        try:
            with connect(
                f"{self._endpoint}?{urlencode(query)}",
                open_timeout=_SECONDS_TO_CONNECT,
                ping_interval=self._backoff.silence / 2,
                ping_timeout=self._backoff.silence / 2,
                close_timeout=1,
            ) as connection:
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
            raise Interrupted("network", f"Jetstream closed the connection ({error})") from error
        except (InvalidHandshake, OSError) as error:
            raise Interrupted("network", f"{self._endpoint} cannot be reached ({cause(error)})") from error

    def _item(self, message: bytes) -> Record | Rejected | None:
        try:
            event = load(message)
            if not isinstance(event, dict):
                raise PoisonError(Reason.NOT_A_TWEET, "not a JSON object")
            if (time_us := _time_us(event)) is not None:
                self._cursor = time_us
            post = parse_event(event)
        except PoisonError as error:
            return Rejected("an event of Jetstream", str(error))
        return post if post and self._is_tracked(post.text) else None

    def _is_tracked(self, text: str) -> bool:
        folded = text.casefold() if self._track else ""
        return not self._track or any(term in folded for term in self._track)


def parse_event(event: Json) -> Record | None:
    """Make a record of the event of a new post; None for every other event.

    The username is the DID, the name that stays when a handle changes, and the id is the post's key in its
    author's repository. The time is the author's, unless it lies after Jetstream's or before 1970.

    Raises:
        PoisonError: a new post without what the lexicon app.bsky.feed.post requires.
    """
    commit = event.get("commit")
    if not isinstance(commit, dict):
        return None
    if commit.get("collection") != _POSTS or commit.get("operation") != "create":
        return None
    match event, _time_us(event), commit:
        case (
            {"did": str(did)},
            int(time_us),
            {"rkey": str(rkey), "record": {"text": str(text), **post}},
        ):
            arrived = iso(datetime.fromtimestamp(time_us / 1_000_000, UTC))
            created = normalize_time(post.get("createdAt"))
            return Record(
                username=did,
                id=rkey,
                created_at=created if created and "1970" <= created <= arrived else arrived,
                text=text,
                lang=_first_language(post.get("langs")),
                source="bluesky",
            )
    raise PoisonError(Reason.NOT_A_TWEET, "a post without an author, a time, a key or a text")


def _time_us(event: Json) -> int | None:
    """When Jetstream saw an event, in microseconds since 1970; None if that is no such time."""
    time_us = event.get("time_us")
    return time_us if type(time_us) is int and time_us in _TIMES_US else None


def _first_language(languages: object) -> str | None:
    match languages:
        case [str(language), *_]:
            return language
    return None
