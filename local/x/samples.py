"""The made-up posts of `tweets.jsonl` as an endless stream: matched, with the requested fields and new ids."""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from local.x.rules import Rule

Json = dict[str, Any]

TWEETS = Path(__file__).parents[1] / "tweets.jsonl"

# The parameters of the stream and those of their values that a post here can have (X: "Filtered stream").
_POST_FIELDS = """
    article attachments author_id conversation_id created_at edit_controls edit_history_tweet_ids entities geo id
    in_reply_to_user_id lang note_tweet possibly_sensitive public_metrics referenced_tweets reply_settings
    source text withheld
"""
_USER_FIELDS = "created_at description id location name protected public_metrics url username verified"
_EXPANSIONS = "author_id referenced_tweets.id referenced_tweets.id.author_id"
PARAMETERS = {
    "tweet.fields": frozenset(_POST_FIELDS.split()),
    "user.fields": frozenset(_USER_FIELDS.split()),
    "expansions": frozenset(_EXPANSIONS.split()),
}

_EPOCH_MS = 1_288_834_974_657  # of X's ids
_OVERSIZE = 410_000  # more than the 400 KB of a DynamoDB item, less than the 1 MiB of a Kinesis record
_sequence = itertools.count()


def load(path: Path = TWEETS) -> list[Json]:
    """Read posts in the shape of the v2 stream, one a line."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def visible(sample: Json, query: Mapping[str, Sequence[str]]) -> Json:
    """Return what X sends of a post: default fields, requested fields, and the objects of the expansions."""
    expansions = set(query.get("expansions", ()))
    references = expansions & {"referenced_tweets.id", "referenced_tweets.id.author_id"}
    included = sample.get("includes", {})
    tweet_fields = {"id", "text", "edit_history_tweet_ids", *query.get("tweet.fields", ())}
    if "author_id" in expansions:
        tweet_fields.add("author_id")
    if references:
        tweet_fields.add("referenced_tweets")
    user_fields = {"id", "name", "username", *query.get("user.fields", ())}

    tweets = included.get("tweets", []) if references else []
    authors = {sample["data"].get("author_id")} if "author_id" in expansions else set()
    if "referenced_tweets.id.author_id" in expansions:
        authors |= {tweet.get("author_id") for tweet in tweets}
    users = [user for user in included.get("users", []) if user["id"] in authors]

    shown: Json = {"data": _only(sample["data"], tweet_fields)}
    includes = {
        "users": [_only(user, user_fields) for user in users],
        "tweets": [_only(tweet, tweet_fields) for tweet in tweets],
    }
    if includes := {name: objects for name, objects in includes.items() if objects}:
        shown["includes"] = includes
    if "errors" in sample:
        shown["errors"] = sample["errors"]
    return shown


def matching(sample: Json, rules: Sequence[Rule]) -> list[Json]:
    """Return the rules that match the whole text of a post, in the form of X's `matching_rules`."""
    posts = [sample["data"], *sample.get("includes", {}).get("tweets", [])]
    folded = "\n".join(map(_whole_text, posts)).casefold()
    # Older posts of the real stream have the id as a number.
    kind = type(sample.get("matching_rules", [{"id": ""}])[0]["id"])
    return [{"id": kind(rule.id), "tag": rule.tag} for rule in rules if rule.matches(folded)]


def stream(
    samples: Sequence[Json],
    rules: Sequence[Rule],
    query: Mapping[str, Sequence[str]],
    first: int,
    poisonous: int,
) -> Iterator[bytes]:
    """Yield the posts that a rule matches as lines, endlessly, each time with new ids and times.

    Args:
        samples: the posts; two of one id keep one id, as repeats that X sends do.
        rules: those that are on X.
        query: the requested fields and expansions.
        first: how many posts the stream has sent before.
        poisonous: how many, each the tenth, shall be too large to be ever stored.
    """
    selected = [
        (sample["data"]["id"], visible(sample, query) | {"matching_rules": matches})
        for sample in samples
        if (matches := matching(sample, rules))
    ]
    number = first
    stamps: dict[str, tuple[str, str]] = {}
    while selected:
        position = number % len(selected)
        if position == 0:
            stamps.clear()
        sample_id, shown = selected[position]
        if sample_id not in stamps:
            stamps[sample_id] = _stamp()
        fresh_id, created_at = stamps[sample_id]
        data = shown["data"] | {"id": fresh_id, "edit_history_tweet_ids": [fresh_id]}
        if "created_at" in data:
            data["created_at"] = created_at
        if number % 10 == 9 and number // 10 < poisonous:
            data = {name: value for name, value in data.items() if name not in {"article", "note_tweet"}}
            data["text"] += " " + "and again " * (_OVERSIZE // 10)
        yield orjson.dumps(shown | {"data": data}) + b"\r\n"
        number += 1


def _whole_text(post: Json) -> str:
    article = post.get("article", {})
    texts = [post.get("note_tweet", post)["text"], article.get("title"), article.get("plain_text")]
    return "\n".join(filter(None, texts))


def _stamp() -> tuple[str, str]:
    milliseconds = time.time_ns() // 1_000_000
    # An id whose time is a whole second, like created_at: the order by time is the order of sending.
    post_id = (milliseconds // 1000 * 1000 - _EPOCH_MS) << 22 | next(_sequence) & 0x3FFFFF
    created_at = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(post_id), created_at


def _only(fields: Json, names: set[str]) -> Json:
    return {name: value for name, value in fields.items() if name in names}
