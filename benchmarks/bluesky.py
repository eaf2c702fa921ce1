"""Reads posts from a Jetstream whose connection breaks again and again, and counts how often each reaches the stream.

    python -m benchmarks.bluesky [--posts 1000000] [--drop-after 20000] [--compare-at 200000]

The producer is a process of its own, and so is the stream. Both generations of Jetstream are run: the older one knows
times only, so the last seconds before each break are read again; the newer one numbers its events. The memory is the
process's resident set, in MiB.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from local.stubs.jetstream import NSID, JetstreamStub
from local.stubs.kinesis import get_counts, in_process

_PATHS = {False: "/subscribe", True: f"/xrpc/{NSID}"}
_MAX_GROWTH = 1.1


class Result(NamedTuple):
    """What a run has done.

    Attributes:
        posts: number of different posts on the stream.
        repeats: how many were there again.
        connections: number of connections made.
        early: memory after `compare_at` posts.
        late: memory at the end.
    """

    posts: int
    repeats: int
    connections: int
    early: float
    late: float
    seconds: float


def main() -> None:
    """Print the results; the exit code is 1 if a post is missing, or memory has grown by more than a tenth."""
    parser = argparse.ArgumentParser(description="The producer on a Jetstream whose connection breaks.")
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument(
        "--drop-after", type=int, default=20_000, help="events after which a connection breaks"
    )
    parser.add_argument("--compare-at", type=int, default=200_000, help="posts after which memory is taken")
    arguments = parser.parse_args()
    failed = False
    for is_numbered, path in _PATHS.items():
        done = run(arguments.posts, arguments.drop_after, arguments.compare_at, is_numbered=is_numbered)
        print(
            f"{path}: {done.posts:,} of {arguments.posts:,} posts on the stream, {done.repeats:,} of them again, over "
            f"{done.connections} connections in {done.seconds:.0f} s; {done.early:.1f} MiB after "
            f"{arguments.compare_at:,}, {done.late:.1f} MiB at the end ({done.late / done.early - 1:+.1%})"
        )
        failed |= done.posts != arguments.posts or done.late > done.early * _MAX_GROWTH
    sys.exit(failed)


def run(posts: int, drop_after: int, compare_at: int, *, is_numbered: bool) -> Result:
    """Let a producer read all posts; it ends once they are on the stream."""
    jetstream = JetstreamStub(is_numbered, posts, drop_after=drop_after)
    with (
        tempfile.TemporaryDirectory() as directory,
        in_process("sound") as stream,
        jetstream.serving() as url,
    ):
        command = [sys.executable, *producer(Path(directory), stream, f"{url}{_PATHS[is_numbered]}")]
        started = time.monotonic()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ) as process:
            early = wait(process, stream, min(compare_at, posts))
            late = wait(process, stream, posts)
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0, f"exit code {process.returncode}"
        counts = get_counts(stream)
    return Result(
        counts["distinct"],
        counts["stored"] - counts["distinct"],
        len(jetstream.asked),
        early,
        late,
        time.monotonic() - started,
    )


def producer(work: Path, stream: str, endpoint: str) -> list[str]:
    """Return the command that sends the posts of a Jetstream to the stub."""
    config = work / "config.json"
    settings = {"access_key": "AKIAEXAMPLE", "secret_access_key": "secret", "region": "eu-west-1"}
    settings |= {"stream_name": "tweets", "aws_endpoint": stream, "bluesky_endpoint": endpoint}
    config.write_text(json.dumps(settings))
    config.chmod(0o600)
    return ["-m", "producer", "--source", "bluesky", "--config", str(config)]


def wait(process: subprocess.Popen[bytes], stream: str, posts: int) -> float:
    """Wait until so many different posts are on the stream; return the process's memory."""
    while get_counts(stream)["distinct"] < posts:
        assert process.poll() is None, f"the producer has ended with {process.returncode}"
        time.sleep(0.1)
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(process.pid)], check=True, capture_output=True, text=True
    )
    return int(shown.stdout) / 1024


if __name__ == "__main__":
    main()
