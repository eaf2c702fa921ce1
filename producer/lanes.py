"""Records that the stream refused, and when each is sent again: pure bookkeeping, without clock or network.

Each partition key with a refused record is a lane: its newer records queue behind, so that a username's
tweets stay in order. Only within one PutRecords call can a record overtake a refused one of the same key.
Other keys pass by.
"""

import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from producer.spool import Entry

LANE_SECONDS = (0.05, 5.0)
"""The first and the longest back-off of a refused record."""


def backoff(attempt: int, first: float, longest: float) -> float:
    """Seconds to wait after that many failures in a row: doubling, half of it at random."""
    return min(longest, math.ldexp(first, min(attempt - 1, 30))) * random.uniform(0.5, 1)


@dataclass(slots=True)
class _Lane:
    entries: deque[Entry] = field(default_factory=deque)
    attempts: int = 0
    due: float = 0.0


class Lanes:
    """The lanes, by partition key; times are seconds of any clock that does not go back.

    Attributes:
        held: the records in all lanes.
        held_bytes: the size of their data.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self.held = self.held_bytes = 0

    def hold(self, entry: Entry) -> bool:
        """Queue a new record behind the refused ones of its key; False if there are none: it may be sent."""
        lane = self._lanes.get(entry.partition_key)
        if lane is None:
            return False
        lane.entries.append(entry)
        self._count(+1, entry)
        return True

    def due(self, now: float, count: int, size: int) -> list[Entry]:
        """Take out what may be sent again: at most `count` records, data and keys at most `size` bytes."""
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
        """Note the answer to one call: `refused`, a part of `sent`, goes back to the head of its lanes."""
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
        """When `due` has something next; infinity if nothing is held."""
        return min((lane.due for lane in self._lanes.values()), default=math.inf)

    def _count(self, sign: int, entry: Entry) -> None:
        self.held += sign
        self.held_bytes += sign * entry.size
