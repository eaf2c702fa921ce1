"""The file of rejected input, beside the spool: nothing that a source has read is gone because it was rejected.

Each line of `rejected.jsonl` is one JSON object:

| member | |
|---|---|
| `reason` | why it was rejected |
| `source`, `line` | where it came from: a file's path, `standard input`, `X` or `Bluesky`, and its number there |
| `input` | the input as it came; null if it was too long to keep |
| `input_base64` | the same, instead of `input`, if it is not UTF-8 |

`python -m producer --source rejected FILE` reads such a file.
"""

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from producer.errors import SpoolError
from stack.printing import shorten

MAX_BYTES = 256 * 1024 * 1024
"""Limit of the file: what does not fit is rejected without being kept, which the end of the run says."""
_NAME = "rejected.jsonl"


@dataclass(frozen=True, slots=True)
class Input:
    """What a source has read, as it came.

    Attributes:
        source: a file's path, `standard input`, `X` or `Bluesky`.
        line: its number there.
        data: None if it was too long to be held in memory.
    """

    source: str
    line: int
    data: bytes | None


class RejectedFile:
    """The file `rejected.jsonl` in a spool's folder, which the spool has locked; appended to from one thread.

    An input that was kept is in the kernel's page cache, so `kill -9` loses none. The file is opened for each of them:
    it may be renamed or deleted at any time.

    Attributes:
        path: of the file, which exists once something was rejected.
    """

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self.path = folder / _NAME
        self._notify = notify
        self._kept = self._lost = 0
        self._failure: str | None = None
        self._synced = True

    def keep(self, reason: str, rejected: Input) -> None:
        """Append a rejected input; one that cannot be written is counted, the first time with a message."""
        try:
            self._append(_to_line(reason, rejected))
        except OSError as error:
            self._lost += 1
            if self._failure is None:
                self._failure = f"{self.path} cannot be written: {error.strerror}"
                self._notify(f"Rejected input is not kept: {self._failure}.")
        else:
            self._kept += 1
            self._synced = False

    def set_aside(self, path: str) -> str:
        """Return the file to read when `path` is to be sent again: a run must not append to what it reads.

        Raises:
            SpoolError: the file cannot be renamed.
        """
        if not (self.path.exists() and Path(path).exists() and self.path.samefile(path)):
            return path
        number = 1
        while (aside := self.path.with_name(f"rejected.{number}.jsonl")).exists():
            number += 1
        try:
            self.path.rename(aside)
        except OSError as error:
            raise SpoolError(f"{self.path} cannot be renamed: {error.strerror}.") from error
        self._notify(
            f"Renamed {self.path} to {aside.name}: what is rejected again is kept in a new {_NAME}. If this run is "
            f"interrupted, run it again with --source rejected {aside}; delete that file once all of it is sent."
        )
        return str(aside)

    def sync(self) -> None:
        """Flush what was appended to the disk itself."""
        if self._synced:
            return
        self._synced = True
        with suppress(OSError):  # it was renamed or deleted, or the disk fails, of which the spool speaks
            file = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)

    @property
    def advice(self) -> list[str]:
        """What to do with the input that this run has kept; empty if there is none."""
        if not self._kept:
            return []
        return [f"Rejected input is kept: after a fix, send it again with --source rejected {self.path}"]

    @property
    def shortfall(self) -> str | None:
        """How much is not kept, and why; None if all is."""
        if self._failure is None:
            return None
        return f"{self._lost:,} rejected inputs were not kept: {self._failure}."

    def _append(self, line: bytes) -> None:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # a crash has left half a line, which is not JSON
            if size + len(line) > MAX_BYTES:
                raise OSError(None, f"it has reached its limit of {MAX_BYTES:,} bytes; move it elsewhere")
            try:
                while line:
                    line = line[os.write(file, line) :]
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


def max_line(max_input: int) -> int:
    """Return the limit in bytes of a line of the file, given that of an input."""
    escape, other_members = len(r"\u0000"), 64 * 1024  # a path of 4,096 bytes at most, and a shortened reason
    return max_input * escape + other_members


def parse_line(line: bytes) -> Input:
    """Return the input that a line of the file contains.

    Raises:
        ValueError: no producer has written the line, or a crash has cut it off.
    """
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"cut off, or not a line of {_NAME}: {error}") from None
    match members:
        case {"source": str(source), "line": int(number), "input": str(text)}:
            return Input(source, number, text.encode())
        case {"source": str(source), "line": int(number), "input_base64": str(text)}:
            return Input(source, number, base64.b64decode(text, validate=True))
        case {"source": str(source), "line": int(number), "input": None}:
            return Input(source, number, None)
    raise ValueError(f"not a line of {_NAME}: it lacks source, line or input")


def _to_line(reason: str, rejected: Input) -> bytes:
    reason = shorten(reason).encode(errors="backslashreplace").decode()  # it may show an unpaired surrogate
    members: dict[str, object] = {"reason": reason, "source": rejected.source, "line": rejected.line}
    if rejected.data is None:
        members |= {"reason": f"{reason}: the input was not kept", "input": None}
    else:
        try:
            members["input"] = rejected.data.decode()
        except UnicodeDecodeError:
            members["input_base64"] = base64.b64encode(rejected.data).decode()
    return orjson.dumps(members) + b"\n"
