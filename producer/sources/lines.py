"""Splits a stream of bytes into lines, with bounded memory and in linear time."""

from collections.abc import Iterator


class BoundedBuffer:
    """Collects the parts of a line or a value; what is longer than `max_bytes` is counted, not held.

    Attributes:
        size: the bytes that were added.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """Add the next part."""
        self.size += len(part)
        if self.size > self._max_bytes:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def take(self) -> bytes | None:
        """Return all parts as one, None if they are too long, and begin anew."""
        whole = b"".join(self._parts) if self.size <= self._max_bytes else None
        self._parts.clear()
        self.size = 0
        return whole


class LineSplitter:
    r"""A splitter that yields lines without their `\n`, and None for each that is longer than `max_bytes`.

    Attributes:
        offset: the position in bytes of the line after the last one yielded.
        start: that of the line yielded last.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._begun = BoundedBuffer(max_bytes)  # the line whose end has not arrived
        self.offset = self.start = 0

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the lines that end in the next chunk."""
        *lines, tail = chunk.split(b"\n")
        if lines and self._begun.size:
            self._begun.add(lines.pop(0))
            line = self._release()
            self.offset += 1
            yield line
        for line in lines:
            self.start = self.offset
            self.offset += len(line) + 1
            yield line if len(line) <= self._max_bytes else None
        self._begun.add(tail)

    def end(self) -> Iterator[bytes | None]:
        """Yield the last line if it has no end of line."""
        if self._begun.size:
            yield self._release()

    def _release(self) -> bytes | None:
        self.start = self.offset
        self.offset += self._begun.size
        return self._begun.take()
