"""Decides which records to send together, and when to send throttled ones again: pure bookkeeping, without I/O.

Each partition key is a lane: a queue, of which at most one part is under way. Its events thus stay in order
from call to call, and calls that are under way together share no key. A lane that is mostly throttled sends less and
waits, longer each time; one that is mostly accepted continues at once.
"""

import heapq
import itertools
import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence

from producer.spooling.entry import Entry

LANE_SECONDS = (0.05, 5.0)
"""First and maximum back-off of a lane that is mostly throttled, in seconds."""
MAX_THROTTLED_SHARE = 0.25
"""Maximum share of a lane's records throttled without slowing it down: a shard at its limit throttles more."""


def backoff(attempt: int, first: float, maximum: float) -> float:
    """Return the seconds to wait after consecutive failures: doubling, half of it random."""
    return min(maximum, math.ldexp(first, min(attempt - 1, 30))) * random.uniform(0.5, 1)


class _Lane:
    """The records of one partition key that are not under way.

    Attributes:
        queue: the records; a list, because a deque takes more time and memory to create than most lanes live.
        offered: how many of them may be sent now; 0 while others are under way, or while it waits.
        window: maximum number to send at once.
        throttlings: consecutive calls of which most of its records were throttled.
    """

    __slots__ = ("offered", "queue", "throttlings", "window")

    def __init__(self, entry: Entry) -> None:
        self.queue = [entry]
        self.offered = 1
        self.window = math.inf
        self.throttlings = 0


class Lanes:
    """The lanes, by partition key; times are seconds of a monotonic clock.

    Attributes:
        held: records in all lanes, and under way.
        held_bytes: the size of their data and keys.
        ready: records that may be sent now.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[_Lane] = deque()
        self._waiting: list[tuple[float, int, _Lane]] = []  # a heap, by the time when each is due
        self._numbers = itertools.count()
        self.held = self.held_bytes = self.ready = 0

    def add(self, entries: Sequence[Entry]) -> None:
        """Queue new records, each behind those of its key."""
        lanes, ready = self._lanes, 0
        for entry in entries:
            lane = lanes.get(entry.partition_key)
            if lane is None:
                lanes[entry.partition_key] = lane = _Lane(entry)
                self._ready.append(lane)
                ready += 1
            else:
                lane.queue.append(entry)
                if 0 < lane.offered < lane.window:
                    lane.offered += 1
                    ready += 1
        self.ready += ready
        self._hold(entries, +1)

    def next_call(self, count: int, size: int) -> list[Entry]:
        """Remove and return records that may be sent now: up to `count`, up to `size` bytes of data and keys."""
        call: list[Entry] = []
        while self._ready and count:
            lane = self._ready[0]
            taken = 0
            for entry in lane.queue:
                size -= entry.size
                if taken == lane.offered or taken == count or size < 0:
                    size += entry.size
                    break
                taken += 1
            if not taken:  # its next record is too large for what is left of this call
                break
            call += lane.queue[:taken]
            del lane.queue[:taken]
            count -= taken
            self._ready.popleft()
            self.ready -= lane.offered
            lane.offered = 0
        return call

    def settle(self, call: Sequence[Entry], throttled: Sequence[Entry], now: float) -> None:
        """Record an answer: `throttled`, a subset of the call in its order, is sent again, before newer records."""
        self._hold(call, -1)
        self._hold(throttled, +1)
        again = _by_key(throttled)
        sent = Counter([entry.partition_key for entry in call])
        due: dict[int, float] = {}  # by throttlings: these lanes are due, and so sent, together
        for key, count in sent.items():
            lane, entries = self._lanes[key], again.get(key, ())
            if entries:
                lane.queue[:0] = entries
            if len(entries) <= count * MAX_THROTTLED_SHARE:
                lane.throttlings, lane.window = 0, lane.window * 2
                self._offer(key, lane)
            else:
                lane.throttlings, lane.window = lane.throttlings + 1, max(1, count - len(entries))
                if lane.throttlings not in due:
                    due[lane.throttlings] = now + backoff(lane.throttlings, *LANE_SECONDS)
                heapq.heappush(self._waiting, (due[lane.throttlings], next(self._numbers), lane))

    def put_back(self, call: Iterable[Entry]) -> None:
        """Queue the records of a call that failed as a whole: they may be sent again at once."""
        for key, entries in _by_key(call).items():
            lane = self._lanes[key]
            lane.queue[:0] = entries
            self._offer(key, lane)

    def advance(self, now: float) -> None:
        """Make the lanes ready that are due."""
        while self._waiting and self._waiting[0][0] <= now:
            lane = heapq.heappop(self._waiting)[2]
            self._offer(lane.queue[0].partition_key, lane)

    def next_due(self) -> float:
        """Return when the next lane is due; infinity if none waits."""
        return self._waiting[0][0] if self._waiting else math.inf

    def _hold(self, entries: Sequence[Entry], sign: int) -> None:
        self.held += sign * len(entries)
        self.held_bytes += sign * sum([entry.size for entry in entries])

    def _offer(self, key: str, lane: _Lane) -> None:
        if not lane.queue:
            del self._lanes[key]
            return
        lane.offered = int(min(len(lane.queue), lane.window))
        self.ready += lane.offered
        self._ready.append(lane)


def _by_key(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    lanes: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        lanes[entry.partition_key].append(entry)
    return lanes
