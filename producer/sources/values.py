"""Splits a stream of bytes into JSON values, also those of an array, with bounded memory and in linear time."""

import re
from collections.abc import Iterator

from producer.sources.lines import BoundedBuffer

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_SEPARATORS = re.compile(rb"[ \t\r\n,]*+")
_STRING_OR_TEXT = rb'[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TO_BRACKET = re.compile(
    rb"(?:%b|[\[{](?:%b)*+[\]}])*+" % (_STRING_OR_TEXT, _STRING_OR_TEXT),  # skips what has nothing inside
    re.DOTALL,
)
_TO_END_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_TO_END_OF_WORD = re.compile(rb'[^ \t\r\n,"\[\]{}]*+')

_BETWEEN, _INSIDE, _STRING, _WORD = range(4)


class ValueSplitter:
    """A splitter that yields the bytes of each JSON value; instead of an array, each of its elements.

    It follows brackets and strings and checks nothing else: a value need not be JSON. None stands for a value that is
    longer than `max_bytes`.

    Attributes:
        offset: the position in bytes after the value yielded last.
        start: that after the one before.
        in_array: the end of an array has not arrived.
    """

    def __init__(self, max_bytes: int) -> None:
        self._state = _BETWEEN
        self._is_escaped = False  # the first byte of the next chunk, in a string
        self._depth = 0  # of the brackets that are open in the current value
        self._begun = BoundedBuffer(max_bytes)  # the current value, from earlier chunks
        self._fed = 0
        self.offset = self.start = 0
        self.in_array = False

    @property
    def in_value(self) -> bool:
        """The end of an object, an inner array or a string has not arrived."""
        return self._state in (_INSIDE, _STRING)

    @property
    def in_string(self) -> bool:
        """The end of a string has not arrived."""
        return self._state == _STRING

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the values that end in the next chunk."""
        start = position = 0
        while position < len(chunk):
            if self._state == _BETWEEN:
                start = _end(_SEPARATORS, chunk, position)
                if start == len(chunk):
                    break
                position = self._begin(chunk, start)
                if start == position:  # the bracket of an array
                    position += 1
                    continue
            else:
                position = self._advance(chunk, position)
            if self._state == _BETWEEN:
                self._begun.add(chunk[start:position])
                self.start, self.offset = self.offset, self._fed + position
                value = self._begun.take()
                if value != BYTE_ORDER_MARK:  # a document begins
                    yield value
        if self._state != _BETWEEN:
            self._begun.add(chunk[start:])
        self._fed += len(chunk)

    def end(self) -> Iterator[bytes | None]:
        """Yield the last value if its end has not arrived."""
        if self._begun.size:
            self.start, self.offset = self.offset, self._fed
            yield self._begun.take()

    def _begin(self, chunk: bytes, start: int) -> int:
        """Begin a value, and return where its rest is; `start` for the bracket of an array."""
        first = chunk[start : start + 1]
        if first == b"[" and not self.in_array:
            self.in_array = True
            return start
        if first == b"]" and self.in_array:
            self.in_array = False
            return start
        if first in (b"{", b"["):
            self._state, self._depth = _INSIDE, 1
        elif first == b'"':
            self._state = _STRING
        elif first not in (b"}", b"]"):  # those are a value of their own, which is no JSON
            self._state = _WORD
        return start + 1

    def _advance(self, chunk: bytes, position: int) -> int:
        """Return where the current value ends or an inner one begins; at the latest, the chunk's end."""
        if self._state == _WORD:
            end = _end(_TO_END_OF_WORD, chunk, position)
            if end < len(chunk):
                self._state = _BETWEEN
            return end
        if self._state == _STRING:
            end = _end(_TO_END_OF_STRING, chunk, position + self._is_escaped)
            self._is_escaped = chunk[end : end + 1] == b"\\"
            if chunk[end : end + 1] == b'"':
                self._state = _INSIDE if self._depth else _BETWEEN
            return min(end + 1, len(chunk))
        end = _end(_TO_BRACKET, chunk, position)
        bracket = chunk[end : end + 1]
        if bracket == b'"':
            self._state = _STRING
        elif bracket in (b"{", b"["):
            self._depth += 1
        elif bracket:
            self._depth -= 1
            if not self._depth:
                self._state = _BETWEEN
        return min(end + 1, len(chunk))


def split_values(text: bytes) -> list[bytes]:
    """Return the JSON values in a text, and the elements of an array instead of it."""
    splitter = ValueSplitter(len(text))
    return [value for value in (*splitter.feed(text), *splitter.end()) if value is not None]


def _end(pattern: re.Pattern[bytes], chunk: bytes, position: int) -> int:
    found = pattern.match(chunk, position)
    assert found is not None  # it matches nothing, too
    return found.end()
