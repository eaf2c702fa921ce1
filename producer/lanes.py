"""Tracks refused records and when to send each again: pure bookkeeping, without clock or network.

Each partition key with a refused record is a lane: its newer records queue behind it, so that a username's
tweets stay in order. Only within one PutRecords call can a record overtake a refused one of the same key.
Other keys are not held up.
"""

import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from producer.spool import Entry

LANE_SECONDS = (0.05, 5.0)
"""First and maximum back-off of a refused record, in seconds."""


def backoff(attempt: int, first: float, maximum: float) -> float:
    """Return the seconds to wait after consecutive failures: doubling, half of it random."""
    return min(maximum, math.ldexp(first, min(attempt - 1, 30))) * random.uniform(0.5, 1)


@dataclass(slots=True)
class _Lane:
    entries: deque[Entry] = field(default_factory=deque)
    attempts: int = 0
    due: float = 0.0


class Lanes:
    """The lanes, by partition key; times are seconds of a monotonic clock.

    Attributes:
        held: the records in all lanes.
        held_bytes: the size of their data.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self.held = self.held_bytes = 0

    def hold(self, entry: Entry) -> bool:
        """Queue a new record behind the refused ones of its key; return False if it may be sent."""
        lane = self._lanes.get(entry.partition_key)
        if lane is None:
            return False
        lane.entries.append(entry)
        self._count(+1, entry)
        return True

    def due(self, now: float, count: int, size: int) -> list[Entry]:
        """Remove and return records that are due: up to `count`, up to `size` bytes of data and keys."""
        entries: list[Entry] = []
        for lane in self._lanes.values():
            while lane.due <= now and lane.entries:
                size -= lane.entries[0].size
                if len(entries) == count or size < 0:
                    return entries
                entry = lane.entries.popleft()
                self._count(-1, entry)
                entries.append(entry)
        return entries

    def settle(self, sent: Iterable[Entry], refused: Iterable[Entry], now: float) -> None:
        """Record the answer to a call: `refused`, a subset of `sent`, returns to the head of its lanes."""
        again: dict[str, list[Entry]] = {}
        for entry in refused:
            again.setdefault(entry.partition_key, []).append(entry)
        for key in {entry.partition_key for entry in sent} & self._lanes.keys() - again.keys():
            lane = self._lanes[key]
            lane.attempts, lane.due = 0, now
            if not lane.entries:
                del self._lanes[key]
        for key, entries in again.items():
            lane = self._lanes.setdefault(key, _Lane())
            lane.entries.extendleft(reversed(entries))
            lane.attempts += 1
            lane.due = now + backoff(lane.attempts, *LANE_SECONDS)
            for entry in entries:
                self._count(+1, entry)

    def next_due(self) -> float:
        """Return when the next record is due; infinity if none is held."""
        return min((lane.due for lane in self._lanes.values()), default=math.inf)

    def _count(self, sign: int, entry: Entry) -> None:
        self.held += sign
        self.held_bytes += sign * entry.size
