"""Where to resume on a Jetstream: after all that was passed without a gap, never backwards, never after now.

Newer servers number their events and send them in that order, so the last number received is the place to resume; it
means nothing to another server. Older servers have only the time of an event, which is no order: when such a server
changes from its replay to the live stream, a live event may overtake the rest of the replay (bluesky-social,
jetstream-legacy, issue 42). If the connection is lost then, that event's time would leave out the rest. A newer
server's time may even be imported, and go back years (jetstream, docs/README.md, section 5.1).
"""

from dataclasses import dataclass

from event.payload import Json
from producer.spooling.cursor import Position

OVERLAP_US = 5_000_000
"""Within this time, in microseconds, the order is loose: it is read again, and a repeated post is stored once.

A live event that overtakes a replay by less than this looks like the next one: the cursor moves with it.
"""
MAX_AHEAD = 100
"""After so many events ahead in a row, what lies between was passed: nobody has posted, or it is no longer kept."""
_MIN_TIME_US = 10**15
"""Jetstream takes a smaller cursor for a number (subscribe/cursor.go, CursorSeqMaxThreshold); it is in 2001."""
_IDENTITY = "bluesky "


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server has an event.

    Attributes:
        number: its sequence number; 0 on servers that have none.
        time_us: when the server received it, in microseconds since 1970.
    """

    number: int
    time_us: int

    @classmethod
    def of(cls, event: Json) -> "Place | None":
        """Return the place of an event; None if it has no valid time."""
        number = event.get("cursor")
        for time_us in (event.get("witnessed_us"), event.get("time_us")):
            if type(time_us) is int and time_us >= _MIN_TIME_US:
                return cls(number if type(number) is int and 0 < number < _MIN_TIME_US else 0, time_us)
        return None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where events were passed without a gap.

    Attributes:
        address: the server that has numbered them.
        number: of the last event, on that server; 0 if it has none.
        time_us: that of the last event.
        ahead: number of events since then that are more than `OVERLAP_US` later.
        ahead_us: the lowest time of these.
    """

    address: str
    number: int
    time_us: int
    ahead: int = 0
    ahead_us: int = 0

    def to_position(self) -> Position:
        """Return what the spool keeps of the cursor."""
        return f"{_IDENTITY}{self.address}", self.number, self.time_us

    @classmethod
    def from_position(cls, position: Position | None) -> "Cursor | None":
        """Return the cursor of an earlier run; None if the position is that of another source."""
        if position is None or not position[0].startswith(_IDENTITY):
            return None
        identity, number, time_us = position
        return cls(identity.removeprefix(_IDENTITY), number, time_us)


def advance(cursor: Cursor | None, address: str, place: Place, now_us: int) -> Cursor:
    """Return the cursor after an event of a server; `cursor` is None before the first one."""
    time_us = min(place.time_us, now_us)
    if cursor is None:
        return Cursor(address, place.number, time_us)
    number = max(cursor.number, place.number) if address == cursor.address else place.number
    if time_us <= cursor.time_us + OVERLAP_US:
        return Cursor(address, number, max(cursor.time_us, time_us))
    ahead, ahead_us = cursor.ahead + 1, min(cursor.ahead_us or time_us, time_us)
    if ahead == MAX_AHEAD:
        return Cursor(address, number, ahead_us)
    return Cursor(address, number, cursor.time_us, ahead, ahead_us)


def resume_from(cursor: Cursor, address: str, now_us: int) -> int:
    """Return the value of Jetstream's parameter `cursor`: the number of the last event, else a time before it."""
    value = last_event(cursor, address)
    return value if is_number(value) else max(min(value, now_us) - OVERLAP_US, _MIN_TIME_US)


def last_event(cursor: Cursor, address: str) -> int:
    """Return the number of the last event, which only the server knows that has given it, else its time."""
    return cursor.number if cursor.number and cursor.address == address else cursor.time_us


def is_number(value: int) -> bool:
    """Tell whether Jetstream takes a cursor for a sequence number, not for a time."""
    return value < _MIN_TIME_US


def without_number(cursor: Cursor) -> Cursor:
    """Return a cursor that resumes by time: the server numbers its events anew, or no longer has this one."""
    return Cursor(cursor.address, 0, cursor.time_us)
