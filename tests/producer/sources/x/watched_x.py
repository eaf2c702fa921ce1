"""An X source under test, and the lines that X may send it."""

import json
from collections.abc import Sequence
from typing import Any

from event.payload import Json
from local.x.server import CONSUMER_KEY, CONSUMER_SECRET, STREAM, XServer
from producer.config import XCredentials
from producer.sources.reconnect import Backoff
from producer.sources.x.source import XSource

CREDENTIALS = XCredentials(CONSUMER_KEY, CONSUMER_SECRET, "", "")
QUICK = Backoff(
    network=0.01,
    network_limit=0.02,
    drop=0.01,
    drop_limit=0.02,
    http=0.01,
    http_limit=0.02,
    rate=0.01,
    rate_limit=0.02,
    silence=60,
)
TERM = "#LanternNight"
GET_STREAM = f"GET {STREAM}"


class WatchedX(XSource):
    """An X source that records its messages to the user."""

    def __init__(
        self,
        x: XServer | str,
        credentials: XCredentials = CREDENTIALS,
        track: Sequence[str] = (TERM,),
        rules: Sequence[str] = (),
        keep_rules: bool = False,
        budget: float | None = None,
        backoff: Backoff = QUICK,
    ) -> None:
        self.notes: list[str] = []
        super().__init__(
            credentials,
            track=track,
            rules=rules,
            keep_rules=keep_rules,
            budget=budget,
            endpoint=x if isinstance(x, str) else x.url,
            notify=self.notes.append,
            backoff=backoff,
        )


def problem(title: str, **members: Any) -> Json:
    return {
        "title": title,
        "detail": f"about {title}",
        "type": "https://api.twitter.com/2/problems/x",
        **members,
    }


def line(obj: object) -> bytes:
    return json.dumps(obj).encode() + b"\r\n"


def post(text: str, number: int = 1) -> Json:
    data = {"id": str(1_890_000_000_000_000_000 + number), "text": text, "author_id": "7"}
    return {"data": data, "includes": {"users": [{"id": "7", "username": "ada"}]}}
