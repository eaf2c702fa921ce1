"""Prints what twarc hands out of the filtered stream at a URL."""

import sys

from twarc.client2 import Twarc2

from tools.x_clients.programs.output import API, Loopback, show


class Client(Twarc2):  # type: ignore[misc]  # the library has no types
    """A client whose every new session is led to loopback."""

    def connect(self) -> None:
        """Connect as the library does."""
        super().connect()
        self.client.mount(API, Loopback(sys.argv[1]))


for item in Client(bearer_token="any").stream():
    show(item.get("data", {}).get("text"), item)
