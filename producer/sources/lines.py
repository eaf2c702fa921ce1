"""Splits a stream of bytes into lines, with bounded memory and in linear time."""

from collections.abc import Iterator


class LineSplitter:
    r"""A splitter that yields lines without their `\n`, and None for each that is longer than `max_bytes`.

    Attributes:
        offset: the position in bytes of the line after the last one yielded.
        start: that of the line yielded last.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []  # of the line whose end has not arrived
        self._size = 0
        self.offset = self.start = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the lines that end in the next chunk."""
        *lines, tail = chunk.split(b"\n")
        if lines and self._size:
            self._hold(lines.pop(0))
            line = self._release()
            self.offset += 1
            yield line
        for line in lines:
            self.start = self.offset
            self.offset += len(line) + 1
            yield line if len(line) <= self._max_bytes else None
        self._hold(tail)

    def end(self) -> Iterator[bytes | None]:
        """Yield the last line if it has no end of line."""
        if self._size:
            yield self._release()

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._max_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _release(self) -> bytes | None:
        line = b"".join(self._parts) if self._size <= self._max_bytes else None
        self.start = self.offset
        self.offset += self._size
        self._parts, self._size = [], 0
        return line
