"""Kills the producer again and again while it reads a file, and counts how often each tweet reaches the stream.

python -m benchmarks.kills [--tweets 200000] [--kills 50]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.producer import producer, write_tweets
from local.stubs.kinesis import get_counts, in_process
from producer.spooling.spool import SEGMENT_BYTES


def main() -> None:
    """Print the counts; the exit code is 1 if a tweet is missing, or more was sent twice than a kill explains."""
    parser = argparse.ArgumentParser(description="The producer, killed while it reads a file.")
    parser.add_argument("--tweets", type=int, default=200_000, help="lines of the file")
    parser.add_argument("--kills", type=int, default=50, help="number of kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, in_process("sound") as url:
        tweets = Path(directory) / "tweets.jsonl"
        write_tweets(tweets, arguments.tweets)
        command = [sys.executable, *producer(Path(directory), url, tweets)]
        kills = 0
        while True:
            with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
                if kills < arguments.kills:
                    time.sleep(random.uniform(0.4, 1.2))
                    process.send_signal(signal.SIGKILL)
                _, errors = process.communicate()
            if process.returncode == 0:
                break
            if process.returncode != -signal.SIGKILL:
                sys.exit(errors.decode())
            kills += 1
        counts = get_counts(url)
    sent_again = counts["stored"] - counts["distinct"]
    per_segment = SEGMENT_BYTES // 400
    print(
        f"{arguments.tweets:,} tweets, {kills} kills: {counts['distinct']:,} on the stream, {sent_again:,} sent "
        f"again, {sent_again / max(1, kills):,.0f} a kill (a segment holds about {per_segment:,})"
    )
    if counts["distinct"] != arguments.tweets or sent_again > kills * per_segment:
        sys.exit(1)


if __name__ == "__main__":
    main()
