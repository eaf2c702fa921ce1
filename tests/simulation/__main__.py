"""`python -m tests.simulation`: run seeded worlds, and print the shortest history of the first that breaks a law."""

import logging
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack

import click
from rich.console import Console
from rich.progress import Progress

from tests.simulation import search
from tests.simulation.laboratory import laboratory

_CHUNK = 20
_open = ExitStack()


@click.command(epilog="A failing seed is run again, with the same history, by --first SEED --seeds 1.")
@click.option("--seeds", type=click.IntRange(1), default=1000, show_default=True, help="Number of worlds.")
@click.option(
    "--first", type=click.IntRange(0), help="First seed; a random one by default, which is printed."
)
@click.option("--seconds", type=click.FloatRange(1), help="Start no more worlds after this time.")
def main(seeds: int, first: int | None, seconds: float | None) -> None:
    """Simulate worlds: the real parts, on a virtual clock, with faults and crashes that a seed decides."""
    first = random.randrange(1 << 31) if first is None else first
    deadline = time.monotonic() + seconds if seconds else None
    done = 0
    print(f"Simulating {seeds:,} worlds from seed {first}.", flush=True)
    with (
        ProcessPoolExecutor(os.cpu_count(), initializer=_prepare) as pool,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("Worlds", total=seeds)
        end = first + seeds
        chunks = [range(start, min(start + _CHUNK, end)) for start in range(first, end, _CHUNK)]
        for chunk, failure in zip(chunks, pool.map(_run, chunks, [deadline] * len(chunks)), strict=True):
            if isinstance(failure, search.Failure):
                pool.shutdown(cancel_futures=True)
                progress.stop()
                sys.exit(
                    f"{failure}\n\nRun it again: python -m tests.simulation --first {failure.seed} --seeds 1"
                )
            done += failure
            progress.advance(task, len(chunk))
    print(f"{done:,} worlds: every law held.")


def _prepare() -> None:
    """Open a laboratory for the life of this process: the function freezes what is in memory when it is imported."""
    logging.disable(logging.CRITICAL)
    _open.enter_context(laboratory())


def _run(seeds: range, deadline: float | None) -> search.Failure | int:
    """Return the first failure, shrunk, or how many worlds were run before the deadline."""
    count = 0
    for seed in seeds:
        if deadline and time.monotonic() > deadline:
            break
        if failure := search.find([seed]):
            return search.shrink(failure)
        count += 1
    return count


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a world
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606
    main()
