"""Remembers what was put back on the stream, to recognize a record that returns to quarantine.

A copy on the stream is recognized by its sequence number, so that content which the producer sent twice is not
mistaken for a record that returned. A redriven object of the function is recognized by its key: while a batch is
retried, the function writes its objects again.

A marker is an object `redriven/sent/<shard>/<last>-<first>-<random>.json`. It holds the redrive counts of the copies
on one shard, or of the objects from one shard, of one call of PutRecords; `<first>` and `<last>` are the lowest and the
highest sequence number of these records. So a call costs few markers, however many records it has, and a record's
markers are found by listing those of its shard whose last number is not below its own. Earlier releases wrote
`redriven/<sequence number>.json` for a copy and `redriven/<key>` for an object; both still count.
"""

import json
import re
import uuid
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from botocore.exceptions import ClientError

from event import quarantine_object
from event.record import iso
from ops.aws.error_codes import is_missing_object
from ops.aws.s3 import PAGE, list_objects
from ops.quarantine.bucket import DISCARDED, REDRIVEN_PREFIX, Bucket, Quarantined

_PREFIX = f"{REDRIVEN_PREFIX}sent/"
_DIGITS = 64
"""Digits of a sequence number in a key, so that S3 sorts them as numbers. Kinesis has 56 at present."""
_RANGE = re.compile(r"(\w+)-(\w+)-\w+\.json")


class Copy(NamedTuple):
    """A redriven record as the stream stored it."""

    shard: str
    sequence_number: str


class Redriven(NamedTuple):
    """An object that was put on the stream: how often it was before, and the copies of its records.

    An object is kept, and is to be sent again, if the stream did not accept some of its records.
    """

    quarantined: Quarantined
    times: int
    copies: Sequence[Copy]


class RedriveMarkers:
    """The markers of a quarantine.

    Args:
        bucket: the quarantine.
        pool: makes the calls, as many at once as it has threads.
    """

    def __init__(self, bucket: Bucket, pool: Executor) -> None:
        self._bucket = bucket
        self._pool = pool

    def times(self, objects: Sequence[Quarantined]) -> list[int]:
        """Return the highest redrive count of each object and its records."""
        names = [{each.entry.key, *(record.sequence_number for record in each.records)} for each in objects]
        wanted = set[str]().union(*names)
        counts: dict[str, int] = {}
        for redrives in self._pool.map(self._read, self._find(objects)):
            for name in redrives.keys() & wanted:
                counts[name] = max(redrives[name], counts.get(name, 0))
        return [max(counts.get(name, 0) for name in of_object) for of_object in names]

    def remember(self, sent: Iterable[Redriven]) -> None:
        """Write the markers of objects whose records were put on the stream by one call."""
        copies: defaultdict[str, dict[str, int]] = defaultdict(dict)
        objects: defaultdict[str, dict[str, int]] = defaultdict(dict)
        origins: defaultdict[str, list[str]] = defaultdict(list)
        for quarantined, times, stored in sent:
            for copy in stored:
                copies[copy.shard][copy.sequence_number] = times + 1
            if quarantined.entry.reason != DISCARDED and len(stored) == len(quarantined.records):
                origin = quarantined.records[0]
                objects[origin.shard][quarantined.entry.key] = times + 1
                origins[origin.shard].append(origin.sequence_number)
        writes = [
            *(self._pool.submit(self._write, shard, own, own) for shard, own in copies.items()),
            *(self._pool.submit(self._write, shard, origins[shard], own) for shard, own in objects.items()),
        ]
        for write in writes:
            write.result()

    def _find(self, objects: Sequence[Quarantined]) -> Iterator[str]:
        """Yield the keys of the markers that may know one of the objects or their records."""
        places: defaultdict[str, set[str]] = defaultdict(set)
        copies: set[str] = set()
        for record in (record for each in objects for record in each.records):
            places[record.shard].add(_place(record.sequence_number))
            copies.add(f"{REDRIVEN_PREFIX}{record.sequence_number}.json")
        keys = {f"{REDRIVEN_PREFIX}{each.entry.key}" for each in objects}
        searches = [
            *(self._pool.submit(self._search_shard, shard, sorted(own)) for shard, own in places.items()),
            self._pool.submit(self._search, REDRIVEN_PREFIX, sorted(copies), "/"),
            self._pool.submit(self._search, f"{REDRIVEN_PREFIX}{quarantine_object.PREFIX}", sorted(keys)),
        ]
        for search in searches:
            yield from search.result()

    def _search_shard(self, shard: str, places: Sequence[str]) -> list[str]:
        """Return the markers of a shard whose range holds one of the places, which are sorted."""
        prefix = f"{_PREFIX}{shard}/"
        found = []
        for listed in list_objects(
            self._bucket.s3, self._bucket.name, prefix, start_after=prefix + places[0]
        ):
            if named := _RANGE.fullmatch(listed["Key"], len(prefix)):
                last, first = named.groups()
                at = bisect_left(places, first)
                if at < len(places) and places[at] <= last:
                    found.append(listed["Key"])
        return found

    def _search(self, prefix: str, markers: Sequence[str], delimiter: str = "") -> list[str]:
        """Return which of these markers of earlier releases exist; they are sorted.

        A page of S3's listing decides about all markers up to its last key, so that a call decides about one
        marker at least, and about all if there are few in the bucket.
        """
        found = []
        remaining = deque(markers)
        while remaining:
            start = remaining[0][:-1]  # sorts before it
            listed = list_objects(
                self._bucket.s3, self._bucket.name, prefix, start_after=start, delimiter=delimiter
            )
            page = [each["Key"] for each in islice(listed, PAGE)]
            existing = set(page)
            while remaining and (len(page) < PAGE or remaining[0] <= page[-1]):
                marker = remaining.popleft()
                if marker in existing:
                    found.append(marker)
        return found

    def _read(self, marker: str) -> dict[str, int]:
        """Return the redrive counts that a marker holds, by sequence number or key."""
        try:
            body = self._bucket.s3.get_object(Bucket=self._bucket.name, Key=marker)["Body"].read()
        except ClientError as error:
            if is_missing_object(error):
                return {}
            raise
        redrives: dict[str, int] | int = json.loads(body)["redrives"]
        if isinstance(redrives, dict):
            return redrives
        name = marker.removeprefix(REDRIVEN_PREFIX)
        return {name if "/" in name else name.removesuffix(".json"): redrives}

    def _write(self, shard: str, numbers: Iterable[str], redrives: Mapping[str, int]) -> None:
        places = [_place(number) for number in numbers]
        key = f"{_PREFIX}{shard}/{max(places)}-{min(places)}-{uuid.uuid4().hex}.json"
        body = json.dumps({"redrives": redrives, "redrivenAt": iso(datetime.now(UTC))}).encode()
        self._bucket.s3.put_object(
            Bucket=self._bucket.name, Key=key, Body=body, ContentType="application/json"
        )


def _place(sequence_number: str) -> str:
    return sequence_number.zfill(_DIGITS)
