"""Compares the spool with SQLite in WAL mode: CPU time to store, take and forget a record, and to open what is left.

    python -m benchmarks.spool [--records 20000] [--rounds 5]

SQLite once with a commit for each record, which is what the spool promises a single tweet, and once with a
commit for 500, which loses up to 499 tweets with `kill -9`. A spool is opened with its cursor, and without: then
all of it is checked before the first record is taken, as the release before did always.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from producer.formats.tweets import Record, TweetFormat
from producer.spooling.entry import StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import Spool

_CALL = 500
_LEFT = 200_000
"""Records of the spool that is opened."""


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="The spool beside SQLite in WAL mode.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    moment = "2026-11-23T14:41:28.000Z"
    records = [
        record
        for number in range(arguments.records)
        if isinstance(
            record := Record(f"user{number % 997}", str(number), moment, "word " * 60, "en", "file").encode(),
            StreamRecord,
        )
    ]
    ways: dict[str, Callable[[Path, list[StreamRecord]], None]] = {
        "spool": with_spool,
        "SQLite, a commit for each": lambda path, records: with_sqlite(path, records, grouped=False),
        "SQLite, a commit for 500": lambda path, records: with_sqlite(path, records, grouped=True),
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as directory:
                started = time.process_time()
                way(Path(directory), records)
                costs[name].append((time.process_time() - started) / len(records) * 1e6)
    print(f"{len(records):,} records of {len(records[0].data)} bytes, medians of {arguments.rounds} rounds")
    for name, cost in costs.items():
        ratio = statistics.median(here / spool for here, spool in zip(cost, costs["spool"], strict=True))
        print(f"  {name:27}{statistics.median(cost):6.1f} µs CPU a record{ratio:6.2f} of the spool's")
    print_opening(records[0], arguments.rounds)


def print_opening(record: StreamRecord, rounds: int) -> None:
    """Print the CPU time from the opening of a spool to its first call, with the cursor and without."""
    costs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Folder(Path(directory)), TweetFormat(), 1 << 40, print)
        for _ in range(_LEFT):
            spool.append(record)
        spool.close()
        cursors = {path: path.read_bytes() for path in Path(directory).glob("cursor*.json")}
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
        for _ in range(rounds):
            for path in cursors:
                path.unlink()
            without = opening(Path(directory))
            for path, content in cursors.items():
                path.write_bytes(content)
            costs.append((opening(Path(directory)), without))
    own, all_checked = (statistics.median(side) * 1000 for side in zip(*costs, strict=True))
    print(
        f"{size / 1e6:.0f} MB left, until the first {_CALL} are taken: {own:.0f} CPU ms; "
        f"without a cursor {all_checked:.0f}"
    )


def opening(directory: Path) -> float:
    """Open a spool and take the first records; return the CPU seconds."""
    started = time.process_time()
    spool = Spool(Folder(directory), TweetFormat(), 1 << 40, print)
    assert len(spool.take(_CALL, 1 << 30)) == _CALL
    cost = time.process_time() - started
    spool.folder.close()  # not the spool, which would save its cursor
    return cost


def with_spool(directory: Path, records: list[StreamRecord]) -> None:
    """Append 500, take them, acknowledge them."""
    spool = Spool(Folder(directory), TweetFormat(), 1 << 30, print)
    for start in range(0, len(records), _CALL):
        for record in records[start : start + _CALL]:
            spool.append(record)
        spool.flush()
        spool.acknowledge(spool.take(_CALL, 1 << 30))
    spool.close()


def with_sqlite(directory: Path, records: list[StreamRecord], *, grouped: bool) -> None:
    """Do the same with a table."""
    database = sqlite3.connect(directory / "spool.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE spool (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, data BLOB)")
    taken = 0
    for start in range(0, len(records), _CALL):
        if grouped:
            database.execute("BEGIN")
        for record in records[start : start + _CALL]:
            database.execute(
                "INSERT INTO spool (key, data) VALUES (?, ?)", (record.partition_key, record.data)
            )
        if grouped:
            database.execute("COMMIT")
        query = "SELECT id, key, data FROM spool WHERE id > ? ORDER BY id LIMIT ?"
        rows = database.execute(query, (taken, _CALL)).fetchall()
        taken = rows[-1][0]
        database.execute("BEGIN")
        database.executemany("DELETE FROM spool WHERE id = ?", [row[:1] for row in rows])
        database.execute("COMMIT")
    database.close()


if __name__ == "__main__":
    main()
