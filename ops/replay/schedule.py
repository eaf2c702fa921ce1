"""Which shard is read next, and when the function is invoked, by the threads of a replay."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager


class Schedule:
    """Hands out shards to threads, each once its ancestors are done.

    Args:
        shards: the shards, parents before children.
        ancestors: each shard's ancestors; those that are not among the shards do not count.
        stop: when set, no more shards are handed out.
    """

    def __init__(
        self, shards: Iterable[str], ancestors: Mapping[str, Collection[str]], stop: threading.Event
    ) -> None:
        self._waiting = list(shards)
        self._undone = set(self._waiting)
        self._ancestors = ancestors
        self._stop = stop
        self._changed = threading.Condition()

    def take(self) -> str | None:
        """Wait for a shard that can be read; return None if there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over() or self._next() is not None)
            shard_id = None if self._is_over() else self._next()
            if shard_id is not None:
                self._waiting.remove(shard_id)
            return shard_id

    def finish(self, shard_id: str) -> None:
        """Count a shard as done, so that its children follow unless `stop` is set."""
        with self._changed:
            self._undone.discard(shard_id)
            self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._stop.is_set() or not self._waiting

    def _next(self) -> str | None:
        return next(
            (
                shard_id
                for shard_id in self._waiting
                if self._undone.isdisjoint(self._ancestors.get(shard_id, ()))
            ),
            None,
        )


class Gate:
    """Lets calls run at the same time, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_closed = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Run a block beside others of this kind, and not while one is `alone`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run a block while no other runs, once those that run have ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_closed)
            self._is_closed = True
            self._changed.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._changed:
                self._is_closed = False
                self._changed.notify_all()
