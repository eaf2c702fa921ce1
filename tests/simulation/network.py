"""Connections to the table, byte for byte: the function speaks HTTP over them as over a socket."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation.aws import Table
from tests.simulation.scheduler import Condition, current

ENDPOINT = "http://dynamodb.simulated"

_INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"


def _answer(status: int, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    return b"HTTP/1.1 %d _\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


_UNASKED = _answer(200, {"UnprocessedItems": {}})
_IDLE_TOO_LONG = _answer(408, {})


class Socket:
    """A connected socket; the other end is the table of the world that runs.

    A request is answered in the process of its caller, so that it is killed with it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._world = current()
        self._timeout: float | None = None
        self._sent = b""
        self._arrived = b""
        self._ended = False
        self._changed = Condition()

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def setsockopt(self, *_: int) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, data: bytes) -> int:
        self._sent += data
        head, _, body = self._sent.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) == length:
            self._sent = b""
            current().spawn(lambda: self._serve(body), current().process)
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        if self._world is not current():
            return 0  # the connection was kept from a world that has ended
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._arrived) or self._ended, self._timeout):
                raise TimeoutError if self._timeout else BlockingIOError
        count = min(len(buffer), len(self._arrived))
        buffer[:count], self._arrived = self._arrived[:count], self._arrived[count:]
        return count

    def _serve(self, body: bytes) -> None:
        try:
            content, kind = self._table.call_with(body)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            self._bring(_answer(status, {"__type": error.response["Error"]["Code"]}))
        except ConnectionClosedError:
            self._end()
        except ReadTimeoutError:
            pass
        else:
            answer = _answer(200, content)
            for part in _PARTS[kind](answer) if kind in _PARTS else [answer]:
                self._bring(part)

    def _bring(self, data: bytes) -> None:
        with self._changed:
            self._arrived += data
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _trickle(answer: bytes) -> Iterator[bytes]:
    for byte in answer:
        current().park(1.0)
        yield bytes([byte])


_PARTS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "interim": lambda answer: [_INTERIM + answer],
    "unasked": lambda answer: [answer + _UNASKED],
    "late 408": lambda answer: [answer, _IDLE_TOO_LONG],
    "trickle": _trickle,
}
"""The bytes that arrive for an answer, by kind of fault."""
