"""An HTTP connection that is kept open: an exchange ends by its deadline, and doubt ends the connection."""

import http.client
import io
import socket
import ssl
import time
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """Status, body and headers of the answer to a request."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage


class Connection:
    """A connection to a server, for one exchange at a time."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        """Take over a connection that is open."""
        self._http = connection
        self._socket = connection.sock
        self._stream = _Stream(self._socket)
        connection.sock = self._stream  # has what http.client uses of a socket
        self._keep = True

    def exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str], deadline: float
    ) -> Answer:
        """Send a request; return its answer.

        Args:
            deadline: when the exchange fails, on the monotonic clock, however much of the answer has arrived.

        Raises:
            TimeoutError: the deadline has passed.
            OSError: the connection broke.
            http.client.HTTPException: the answer is not HTTP, or incomplete.
        """
        self._keep = False
        self._stream.deadline = deadline
        try:
            self._http.request(method, path, body, headers)
            response = self._http.getresponse()
            interim = response.status < 200
            while response.status < 200:  # the answer follows ("Informational 1xx", RFC 9110)
                response = http.client.HTTPResponse(self._stream, method=method)  # type: ignore[arg-type]
                response.begin()
            content = response.read()
        except _NOTHING_ARRIVED as error:
            raise TimeoutError("the deadline has passed") from error
        self._keep = not (interim or response.will_close)
        return Answer(response.status, content, response.headers)

    def is_reusable(self) -> bool:
        """Tell whether the next bytes will be the next answer: nothing has arrived early, not even the end.

        A server may send an answer that nobody asked for, such as 408 to a connection that was idle for long.
        """
        if not self._keep:
            return False
        self._stream.deadline = 0.0  # look, but do not wait
        try:
            self._stream.reader.peek(1)
        except _NOTHING_ARRIVED:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


_NOTHING_ARRIVED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Raised by a socket that does not wait, when there is nothing to read or no room to write."""


class _Stream(io.RawIOBase):
    """A socket as http.client uses it, but with one deadline for all that is sent and received.

    A socket's own time limit begins anew with each byte. Past the deadline, only what has already arrived is read.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.deadline = 0.0
        self.reader = _Reader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._limit()
        return self._socket.recv_into(buffer)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._limit()
            rest = rest[self._socket.send(rest) :]

    def makefile(self, _mode: str) -> "_Reader":
        return self.reader

    def close(self) -> None:
        """Leave the socket open: http.client closes it before it reads the last answer, its owner afterwards."""

    def _limit(self) -> None:
        self._socket.settimeout(max(0.0, self.deadline - time.monotonic()))


class _Reader(io.BufferedReader):
    """The bytes received; http.client gets the same reader for every answer, so that none is overlooked."""

    def close(self) -> None:
        """Keep what has arrived beyond an answer."""
