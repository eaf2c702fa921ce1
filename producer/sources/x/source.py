"""Tweets from X: the filtered stream of API v2."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime

import requests
import urllib3
from TwitterAPI import TwitterAPI

from event.poison import PoisonError, Reason
from producer.config import XCredentials
from producer.errors import SourceError
from producer.formats.tweets import DeletionNotice, Record, is_deletion_notice, load, to_record
from producer.sources.lines import LineSplitter
from producer.sources.reconnect import DEFAULT_BACKOFF, Backoff, Interrupted, cause, reconnecting
from producer.sources.source import Rejected
from producer.sources.x import api as x_api
from producer.sources.x.bill import Bill
from producer.sources.x.connections import terminate_own, time_of
from producer.sources.x.rule_set import RuleSet
from producer.sources.x.rules import expressions
from producer.spooling.rejected import Input
from stack.prices import show

_FIELDS = {
    "tweet.fields": "article,author_id,created_at,lang,note_tweet,referenced_tweets",
    "expansions": "author_id,referenced_tweets.id",
    "user.fields": "username",
}
_CHUNK_BYTES = 65_536
_MAX_LINE_BYTES = 1024 * 1024
"""Longer lines are rejected without being held in memory; a post with all that belongs to it has a few KB."""


class XSource:
    """The filtered stream of one app, which may have one connection.

    Each term and each rule becomes a tagged stream rule; other rules of the app stay. They share the stream,
    however: a post that matches only other rules was not requested, and is rejected with that reason.
    Without a term or a rule, the rules that already exist select the posts.

    After a lost connection it reconnects with the waits that X requires; X does not repeat the posts of that time.

    Args:
        credentials: those of the app.
        track: words or phrases to look for.
        rules: expressions in X's rule language.
        keep_rules: leave this run's rules on X at the end.
        budget: dollars that X may charge for the posts, by an estimate; reading ends when they are spent.
        endpoint: scheme and host of the API; None for X itself.
        notify: called with messages for the user, from the reading and the closing thread.
        backoff: the waits.
    """

    position = None  # X keeps no position for a disconnected reader

    def __init__(
        self,
        credentials: XCredentials,
        *,
        track: Sequence[str],
        rules: Sequence[str],
        keep_rules: bool,
        budget: float | None,
        endpoint: str | None,
        notify: Callable[[str], None],
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._credentials = credentials
        self._rules = RuleSet(expressions(track, rules), notify)
        self._keep_rules = keep_rules
        self._bill = Bill(budget)
        self._endpoint = (endpoint or x_api.ENDPOINT).rstrip("/")
        self._notify = notify
        self._backoff = backoff
        self._api: TwitterAPI | None = None
        self._rules_lock = threading.Lock()
        self._response: requests.Response | None = None
        self._accepted_at: datetime | None = None  # the connection that was accepted last, by X's clock
        self._closing = threading.Event()
        self._lines_read = 0
        self.input: Input | None = None

    @property
    def spent(self) -> float:
        """Estimate of the dollars that X charges for this run."""
        return self._bill.dollars

    def read(self) -> Iterator[Record | DeletionNotice | Rejected]:
        """Yield posts until the budget is spent; reconnect as often as necessary.

        Raises:
            SourceError: X rejects the credentials, the app, a rule or any further request, or was never reached.
        """
        with closing(reconnecting(self._items, self._backoff, self._closing, self._notify)) as items:
            for item in items:
                if item is not None:
                    yield item
                if self._bill.is_exhausted:
                    self._notify(f"The budget is spent, by an estimate ({show(self.spent)}): reading ends.")
                    return

    def close(self) -> None:
        """End `read`, even while it waits for data, and remove the run's rules from X."""
        self._closing.set()
        if self._response is not None:
            # The reading thread may have closed it already, or may be closing it.
            with suppress(ValueError, RuntimeError, OSError):
                self._response.raw.shutdown()
        with self._rules_lock:
            if self._api is not None and not self._keep_rules:
                self._rules.delete(self._api)

    def _items(self, connected: Callable[[], None]) -> Generator[Record | DeletionNotice | Rejected | None]:
        """Read one connection: yield posts, rejected items, and None for each keep-alive."""
        with self._rules_lock:
            if self._closing.is_set():
                return
            if self._api is None:
                self._api = x_api.sign_in(self._credentials, self._endpoint, self._backoff.silence)
            self._rules.synchronise(self._api)
        with closing(self._connect(self._api)) as response:
            connected()
            self._response = response
            for line in self._lines(response.raw):
                yield self._item(line)

    def _connect(self, api: TwitterAPI) -> requests.Response:
        try:
            response = x_api.open_stream(api, _FIELDS)
        except x_api.TooManyConnections as refusal:
            if self._terminate_lost(api):
                raise Interrupted(
                    "drop", "X held this run's lost connection open: it is terminated"
                ) from refusal
            raise
        self._accepted_at = time_of(response)
        return response

    def _terminate_lost(self, api: TwitterAPI) -> bool:
        accepted_at, self._accepted_at = self._accepted_at, None
        try:
            return accepted_at is not None and terminate_own(api, accepted_at)
        except (Interrupted, SourceError):
            return False  # X's refusal is reported, with the remedy

    def _lines(self, body: urllib3.HTTPResponse) -> Iterator[bytes | None]:
        """Yield each line as soon as it has arrived, and the last one even if its end is missing.

        Raises:
            Interrupted: the connection has ended.
        """
        lines = LineSplitter(_MAX_LINE_BYTES)
        interruption = Interrupted("drop", "X closed the stream")
        last = time.monotonic()
        try:
            # Not `stream` or `iter_lines`: if the body is not chunked, they wait until their buffer is full,
            # which takes hours on a quiet stream.
            while not self._closing.is_set() and (chunk := body.read1(_CHUNK_BYTES, decode_content=True)):
                yield from lines.feed(chunk)
                if b"\n" in chunk:
                    last = time.monotonic()
                elif time.monotonic() - last > self._backoff.silence:
                    interruption = self._silence("has sent no complete line")  # keep-alives are lines too
                    break
        except urllib3.exceptions.ReadTimeoutError:
            interruption = self._silence("has sent nothing, not even a keep-alive,")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            interruption = Interrupted("drop", f"the stream from X broke ({cause(error)})")
        if not self._closing.is_set():
            yield from lines.end()  # it may contain X's reason
        raise interruption

    def _silence(self, symptom: str) -> Interrupted:
        return Interrupted("drop", f"X {symptom} for {self._backoff.silence:.3g} s")

    def _item(self, line: bytes | None) -> Record | DeletionNotice | Rejected | None:
        """Convert a line to a post or a rejected item; return None for a keep-alive, which is empty.

        Raises:
            Interrupted: X announces the end of the connection.
            SourceError: X announces that it sends no more posts.
        """
        if line is not None and not line.strip():
            return None
        self._lines_read += 1
        where = f"line {self._lines_read} of the stream"
        self.input = None
        if line is None:
            return Rejected(where, f"longer than {_MAX_LINE_BYTES:,} bytes")
        try:
            message = load(line)
            if not isinstance(message, dict):
                raise PoisonError(Reason.NOT_A_TWEET, "not a JSON object")
            self._bill.add(message)
            if message.get("data") is None and ("errors" in message or "title" in message):
                if not x_api.is_about_post(message):
                    raise x_api.to_error(0, message, {})
                return Rejected(where, f"X sent an error instead of the post: {x_api.describe(message)}")
            if is_deletion_notice(message):
                return DeletionNotice()
            post = to_record(message, "x")
        except PoisonError as error:
            if error.reason is not Reason.CONTROL_MESSAGE:
                self.input = Input("X", self._lines_read, line)
            return Rejected(where, str(error))
        if not self._rules.matches(message):
            return Rejected(f"post {post.id}", "only rules that this run did not ask for match it")
        self.input = Input("X", self._lines_read, line)
        return post
