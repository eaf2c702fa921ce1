"""Tweets from X: the filtered stream of API v2."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import requests
import urllib3

from event.payload import Json
from event.poison import PoisonError, Reason
from producer.config import XCredentials
from producer.errors import SourceError
from producer.formats.tweets import DeletionNotice, Record, is_deletion_notice, load, to_record
from producer.sources import rules as stream_rules
from producer.sources import xapi
from producer.sources.lines import LineSplitter
from producer.sources.reconnect import DEFAULT_BACKOFF, Backoff, Interrupted, cause, reconnecting
from producer.sources.rules import TAG, Rule
from producer.sources.source import Rejected
from producer.spooling.rejected import Input

_FIELDS = {
    "tweet.fields": "author_id,created_at,lang,note_tweet,referenced_tweets",
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
        endpoint: str | None,
        notify: Callable[[str], None],
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._credentials = credentials
        self._wanted = stream_rules.expressions(track, rules)
        self._keep_rules = keep_rules
        self._endpoint = (endpoint or xapi.ENDPOINT).rstrip("/")
        self._notify = notify
        self._backoff = backoff
        self._api: Any = None
        self._wanted_ids: set[str] = set()  # ids of the rules that this run wants, whoever created them
        self._ours: set[str] = set()  # ids of the rules to remove at the end
        self._rules_lock = threading.Lock()
        self._response: requests.Response | None = None
        self._closing = threading.Event()
        self._lines_read = 0
        self.input: Input | None = None
        self._others_reported = False

    def read(self) -> Iterator[Record | DeletionNotice | Rejected]:
        """Yield posts forever; reconnect as often as necessary.

        Raises:
            SourceError: X rejects the credentials, the app, a rule or any further request, or was never reached.
        """
        for item in reconnecting(self._items, self._backoff, self._closing, self._notify):
            if item is not None:
                yield item

    def close(self) -> None:
        """End `read`, even while it waits for data, and remove the run's rules from X."""
        self._closing.set()
        if self._response is not None:
            # The reading thread may have closed it already, or may be closing it.
            with suppress(ValueError, RuntimeError, OSError):
                self._response.raw.shutdown()
        with self._rules_lock:
            ours, self._ours = self._ours, set()
            if ours and not self._keep_rules:
                try:
                    self._change_rules({"delete": {"ids": sorted(ours)}})
                except (Interrupted, SourceError) as error:
                    self._notify(f"The rules stay on X until the next run: {error}")

    def _items(self, connected: Callable[[], None]) -> Generator[Record | DeletionNotice | Rejected | None]:
        """Read one connection: yield posts, rejected items, and None for each keep-alive."""
        with self._rules_lock:
            if self._closing.is_set():
                return
            if self._api is None:
                self._api = xapi.sign_in(self._credentials, self._endpoint, self._backoff.silence)
            self._synchronise_rules()
        with closing(xapi.request(self._api, xapi.STREAM, _FIELDS)) as response:
            connected()
            self._response = response
            for line in self._lines(response.raw):
                yield self._item(line)

    def _lines(self, body: urllib3.HTTPResponse) -> Iterator[bytes | None]:
        """Yield each line as soon as it has arrived, and the last one even if its end is missing.

        Raises:
            Interrupted: the connection has ended.
        """
        lines = LineSplitter(_MAX_LINE_BYTES)
        interruption = Interrupted("network", "X closed the stream")
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
            interruption = Interrupted("network", f"the stream from X broke ({cause(error)})")
        if not self._closing.is_set():
            yield from lines.end()  # it may contain X's reason
        raise interruption

    def _silence(self, symptom: str) -> Interrupted:
        return Interrupted("network", f"X {symptom} for {self._backoff.silence:.3g} s")

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
            if message.get("data") is None and ("errors" in message or "title" in message):
                if not xapi.is_about_post(message):
                    raise xapi.to_error(0, message, {})
                return Rejected(where, f"X sent an error instead of the post: {xapi.describe(message)}")
            if is_deletion_notice(message):
                return DeletionNotice()
            post = to_record(message, "x")
        except PoisonError as error:
            if error.reason is not Reason.CONTROL_MESSAGE:
                self.input = Input("X", self._lines_read, line)
            return Rejected(where, str(error))
        if not self._is_wanted(message):
            return Rejected(f"post {post.id}", "only rules that this run did not ask for match it")
        self.input = Input("X", self._lines_read, line)
        return post

    def _is_wanted(self, message: Json) -> bool:
        matching = message.get("matching_rules")
        if not self._wanted or not isinstance(matching, list) or not matching:
            return True
        ids = (xapi.text(rule.get("id")) for rule in matching if isinstance(rule, dict))
        return any(identifier in self._wanted_ids for identifier in ids)

    def _synchronise_rules(self) -> None:
        """Create the wanted rules on X; without any, check that a rule exists.

        Raises:
            Interrupted: X could not be reached, or requires a later retry.
            SourceError: X rejects a rule, or no rule exists.
        """
        present = stream_rules.parse_list(xapi.get_json(self._api, xapi.RULES, {}))
        if not self._wanted:
            if not present:
                raise SourceError("X has no rule that selects posts: give --track TERM or --rule EXPR.")
            return
        self._report_other_rules(present)
        change = stream_rules.plan_change(present, self._wanted)
        if change.delete:
            self._change_rules({"delete": {"ids": list(change.delete)}})
        wanted = [rule for rule in present if rule.value in self._wanted]
        self._wanted_ids = {rule.id for rule in wanted}
        self._ours = {rule.id for rule in wanted if rule.tag == TAG}
        if change.add:
            answer = self._change_rules({"add": [{"value": value, "tag": TAG} for value in change.add]})
            created = {rule.id for rule in stream_rules.parse_list(answer)}
            self._wanted_ids |= created
            self._ours |= created
            errors = xapi.objects(answer, "errors")
            self._check_rule_errors(errors)
            if len(created) + len(errors) < len(change.add):
                raise Interrupted("http", "X did not confirm the rules")

    def _check_rule_errors(self, errors: Sequence[Json]) -> None:
        for error in errors:
            if error.get("title") == "DuplicateRule":  # added since the rules were read
                self._wanted_ids.add(xapi.text(error.get("id")))
            else:
                reasons = xapi.describe({**error, "value": None, "title": None})
                raise SourceError(f"X rejects the rule `{xapi.text(error.get('value'))}`: {reasons}")

    def _change_rules(self, change: Json) -> Json:
        return xapi.get_json(self._api, xapi.RULES, change, "POST")

    def _report_other_rules(self, present: Sequence[Rule]) -> None:
        others = [rule.value for rule in present if rule.tag != TAG and rule.value not in self._wanted]
        if others and not self._others_reported:
            self._others_reported = True
            self._notify(
                f"X has other rules too ({len(others)}, such as `{others[0]}`): X also sends and bills their posts, "
                "which are counted as rejected."
            )
