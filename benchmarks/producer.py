"""Compares the producer with a bare boto3 loop: CPU time, throughput, and memory with a backlog.

    python -m benchmarks.producer [--tweets 50000] [--rounds 3] [--backlog 1000000]

Each figure is a whole process, imports included, on one core where the system can pin it; the stream is
another process. The loop and the producer alternate, because a shared machine's speed moves: only their
ratio counts.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from local.stubs.kinesis import get_counts, in_process

_WORDS = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog", "boxing", "wizards", "liquor", "jugs")


class Cost(NamedTuple):
    """Usage of one process: CPU seconds, wall seconds, peak memory in MiB."""

    cpu: float
    wall: float
    peak: float


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description="The producer beside a bare boto3 loop.")
    parser.add_argument("--tweets", type=int, default=50_000, help="tweets in each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="tweets of the backlog; 0 for none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        compare(Path(directory), arguments.tweets, arguments.rounds)
        vary_the_stream(Path(directory), arguments.tweets)
        if arguments.backlog:
            build_and_drain_a_backlog(Path(directory), arguments.backlog)


def compare(work: Path, count: int, rounds: int) -> None:
    """Run the bare loop, the producer, and the producer with faults, in turn."""
    tweets = work / "tweets.jsonl"
    size = write_tweets(tweets, count)
    print(f"{count:,} tweets of {size:,} bytes on average")
    ratios = []
    for _ in range(rounds):
        with in_process("sound") as url:
            loop = measure(["-m", "benchmarks.producer_loop", str(tweets), url])
        with in_process("sound") as url:
            plain = measure(producer(work, url, tweets))
            assert get_counts(url)["stored"] == count
        with in_process("faulty") as url:
            faulty = measure(producer(work, url, tweets))
            assert get_counts(url)["distinct"] == count
        ratios.append(plain.cpu / loop.cpu)
        for name, cost in ("bare loop", loop), ("producer", plain), ("producer, faults", faulty):
            print(
                f"  {name:18}{cost.cpu * 10_000 / count:6.2f} CPU s per 10,000"
                f"{count / cost.wall:8,.0f} tweets/s{cost.peak:6.0f} MiB"
            )
    print(f"  CPU time, producer to bare loop: {statistics.median(ratios):.2f}")


_ZIPF = list(accumulate(1 / rank for rank in range(1, 801)))
_KEYS: dict[str, Callable[[random.Random, int], int]] = {
    "20 keys": lambda chance, _: chance.randrange(20),
    "Zipf over 800 keys": lambda chance, _: chance.choices(range(800), cum_weights=_ZIPF)[0],
    "unique keys": lambda _, number: number,
}


def vary_the_stream(work: Path, count: int) -> None:
    """Compare each kind of stream with one that answers at once, for each kind of keys."""
    tweets = work / "varied.jsonl"
    for name, keys in _KEYS.items():
        write_tweets(tweets, count, keys)
        sound = 0.0
        for mode in ("sound", "faulty", "slow", "very-slow", "limited"):
            with in_process(mode) as url:
                started = time.monotonic()
                output = work / "summary"
                wall = wait(start(producer(work, url, tweets), output), started).wall
                assert get_counts(url)["distinct"] == count
            retried = json.loads(output.read_text().splitlines()[-1])["retried"]
            sound = sound or wall
            print(
                f"  {name:20}{mode:10}{count / wall:8,.0f} tweets/s {sound / wall:6.2f}  {retried:8,} sent again"
            )


def build_and_drain_a_backlog(work: Path, count: int) -> None:
    """Let one process read everything while the stream fails, and send it once the stream recovers."""
    tweets = work / "backlog.jsonl"
    write_tweets(tweets, count)
    with in_process("away") as url:
        started = time.monotonic()
        pid = start(producer(work, url, tweets))
        filled = settled(work / "spool")
        reading = time.monotonic() - started - _SETTLED_SECONDS
        started = time.monotonic()
        get_counts(f"{url}/back")
        cost = wait(pid, started)
        assert get_counts(url)["distinct"] == count
    print(
        f"backlog of {count:,} tweets, {filled / 2**20:,.0f} MiB in the spool: "
        f"read at {count / reading:,.0f}/s, sent at {count / cost.wall:,.0f}/s, {cost.peak:.0f} MiB at most"
    )


_SETTLED_SECONDS = 3.0


def settled(spool: Path) -> int:
    """Wait until the spool has not grown for some seconds; return its size."""
    size, since = 0, time.monotonic()
    while not size or time.monotonic() - since < _SETTLED_SECONDS:
        time.sleep(0.1)
        if (now := sum(path.stat().st_size for path in spool.rglob("*.log"))) != size:
            size, since = now, time.monotonic()
    return size


def producer(work: Path, url: str, tweets: Path) -> list[str]:
    """Return the command that sends the tweets to the stub."""
    config = work / "config.json"
    settings = {"access_key": "AKIAEXAMPLE", "secret_access_key": "secret", "region": "eu-west-1"}
    config.write_text(json.dumps(settings | {"stream_name": "tweets", "aws_endpoint": url}))
    config.chmod(0o600)
    return ["-m", "producer", "--source", "file", str(tweets), "--config", str(config)]


def measure(command: list[str]) -> Cost:
    """Run a command of this interpreter on one core."""
    started = time.monotonic()
    return wait(start(command), started)


def start(command: list[str], errors: Path | None = None) -> int:
    """Start a command; return its process id, because only `wait4` returns the usage of one process."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 2, str(errors), flags, 0o600)] if errors else []
    pid = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ, file_actions=actions)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
    return pid


def wait(pid: int, started: float) -> Cost:
    """Wait for a process to end successfully."""
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    assert status == 0, f"exit code {os.waitstatus_to_exitcode(status)}"
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * unit / 2**20)


def write_tweets(
    path: Path,
    count: int,
    keys: Callable[[random.Random, int], int] = lambda chance, _: chance.randrange(10_000),
) -> int:
    """Write made-up posts in the format of the v2 stream; return their average size in bytes."""
    chance = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            author = str(keys(chance, number))
            text = " ".join(chance.choices(_WORDS, k=chance.randrange(20, 60)))
            data = {
                "id": str(1_990_000_000_000_000_000 + number),
                "author_id": author,
                "created_at": "2026-11-23T14:41:28.000Z",
                "lang": "en",
                "text": text,
                "edit_history_tweet_ids": [str(1_990_000_000_000_000_000 + number)],
                "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 1, "quote_count": 0},
                "entities": {
                    "annotations": [{"start": 0, "end": 5, "probability": 0.9, "type": "Other"}] * 5
                },
                "context_annotations": [{"domain": {"id": "46", "name": "Brand"}, "entity": {"id": "7"}}] * 5,
            }
            users = [{"id": author, "name": f"Author {author}", "username": f"author_{author}"}]
            tweet = {"data": data, "includes": {"users": users}, "matching_rules": [{"id": "1", "tag": "t"}]}
            file.write(json.dumps(tweet) + "\n")
        return file.tell() // count


if __name__ == "__main__":
    main()
