"""Events from a file or from standard input: JSON lines, or another form that its first bytes show."""

import threading
import time
from collections.abc import Callable, Iterator

from event.payload import parse
from event.poison import PoisonError
from producer.formats import Format, archive
from producer.sources.forms import Form
from producer.sources.source import Event, Rejected
from producer.sources.units import UnitReader, absolute
from producer.sources.values import BYTE_ORDER_MARK, split_values
from producer.spooling import rejected
from producer.spooling.cursor import Position
from producer.spooling.rejected import Input

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longer lines and values are rejected without being held in memory."""

_Item = tuple[Event | Rejected, bytes | None]
"""An event, or why it is rejected; and what it was read from."""


class FileSource:
    """The events of a file or of standard input: of its lines or JSON values, each of which may have several.

    Args:
        path: the file; `-` for standard input.
        event_format: how an event is read from a line.
        rate: maximum number of events per second; None for no limit.
        resume: the position of an interrupted run; used if it is in this file, and the file begins as it did then.
        notify: called with messages for the user.
        of_rejected: it is a file of rejected input, whose lines contain the events.
        username: the author of the tweets in X's archive, which names him nowhere beside them.
    """

    spent = None

    def __init__(
        self,
        path: str,
        event_format: Format,
        rate: float | None,
        resume: Position | None = None,
        notify: Callable[[str], None] = print,
        *,
        of_rejected: bool = False,
        username: str | None = None,
    ) -> None:
        self._format = event_format
        self._interval = min(1 / rate, threading.TIMEOUT_MAX / 2) if rate else 0.0
        self._notify = notify
        self._of_rejected = of_rejected
        self._units = UnitReader(
            path,
            event_format.schema,
            resume,
            notify,
            max_bytes=rejected.max_line(MAX_LINE_BYTES) if of_rejected else MAX_LINE_BYTES,
            only_lines=of_rejected,
            username=username,
        )
        self._file = "standard input" if path == "-" else absolute(path)
        self._due = 0.0  # monotonic time of the next event
        self._pending = 0  # items of the current unit
        self._data: bytes | None = None
        self._origin: Input | None = None  # what the line contains, of a file of rejected input
        self._shapes: set[str] = set()

    @property
    def position(self) -> Position:
        """The file's identity, and how many of its lines, and bytes after decompression, were read.

        A line with several events counts as read once the last of them was yielded.
        """
        units = self._units
        if self._pending:
            return units.identity, units.number - 1, units.splitter.start
        return units.identity, units.number, units.splitter.offset

    @property
    def input(self) -> Input:
        """What the item yielded last was read from."""
        if self._origin:
            return Input(self._origin.source, self._origin.line, self._data)
        return Input(self._file, self._units.number, self._data)

    def read(self) -> Iterator[Event | Rejected]:
        """Yield the events, or the reason why one is rejected.

        Raises:
            FormError: the file must be converted first, or an option is missing.
            SourceError: it cannot be read.
        """
        self._due = time.monotonic()
        units, decode, is_closed = self._units, self._format.decode, self._units.closed.is_set
        for unit in units.read():
            units.number += 1
            if unit is not None and not self._of_rejected:
                try:
                    event = decode(unit)
                except PoisonError:
                    pass
                else:  # nearly every line: a few calls more would show
                    self._data = unit
                    yield event
                    if self._interval:
                        self._pace()
                    if is_closed():
                        return
                    continue
            items = self._decode(unit)
            self._pending = len(items)
            for item, self._data in items:
                self._pending -= 1
                yield item
                self._pace()
                if is_closed():
                    return
        if units.rest is not None:
            units.number += 1
            self._data = units.rest
            yield Rejected(self._where(), "the file is cut short here: what is missing was not sent")

    def close(self) -> None:
        """Make `read` return soon."""
        self._units.close()

    def _pace(self) -> None:
        """Wait until the next event is due; catch up with at most one second."""
        if self._interval:
            self._due = max(self._due + self._interval, time.monotonic() - 1)
            self._units.closed.wait(self._due - time.monotonic())

    def _decode(self, unit: bytes | None) -> list[_Item]:
        """Return the events of a line or value of any kind of file."""
        if unit is not None:
            unit = unit.removeprefix(BYTE_ORDER_MARK)
            if not unit or unit.isspace():
                return []
        data = unit
        if self._of_rejected and unit is not None:
            self._origin = None
            try:
                self._origin = rejected.parse_line(unit)
            except ValueError as error:
                return [(Rejected(self._where(), str(error)), unit)]
            data = self._origin.data
        if data is None:
            return [(Rejected(self._where(), f"longer than {MAX_LINE_BYTES:,} bytes"), None)]
        if self._units.username:
            data = archive.to_status(data, self._units.username)
        return self._unpack(data)

    def _unpack(self, data: bytes) -> list[_Item]:
        """Return the events in what may be several, each of which may be rejected."""
        items: list[_Item] = []
        values = _split(data)
        for number, value in enumerate(values, start=1):
            where = f"{self._where()}, value {number}" if len(values) > 1 else self._where()
            try:
                items.append((self._format.decode(value), value))
            except PoisonError as error:
                items += self._unwrap(value, Rejected(where, str(error)))
        return items

    def _unwrap(self, value: bytes, as_it_is: Rejected) -> list[_Item]:
        """Return the events in a value of a known shape; it is rejected as it is if its shape is unknown."""
        unwrapped = self._format.unwrap(value)
        if unwrapped is None:
            return [(as_it_is, value)]
        if unwrapped.shape not in self._shapes:
            self._shapes.add(unwrapped.shape)
            self._notify(f"{self._units.name}: {unwrapped.shape}.")
        return [
            (Rejected(as_it_is.where, item[0]), item[1]) if isinstance(item, tuple) else (item, value)
            for item in unwrapped.items
        ]

    def _where(self) -> str:
        return f"{'line' if self._units.form is Form.LINES else 'value'} {self._units.number}"


def _split(data: bytes) -> list[bytes]:
    """Return the values on a line, and the elements of a list; the data itself unless it surely has several objects.

    All but the last must be JSON: what is left of a line that has lost its beginning may look like an event.
    """
    values = split_values(data)
    try:
        messages = [parse(value) for value in values[:-1] or [data]]
    except PoisonError:
        return [data]
    if len(values) < 2 and isinstance(messages[0], list):
        messages = messages[0]
    return values if not values or any(isinstance(message, dict) for message in messages) else [data]
