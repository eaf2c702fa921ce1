"""The source of posts and deletions from Jetstream: its connections, and where each of them resumes."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import timedelta

from websockets import CloseCode
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect

from event.payload import Json
from event.poison import PoisonError, Reason
from producer.errors import SourceError
from producer.formats.jetstream import parse_event, unframe
from producer.formats.tweets import Record, Tombstone, load
from producer.sources.bluesky import wire
from producer.sources.bluesky.cursor import (
    Cursor,
    Place,
    advance,
    is_number,
    last_event,
    resume_from,
    without_number,
)
from producer.sources.reconnect import DEFAULT_BACKOFF, Backoff, Interrupted, cause, reconnecting
from producer.sources.source import Rejected
from producer.spooling.cursor import Position
from producer.spooling.rejected import Input

_MAX_EVENT_BYTES = wire.MAX_EVENT_BYTES
_SECONDS_TO_CONNECT = 10
_GAP_US = 600_000_000
"""A longer time without an event, after the place to resume from, is told."""


class BlueskySource:
    """The source of posts and deletions from Jetstream; it resumes without a gap, also after a restart.

    Args:
        track: words or phrases, one of which a post must contain, in any case; empty for every post. Deletions
            name no words: all of them are yielded.
        endpoint: address of the websocket; None for Bluesky's own servers, one of which takes the place of another.
        resume: the position of an earlier run; used if it is one of Jetstream's.
        notify: called with messages for the user, from the reading thread.
        backoff: the waits. The connection is pinged, and closed after `silence` without an answer; it is closed too
            after twice that without an event, because a server may answer pings and send nothing else.
    """

    spent = None  # Jetstream is free

    def __init__(
        self,
        *,
        track: Sequence[str],
        endpoint: str | None,
        notify: Callable[[str], None],
        resume: Position | None = None,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._track = tuple(term.casefold() for term in track if term.strip())
        self._addresses = [wire.complete(endpoint)] if endpoint else list(wire.ENDPOINTS)
        self._refusals: set[str] = set()  # addresses that have refused to be read
        self._is_reached = False  # an address has accepted a connection
        self._notify = notify
        self._backoff = backoff
        self._cursor = Cursor.from_position(resume)
        self._asked: int | None = None  # from where this connection's events begin
        self._is_failing = False  # this connection has brought no event yet, or none for a long time
        self._not_before = 0  # place of an event that is too large, or later: not to be requested again
        self._skip = 1  # how much later the next attempt begins
        self._read = 0
        self._data: bytes | None = None
        self._connection: ClientConnection | None = None
        self._closing = threading.Event()

    @property
    def position(self) -> Position | None:
        """The last event up to which none is missing."""
        return self._cursor.to_position() if self._cursor else None

    @property
    def input(self) -> Input:
        """The message that the item yielded last was read from."""
        return Input("Bluesky", self._read, self._data)

    def read(self) -> Iterator[Record | Tombstone | Rejected | None]:
        """Yield posts and deletions forever, and None for each event that is ignored; reconnect as often as necessary.

        Raises:
            SourceError: no address is that of a Jetstream, or none was ever reached.
        """
        if self._cursor:
            age = _duration(_now_us() - self._cursor.time_us)
            self._notify(
                f"Resuming Bluesky where an earlier run ended, {age} ago; --start-over begins with new posts."
            )
        yield from reconnecting(self._items, self._backoff, self._closing, self._notify)

    def close(self) -> None:
        """End `read`, even while it waits for an event."""
        self._closing.set()
        if self._connection is not None:
            self._connection.close()

    def _items(self, connected: Callable[[], None]) -> Generator[Record | Tombstone | Rejected | None]:
        """Read one connection: yield posts, deletions, rejected events, and None for each event that is ignored.

        After one that brought nothing, or fell silent, the next is made to the next address.
        """
        address = self._addresses[0]
        self._is_failing = True
        try:
            with connect(
                self._url(address),
                subprotocols=wire.subprotocols(address),
                open_timeout=_SECONDS_TO_CONNECT,
                ping_interval=self._backoff.silence / 2,
                ping_timeout=self._backoff.silence / 2,
                close_timeout=1,
                max_size=_MAX_EVENT_BYTES,
            ) as connection:
                connected()
                self._connection = connection
                self._is_reached = True
                while not self._closing.is_set():
                    yield self._item(self._receive(connection))
        except InvalidURI as error:
            raise SourceError(f"{address} is not the address of a websocket: {error}") from error
        except InvalidStatus as error:
            raise self._refusal(address, error.response) from error
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
            raise Interrupted("network", f"{address} cannot be reached ({cause(error)})") from error
        finally:
            if self._is_failing:
                self._addresses.append(self._addresses.pop(0))

    def _url(self, address: str) -> str:
        self._asked = None
        if self._cursor:
            self._asked = resume_from(self._cursor, address, _now_us())
            if is_number(self._asked) == is_number(self._not_before):
                self._asked = max(self._asked, self._not_before)
        return wire.build_url(address, _MAX_EVENT_BYTES, self._asked)

    def _receive(self, connection: ClientConnection) -> bytes:
        """Return the next message.

        Raises:
            Interrupted: there was none for a long time. Pongs are no sign of life: a server may send nothing else.
        """
        seconds = 2 * self._backoff.silence
        try:
            return connection.recv(seconds, decode=False)
        except TimeoutError:
            self._is_failing = True
            raise Interrupted("network", f"Jetstream has sent no event for {seconds:.3g} s") from None

    def _refusal(self, address: str, response: Response) -> Interrupted | SourceError:
        """Return what follows from an HTTP error: the run ends if every address refuses to be read from the start."""
        status = response.status_code
        reason = f": {wire.explain(bytes(response.body))}" if status == 400 else ""
        if status == 429 or status >= 500:
            return Interrupted("http", f"{address} answered {status}")
        if reason and self._cursor and self._asked is not None and is_number(self._asked):
            self._cursor = without_number(self._cursor)
            return Interrupted("http", f"{address} cannot resume after the last post that was read{reason}")
        self._refusals.add(address)
        message = f"{address} is not a Jetstream: it answered {status}{reason}"
        if self._is_reached or not self._refusals.issuperset(self._addresses):
            return Interrupted("http", message)
        return SourceError(f"{message}.")

    def _skip_event(self) -> Rejected | None:
        """Skip an event that is too large, so that it does not end every connection; count it once.

        Its place is unknown, so the steps double until another event arrives: no more is skipped than lies between
        the event before it and that one.
        """
        self._is_failing = False
        first = self._skip == 1
        previous = last_event(self._cursor, self._addresses[0]) if self._cursor else 0
        self._not_before = max(self._not_before, previous) + self._skip
        self._skip *= 2
        self._data = None
        return Rejected("an event of Jetstream", f"longer than {_MAX_EVENT_BYTES:,} bytes") if first else None

    def _item(self, message: bytes) -> Record | Tombstone | Rejected | None:
        self._read += 1
        self._data = message
        try:
            event = load(message)
            if not isinstance(event, dict):
                raise PoisonError(Reason.NOT_A_TWEET, "not a JSON object")
            if wire.is_framed(self._addresses[0]):
                event = unframe(event)
            if self._move_over(event):
                return None
            post = parse_event(event)
        except PoisonError as error:
            return Rejected("an event of Jetstream", str(error))
        return None if isinstance(post, Record) and not self._is_tracked(post.text) else post

    def _move_over(self, event: Json) -> bool:
        """Move the cursor over an event; tell whether it is the one after which this connection resumes.

        Raises:
            Interrupted: the server announces the end of the connection, or its numbers have begun anew.
        """
        match event:
            case {"kind": "error", "error": error}:
                raise Interrupted(
                    "network", f"Jetstream ends the connection: {error} ({event.get('message')})"
                )
            case {"kind": "info", "name": name}:
                self._notify(f"Jetstream says {name}: {event.get('message')}")
        place = Place.of(event)
        if place is None:
            return False
        address = self._addresses[0]
        if self._cursor and self._asked is not None and self._is_failing:
            self._check_beginning(self._cursor, address, place)
        self._is_failing = False
        self._skip = 1
        self._cursor = advance(self._cursor, address, place, _now_us())
        return place.number != 0 and place.number == self._asked

    def _check_beginning(self, cursor: Cursor, address: str, first: Place) -> None:
        """Check that a connection begins where it was asked to.

        Raises:
            Interrupted: the server's numbers have begun anew, so that the one asked for is another event's.
        """
        if self._asked is not None and is_number(self._asked) and 0 < first.number < self._asked:
            self._cursor = without_number(cursor)
            raise Interrupted("network", "Jetstream has begun to number its events anew")
        if cursor.address != address:
            self._notify(f"Bluesky is read from {address} now.")
        if (gap := first.time_us - cursor.time_us) > _GAP_US:
            self._notify(
                f"Jetstream has no events of the {_duration(gap)} after the last one read: it keeps about a day."
            )

    def _is_tracked(self, text: str) -> bool:
        folded = text.casefold() if self._track else ""
        return not self._track or any(term in folded for term in self._track)


def _now_us() -> int:
    return time.time_ns() // 1000


def _duration(microseconds: int) -> timedelta:
    """Return a duration that is printed in days, hours, minutes and whole seconds."""
    return timedelta(seconds=max(0, microseconds) // 1_000_000)
