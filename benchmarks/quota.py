"""Runs a program with a share of one vCPU, as Lambda gives it with the memory (Linux, needs root)."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FULL_VCPU_MB = 1769
"""Memory at which a function has one full vCPU ("Configure Lambda function memory", Developer Guide)."""

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS = 20_000


def run_with_memory(megabytes: int, command: Sequence[str]) -> str:
    """Run a command with the share of a vCPU that so much memory buys; return its output."""
    with _group(min(1.0, megabytes / FULL_VCPU_MB)) as members:
        result = subprocess.run(
            command, check=True, text=True, stdout=subprocess.PIPE, preexec_fn=lambda: _join(members)
        )
    return result.stdout


@contextmanager
def _group(share: float) -> Iterator[Path]:
    """Create a control group with a quota, of either version; yield the file of its members."""
    quota = max(1000, round(share * _PERIOD_MICROSECONDS))
    version_1 = _ROOT / "cpu"
    group = (version_1 if version_1.is_dir() else _ROOT) / f"stream-processing-{os.getpid()}"
    try:
        group.mkdir()
        if version_1.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
    except OSError as error:
        raise SystemExit(
            f"A quota needs a control group that may be created (root on Linux): {error}"
        ) from error
    try:
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def _join(members: Path) -> None:
    members.write_text(str(os.getpid()))
