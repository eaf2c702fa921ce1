"""The connections of the app to the local X's stream: their number and rate are limited, and they can be terminated."""

import socket
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.x import http as x_http

Json = dict[str, Any]

ENDPOINT = "filtered_stream"
"""The stream's name ("Get connection history", X's OpenAPI document 2.0)."""

_MAX_IN_WINDOW = 50
_WINDOW_SECONDS = 900  # "X API Rate Limits"
_MAX_IDS = 100
_PARAMETERS: Mapping[str, Collection[str]] = {
    "status": {"active"},
    "endpoints": {ENDPOINT},
    "connection.fields": {"client_ip", "connected_at", "endpoint_name", "id"},
}


@dataclass(eq=False, slots=True)
class _Connection:
    """A connection that was accepted; a stale one counts as open although its client has left."""

    socket: socket.socket
    is_stale: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    connected_at: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    is_terminated: bool = False

    @property
    def is_open(self) -> bool:
        return not self.is_terminated and (self.is_stale or not x_http.has_left(self.socket))

    def terminate(self) -> None:
        self.is_terminated = True
        with suppress(OSError):  # it may have been closed long ago
            # Whoever writes to a client that does not read is woken, too.
            self.socket.shutdown(socket.SHUT_RDWR)


class Connections:
    """The connections of an app that may have one at a time, and ask for 50 in a quarter of an hour."""

    def __init__(self) -> None:
        self._accepted: list[_Connection] = []
        self._window_start = 0.0  # in seconds since the epoch
        self._in_window = 0

    @property
    def open(self) -> list[_Connection]:
        """The connections that count as open."""
        return [connection for connection in self._accepted if connection.is_open]

    def accept(self, client: socket.socket, *, is_stale: bool) -> None:
        """Register a connection."""
        self._accepted = [*self.open, _Connection(client, is_stale)]

    def rate_limit(self) -> Mapping[str, str] | None:
        """Count a request for a connection; return the headers of the error if it is one too many."""
        now = time.time()
        if now - self._window_start >= _WINDOW_SECONDS:
            self._window_start, self._in_window = now, 0
        self._in_window += 1
        if self._in_window <= _MAX_IN_WINDOW:
            return None
        return {
            "x-rate-limit-limit": str(_MAX_IN_WINDOW),
            "x-rate-limit-remaining": "0",
            "x-rate-limit-reset": str(int(self._window_start + _WINDOW_SECONDS)),
        }

    def history(self, query: Mapping[str, Sequence[str]]) -> Json:
        """Return the open connections with the fields that were asked for.

        Raises:
            ValueError: a parameter or a value of it is unknown.
        """
        for name, values in query.items():
            if unknown := set(values) - set(_PARAMETERS.get(name, ())):
                raise ValueError(
                    f"The `{name}` query parameter value [{min(unknown)}] is unknown, or not known here."
                )
        fields = query.get("connection.fields", ("id",))
        listed = [
            {
                name: value
                for name, value in {
                    "client_ip": "127.0.0.1",
                    "connected_at": connection.connected_at,
                    "endpoint_name": ENDPOINT,
                    "id": connection.id,
                }.items()
                if name in fields
            }
            for connection in self.open
        ]
        return {"meta": {"result_count": len(listed)}} | ({"data": listed} if listed else {})

    def terminate(self, ids: object) -> Json:
        """Terminate connections and return the result of each; all of them if `ids` is None.

        Raises:
            ValueError: the ids are not a list of 1 to 100.
        """
        by_id = {connection.id: connection for connection in self.open}
        wanted = list(by_id) if ids is None else ids
        if not isinstance(wanted, list) or (ids is not None and not 1 <= len(wanted) <= _MAX_IDS):
            raise ValueError(f"`uuids` must be a list of 1 to {_MAX_IDS} ids.")
        results: list[Json] = []
        for each in wanted:
            if connection := by_id.get(each):
                connection.terminate()
                results.append({"uuid": each, "success": True})
            else:
                results.append({"uuid": each, "success": False, "error_message": "Connection not found"})
        killed = sum(bool(result["success"]) for result in results)
        return {
            "data": {"successful_kills": killed, "failed_kills": len(results) - killed, "results": results}
        }
