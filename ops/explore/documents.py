"""The JSON documents of `python -m ops explore`, with the members that they have for tweets.

Other event types have the members of their own attributes, and `tweets` and `users` are named after them.
"""

from typing import Annotated, TypedDict

from ops.explore.row import Tweet


class _Read(TypedDict):
    rows: Annotated[int, "rows read"]
    pages: Annotated[int, "pages of 1 MB read"]
    read_units: Annotated[float, "read units consumed"]
    complete: Annotated[bool, "whether all of the table, or of the partition key, was read"]


class Explored(_Read):
    """One document."""

    newest_since: Annotated[
        str | None, "no row that arrived since this time is missing; null if all was read, or that is unknown"
    ]
    tweets: Annotated[list[Tweet], "the newest rows"]


class Exported(_Read):
    """One document with `--export`, beside the file."""

    exported: Annotated[int, "rows written"]


class Followed(Tweet):
    """With `--follow`, a line for each row."""


class BusyUser(TypedDict):
    """A partition key, and its events."""

    username: str
    tweets: int


class BusyShard(TypedDict):
    """A shard, and what it got."""

    shard: str
    records: int
    bytes: int


class Busiest(TypedDict):
    """One document with `--top`."""

    seconds: Annotated[int, "read back from now"]
    records: Annotated[int, "records read"]
    users: Annotated[list[BusyUser], "the busiest partition keys"]
    shards: Annotated[list[BusyShard], "the busiest shards"]
