"""What X does in the comparison, and what each client makes of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tools.x_clients.stub import Connection

_METRICS: Final = {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0}
_DISCONNECT: Final = {
    "title": "operational-disconnect",
    "disconnect_type": "UpstreamOperationalDisconnect",
    "detail": "This stream has been disconnected upstream for operational reasons.",
    "type": "https://api.twitter.com/2/problems/operational-disconnect",
}
_PARTIAL_ERROR: Final = {
    "title": "Not Found Error",
    "detail": "Could not find tweet with referenced_tweets.id: [1].",
    "resource_type": "tweet",
    "resource_id": "1",
    "parameter": "referenced_tweets.id",
    "value": "1",
}
_NOT_FOUND: Final = "2/problems/resource-not-found"
_END: Final = "the end of a long post"
_LONG: Final = "lantern " * 40 + _END


@dataclass
class Observed:
    """What was seen of a client.

    Attributes:
        connections: seconds at which it connected to the stream, since the first time.
        items: what it handed out, and the second at which it did.
        log: what it wrote besides.
    """

    connections: Sequence[float] = ()
    items: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    log: str = ""


@dataclass(frozen=True)
class Scenario:
    """One behaviour of X.

    Attributes:
        title: of the table's row.
        script: the connections, the last one again and again.
        seconds: how long to watch, from the first connection on.
        judge: says what became of it.
        is_decided: ends the watch before its time.
        alone: nothing else may run meanwhile, since speed counts.
    """

    title: str
    script: Sequence[Connection]
    judge: Callable[[Observed], str]
    is_decided: Callable[[Observed], bool] = lambda _: False
    seconds: float = 6
    alone: bool = False


def _line(message: object) -> bytes:
    return json.dumps(message).encode() + b"\r\n"


def _post(**members: object) -> dict[str, Any]:
    data = {
        "id": "1890000000000000001",
        "text": "First lantern",
        "author_id": "7",
        "created_at": "2026-11-23T14:41:28.000Z",
        "edit_history_tweet_ids": ["1890000000000000001"],
    }
    return {
        "data": data | members,
        "includes": {"users": [{"id": "7", "name": "Kim", "username": "kim"}]},
        "matching_rules": [{"id": "1", "tag": "any"}],
    }


def _has_item(observed: Observed) -> bool:
    return bool(observed.items)


def _received(observed: Observed) -> str:
    if observed.items:
        return "received"
    return "**lost**, logged" if observed.log.strip() else "**lost**, nothing logged"


def _connections(observed: Observed) -> str:
    return f"{len(observed.connections):,}"


def _disconnect(observed: Observed) -> str:
    if any(_DISCONNECT["detail"] in json.dumps(item) for _, item in observed.items):
        return "handed out as an item without a post"
    return "logged" if _DISCONNECT["title"] in observed.log else "**vanishes**"


def _whole(observed: Observed) -> str:
    if not observed.items:
        return _received(observed)
    _, item = observed.items[0]
    if str(item["text"]).endswith(_END):
        return "whole"
    return "`text` cut, whole in another member" if _END in json.dumps(item) else "**cut**"


def _delay(observed: Observed) -> str:
    if not observed.items:
        return "**not within 6 s**"
    return "at once" if observed.items[0][0] < 1 else f"after {observed.items[0][0]:.0f} s"


def _silence(observed: Observed) -> str:
    if len(observed.connections) < 2:
        return "**not within 60 s**"
    return f"after {observed.connections[1]:.0f} s"


SCENARIOS: Final = [
    Scenario(
        "connections in 3 s to a stream that ends cleanly",
        [Connection(then="end")],
        _connections,
        seconds=3,
        alone=True,
    ),
    Scenario(
        "message of disconnection in the stream",
        [Connection(_line({"errors": [_DISCONNECT]}), then="end"), Connection()],
        _disconnect,
    ),
    *(  # X's documentation has the first, its OpenAPI document and what it answers in 2026 the second
        Scenario(
            f"post with a partial error of a type at {host}",
            [
                Connection(
                    _line(_post() | {"errors": [_PARTIAL_ERROR | {"type": f"https://{host}/{_NOT_FOUND}"}]})
                )
            ],
            _received,
            _has_item,
        )
        for host in ("api.twitter.com", "api.x.com")
    ),
    Scenario(
        "post with the `public_metrics` that X documents",
        [Connection(_line(_post(public_metrics=_METRICS)))],
        _received,
        _has_item,
    ),
    *(
        Scenario(
            f"long post, `{member}`",
            [Connection(_line(_post(text=_LONG[:280], **{member: {"text": _LONG}})))],
            _whole,
            _has_item,
        )
        for member in ("note_tweet", "note_post")
    ),
    Scenario(
        "post on a quiet stream whose body is not chunked",
        [Connection(_line(_post()), encoding="plain")],
        _delay,
        _has_item,
    ),
    Scenario(
        "new connection when the stream falls silent",
        [Connection(_line(_post()), then="silence"), Connection()],
        _silence,
        lambda observed: len(observed.connections) > 1,
        seconds=60,
    ),
]
