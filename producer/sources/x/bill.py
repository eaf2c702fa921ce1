"""Estimates what X charges for a run."""

from event.payload import Json
from producer.sources.x.api import objects
from stack import prices


class Bill:
    """The posts and users that X has delivered, at the prices of `stack/prices.json`: an upper bound.

    X charges "per resource returned in the response", and for a post again on another day only ("X API pricing"). Its
    documents leave open whether that includes the author and the post that come with a post: they are counted, and so
    are repeats, because to know them takes the ids of a whole day.

    Args:
        budget: dollars after which the run ends; None for no limit.
    """

    def __init__(self, budget: float | None) -> None:
        self._budget = budget
        known = prices.load()
        self._post, self._user = known["x-post"], known["x-user"]
        self._posts = self._users = 0

    def add(self, message: Json) -> None:
        """Count what a message of the stream contains; an error is free."""
        if isinstance(message.get("data"), dict):
            includes = message.get("includes")
            included = includes if isinstance(includes, dict) else {}
            # X renamed the posts in August 2026; both names occur.
            self._posts += 1 + sum(len(objects(included, name)) for name in ("posts", "tweets"))
            self._users += len(objects(included, "users"))

    @property
    def dollars(self) -> float:
        """The charge so far, at most."""
        return round(self._post.of(self._posts) + self._user.of(self._users), 4)

    @property
    def is_exhausted(self) -> bool:
        """Whether the budget is spent."""
        return self._budget is not None and self.dollars >= self._budget
