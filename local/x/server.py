"""The X API on loopback: token, rules, filtered stream and connections of v2, strict, and failing on request."""

import base64
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from local.x import http as x_http
from local.x import samples
from local.x.connections import ENDPOINT, Connections
from local.x.rules import Rule, parse

Json = dict[str, Any]

TOKEN = "/oauth2/token"
STREAM = "/2/tweets/search/stream"
RULES = "/2/tweets/search/stream/rules"
CONNECTIONS = "/2/connections"
CONSUMER_KEY = "local-consumer-key"
CONSUMER_SECRET = "local-consumer-secret"
BEARER_TOKEN = "local-bearer-token"

_PROBLEMS = "https://api.twitter.com/2/problems"
_TICK = 0.01
_BATCH = 64


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """The answer to one request; `body` is a problem, or text where X's front end answers."""

    status: int
    body: Json | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = STREAM


@dataclass(frozen=True, slots=True)
class Connection:
    """Serve one connection to the stream: so many posts (None: all), `raw` as it is, and the ending.

    The endings: keep-alives for as long as the client stays, a proper end, a reset, silence, or a line without end.
    A stale connection counts as open after its end, until it is terminated.
    """

    posts: int | None = None
    raw: bytes = b""
    ending: Literal["keep-alive", "end", "reset", "silence", "endless line"] = "keep-alive"
    is_stale: bool = False
    path: str = field(default=STREAM, init=False)


class XServer:
    """An X API for one app, listening within a `with` statement.

    Attributes:
        url: where it listens.
        rules: the rules that are on it.
        delivered: number of posts sent.
        requests: requests received, such as `GET /2/tweets/search/stream`; the query of a POST or DELETE is shown.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tweets: Path = samples.TWEETS,
        count: int | None = None,
        rate: float | None = 250,
        keep_alive: float = 20,
        encoding: x_http.Encoding = "chunked",
        poisonous: int = 0,
        script: Sequence[ScriptedAnswer | Connection] = (),
    ) -> None:
        """Bind the port.

        Args:
            port: 0 takes a free one.
            tweets: posts in the shape of the v2 stream, one a line.
            count: send so many posts in all, then keep-alives; None sends without end.
            rate: posts a second, at most; None sends as fast as they are read. X's own limit is 250.
            keep_alive: seconds without a post before a keep-alive.
            encoding: how the body of the stream is sent.
            poisonous: how many of the posts, each the tenth, are too large for the table.
            script: what happens to the next requests, each used once, by the first request for its path.

        Raises:
            OSError: the port is taken.
        """
        self.rules: list[Rule] = []
        self.delivered = 0
        self.requests: list[str] = []
        self._samples = samples.load(tweets)
        self._count = count
        self._rate = rate
        self._keep_alive = keep_alive
        self._encoding = encoding
        self._poisonous = poisonous
        self._script = list(script)
        self._rule_ids = itertools.count(1_900_000_000_000_000_001)
        self._lock = threading.Lock()
        self._connections = Connections()
        self._stopping = threading.Event()
        self._http = x_http.Server(port, self._answer)
        self.url = self._http.url

    def __enter__(self) -> Self:
        self._http.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._connections.terminate(None)  # a client that does not read must not block this thread
        self._http.stop()

    @property
    def is_read(self) -> bool:
        """Tell whether a client is connected to the stream."""
        return bool(self._connections.open)

    def plan(self, *steps: ScriptedAnswer | Connection) -> None:
        """Add to the script."""
        self._script.extend(steps)

    def send_on(self) -> None:
        """Lift the limit of `count`: posts without end from now on."""
        self._count = None

    def add_rule(self, value: str, tag: str | None = None) -> Rule:
        """Add a rule, as another program of the same app would.

        Raises:
            ValueError: the rule is invalid.
        """
        rule = self._make_rule(value, tag)
        self.rules = [*self.rules, rule]  # a new list, by which the open stream sees the change
        return rule

    def _make_rule(self, value: str, tag: str | None) -> Rule:
        return Rule(str(next(self._rule_ids)), value, tag, parse(value))

    def _answer(self, request: x_http.Request) -> x_http.Answer | x_http.Stream:
        with self._lock:
            query = (
                ""
                if request.method == "GET"
                else "".join(f"?{name}={values[0]}" for name, values in request.query.items())
            )
            self.requests.append(f"{request.method} {request.path}{query}")
            step = next((step for step in self._script if step.path == request.path), None)
            if step is not None:
                self._script.remove(step)
            if isinstance(step, ScriptedAnswer):
                return x_http.Answer(step.status, step.body, step.headers)
            if (request.method, request.path) == ("POST", TOKEN):
                return _token(request)
            if request.headers.get("Authorization") != f"Bearer {BEARER_TOKEN}":
                return x_http.Answer(401, _problem("about:blank", "Unauthorized", "Unauthorized", status=401))
            match request.method, request.path:
                case "GET", path if path == RULES:
                    return self._list_rules()
                case "POST", path if path == RULES:
                    return self._change_rules(request)
                case "GET", path if path == STREAM:
                    return self._open(request, step or Connection())
                case "GET" | "DELETE", path if path in {CONNECTIONS, f"{CONNECTIONS}/{ENDPOINT}"}:
                    return self._manage_connections(request)
        return x_http.Answer(404, _problem("about:blank", "Not Found", "Not Found", status=404))

    def _list_rules(self) -> x_http.Answer:
        listed = [{"id": rule.id, "value": rule.value, "tag": rule.tag} for rule in self.rules]
        meta = {"sent": _now(), "result_count": len(listed)}
        return x_http.Answer(200, {"data": listed, "meta": meta} if listed else {"meta": meta})

    def _change_rules(self, request: x_http.Request) -> x_http.Answer:
        if request.query.keys() - {"dry_run"}:
            return x_http.Answer(400, _invalid("The only query parameter here is `dry_run`."))
        match request.json():
            case {"add": [_, *_] as wanted, **others} if not others:
                answer, rules = self._add_rules(wanted)
            case {"delete": {"ids": [_, *_] as ids}, **others} if not others:
                answer, rules = self._delete_rules({str(rule_id) for rule_id in ids})
            case _:
                return x_http.Answer(
                    400, _invalid("The body must have either `add` or `delete`, and a rule in it.")
                )
        if request.query.get("dry_run") != ["true"]:
            self.rules = rules
        return answer

    def _add_rules(self, wanted: Sequence[Json]) -> tuple[x_http.Answer, list[Rule]]:
        rules = self.rules
        data: list[Json] = []
        errors: list[Json] = []
        invalid = 0
        for rule in wanted:
            value = str(rule.get("value", ""))
            if same := next((there for there in rules if there.value == value), None):
                duplicate = {"value": value, "id": same.id, "title": "DuplicateRule"}
                errors.append(duplicate | {"type": f"{_PROBLEMS}/duplicate-rules"})
                continue
            try:
                added = self._make_rule(value, rule.get("tag"))
            except ValueError as error:
                invalid += 1
                problem = {"value": value, "details": [str(error)], "title": "UnprocessableEntity"}
                errors.append(problem | {"type": f"{_PROBLEMS}/invalid-rules"})
            else:
                rules = [*rules, added]
                data.append({"value": value, "tag": added.tag, "id": added.id})
        summary = {"created": len(data), "not_created": len(errors)}
        summary |= {"valid": len(wanted) - invalid, "invalid": invalid}
        body: Json = {"meta": {"sent": _now(), "summary": summary}}
        body |= {name: items for name, items in (("data", data), ("errors", errors)) if items}
        return x_http.Answer(201 if data else 200, body), rules

    def _delete_rules(self, ids: set[str]) -> tuple[x_http.Answer, list[Rule]]:
        remaining = [rule for rule in self.rules if rule.id not in ids]
        deleted = len(self.rules) - len(remaining)
        summary = {"deleted": deleted, "not_deleted": len(ids) - deleted}
        body: Json = {"meta": {"sent": _now(), "summary": summary}}
        if deleted < len(ids):
            body["errors"] = [_invalid("Rule does not exist")]
        return x_http.Answer(200, body), remaining

    def _manage_connections(self, request: x_http.Request) -> x_http.Answer:
        try:
            if request.method == "GET" and request.path == CONNECTIONS:
                return x_http.Answer(200, self._connections.history(request.query))
            if request.method == "DELETE":
                ids = request.json().get("uuids", ()) if request.path == CONNECTIONS else None
                return x_http.Answer(200, self._connections.terminate(ids))
        except ValueError as error:
            return x_http.Answer(400, _invalid(str(error)))
        return x_http.Answer(
            405, _problem("about:blank", "Method Not Allowed", "Method Not Allowed", status=405)
        )

    def _open(self, request: x_http.Request, connection: Connection) -> x_http.Answer | x_http.Stream:
        for name, values in request.query.items():
            allowed = samples.PARAMETERS.get(name)
            if allowed is None:
                return x_http.Answer(
                    400, _invalid(f"The query parameter [{name}] is not one of this endpoint.")
                )
            for value in set(values) - allowed:
                return x_http.Answer(
                    400, _invalid(f"The `{name}` query parameter value [{value}] is unknown.")
                )
        if headers := self._connections.rate_limit():
            problem = _problem("about:blank", "Too Many Requests", "Too Many Requests", status=429)
            return x_http.Answer(429, problem, headers)
        if not self.rules:
            detail = "You must define rules before connecting to the stream."
            kind = f"{_PROBLEMS}/rule-configuration-issue"
            return x_http.Answer(409, _problem(kind, "RuleConfigurationIssue", detail))
        if self.is_read:
            detail = "This stream is currently at the maximum allowed connection limit."
            problem = _problem(f"{_PROBLEMS}/streaming-connection", "ConnectionException", detail)
            return x_http.Answer(429, problem | {"connection_issue": "TooManyConnections"})
        self._connections.accept(request.socket, is_stale=connection.is_stale)
        return x_http.Stream(self._encoding, lambda body: self._serve(body, request, connection))

    def _serve(self, body: x_http.Body, request: x_http.Request, connection: Connection) -> None:
        """Serve one connection; returns when it is over, raises OSError when the client has left."""
        self._send_posts(body, request, connection.posts)
        body.write(connection.raw)
        match connection.ending:
            case "end":
                body.end()
            case "reset":
                body.reset()
            case "keep-alive":
                while not self._stopping.wait(self._keep_alive):
                    body.write(b"\r\n")
            case "endless line":
                while not self._stopping.wait(_TICK):
                    body.write(b"x")
            case "silence":
                while not self._stopping.wait(_TICK):
                    body.check()

    def _send_posts(self, body: x_http.Body, request: x_http.Request, limit: int | None) -> None:
        started = last = time.monotonic()
        sent = 0
        rules: list[Rule] | None = None
        while not self._stopping.is_set() and (limit is None or sent < limit):
            if rules is not self.rules:
                rules = self.rules
                posts = samples.stream(self._samples, rules, request.query, self.delivered, self._poisonous)
            now = time.monotonic()
            due = _BATCH
            if self._rate is not None:
                due = min(due, int((now - started) * self._rate) + 1 - sent)
            if limit is not None:
                due = min(due, limit - sent)
            if self._count is not None:
                due = min(due, self._count - self.delivered)
            if lines := list(islice(posts, max(due, 0))):
                body.write(b"".join(lines))
                sent += len(lines)
                self.delivered += len(lines)
                last = now
            elif now - last >= self._keep_alive:
                body.write(b"\r\n")
                last = now
            else:
                body.check()
                self._stopping.wait(_TICK)


def _token(request: x_http.Request) -> x_http.Answer:
    pair = f"{quote(CONSUMER_KEY, safe='')}:{quote(CONSUMER_SECRET, safe='')}"
    if request.headers.get("Authorization") != f"Basic {base64.b64encode(pair.encode()).decode()}":
        error = {
            "code": 99,
            "label": "authenticity_token_error",
            "message": "Unable to verify your credentials",
        }
        return x_http.Answer(403, {"errors": [error]})
    return x_http.Answer(200, {"token_type": "bearer", "access_token": BEARER_TOKEN})


def _problem(kind: str, title: str, detail: str, **more: object) -> Json:
    return {"title": title, "type": kind, "detail": detail, **more}


def _invalid(message: str) -> Json:
    detail = "One or more parameters to your request was invalid."
    problem = _problem(f"{_PROBLEMS}/invalid-request", "Invalid Request", detail)
    return problem | {"errors": [{"message": message}]}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
