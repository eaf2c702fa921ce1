"""What the programs share: how an item is printed, and how a library with a fixed host is led to loopback."""

import json
import signal
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

API = "https://api.twitter.com"
_MAX_SECONDS = 150

signal.alarm(_MAX_SECONDS)  # no program outlives the comparison for long, however that ends


def show(text: str | None, item: object) -> None:
    """Print what the library handed out: the text of the post, and all of it."""
    print(json.dumps({"text": text, "item": item}, default=str), flush=True)


class Loopback(HTTPAdapter):
    """Sends what a session sends to X to another address; to be mounted at `API`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send a request with the other address in its URL."""
        assert request.url
        request.url = request.url.replace(API, self._url, 1)
        return super().send(request, *arguments, **options)
