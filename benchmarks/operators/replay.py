"""`ops replay` of a stream with several shards."""

import tempfile
from pathlib import Path

from benchmarks.operators.runner import Case
from local.stubs.http import Answer
from local.stubs.stream import OUTPUTS, Stream

_SHARDS, _RECORDS, _SECONDS = 4, 100_000, 1800


def services() -> Answer:
    """Return four shards with 100,000 records of the last half hour, and a function that takes 50 ms."""
    return Stream(_SHARDS, _RECORDS / _SHARDS / _SECONDS, _SECONDS + 60, 60).answer


def _check(printed: str) -> None:
    assert f"{_RECORDS:,} records = {_RECORDS:,} handled by the function" in printed, printed


_CHECKPOINT = str(Path(tempfile.gettempdir(), "benchmark-replay.json"))
CASES = [
    Case(
        "`replay`, 4 shards, 100,000 records",
        ["replay", "--from", "45m", "--rate", "1000000", "--yes", "--checkpoint", _CHECKPOINT],
        f"{__name__}:services",
        OUTPUTS,
        work=_RECORDS,
        check=_check,
    )
]
