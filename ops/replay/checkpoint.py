"""Checkpoints: files from which an interrupted replay continues."""

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from event.record import iso
from ops.errors import OptionsError

_VERSION: Final = 1
_MAX_SECONDS: Final = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Checkpoint:
    """Range and progress of a replay.

    Attributes:
        path: the file.
        stream_arn, function_arn: the stream that it reads, and the function that it invokes.
        start, end: the range of arrival times.
        shards: the shards to read, in order, each with the sequence number of its last handled record.
        finished: the shards that were read to the end of the range.
        expired: the shards that the stream no longer has, before they were read to the end of the range.
        records, bytes: number and size of the records that were sent, those in quarantine included.
        refused: number of the records that the replay put into quarantine, with the reason `refused`.
        filtered: number of the records that were not sent, because the mapping's filters drop them.
        reached: arrival of the last record read of each shard that was begun, in seconds of the epoch.
        missed: seconds of arrival times whose records expired before they were read, of each shard that has any.
    """

    path: Path
    stream_arn: str
    function_arn: str
    start: datetime
    end: datetime
    shards: dict[str, str | None]
    finished: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    records: int = 0
    bytes: int = 0
    refused: int = 0
    filtered: int = 0
    reached: dict[str, float] = field(default_factory=dict)
    missed: dict[str, float] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Number of shards that are finished or expired."""
        return len(self.finished) + len(self.expired)

    @property
    def is_finished(self) -> bool:
        return self.done == len(self.shards)

    def save(self) -> None:
        """Replace the file at once, so that it is whole even after a crash."""
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text(self.to_json())
        temporary.replace(self.path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            OptionsError: the file has another format.
        """
        try:
            return cls.from_json(path, path.read_text())
        except (OSError, ValueError) as error:
            raise OptionsError(f"{path} is not a checkpoint of a replay: {error}.") from error

    def to_json(self) -> str:
        """Return the content of the file."""
        content = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "path"}
        content |= {"version": _VERSION, "start": iso(self.start), "end": iso(self.end)}
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, path: Path, text: str) -> Self:
        """Parse the content of a file.

        Raises:
            ValueError: it has another format.
        """
        try:
            content = json.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
        if content.pop("version", None) != _VERSION:
            raise ValueError(f"its version is not {_VERSION}")
        content.setdefault("expired", [])  # earlier releases did not write these
        content.setdefault("filtered", 0)
        content.setdefault("reached", {})
        content.setdefault("missed", {})
        if content.keys() != _MEMBERS.keys():
            raise ValueError("it has other members")
        for name, is_valid in _MEMBERS.items():
            if not is_valid(content[name]):
                raise ValueError(f"`{name}` is invalid")
        done = content["finished"] + content["expired"]
        if len(set(done)) < len(done) or not content["shards"].keys() >= set(done):
            raise ValueError("`finished` and `expired` are not of its shards")
        for name in ("start", "end"):
            content[name] = datetime.fromisoformat(content[name])
        return cls(path=path, **content)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Let no other process use a checkpoint, for the extent of a block.

    The lock is a file beside it, because `Checkpoint.save` replaces the checkpoint itself. Whoever opened it before
    it was deleted has locked nothing.

    Raises:
        OptionsError: another process uses it.
    """
    beside = path.with_name(path.name + ".lock")
    with beside.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_locked = os.path.samestat(os.fstat(file.fileno()), beside.stat())
        except (BlockingIOError, FileNotFoundError):
            is_locked = False
        if not is_locked:
            raise OptionsError(f"Another replay uses {path}: wait until it ends, or stop it.")
        try:
            yield
        finally:
            beside.unlink()


_is_shard = re.compile(r"[a-zA-Z0-9_.-]{1,128}").fullmatch
_is_sequence_number = re.compile(r"[0-9]{1,129}").fullmatch
"""As the Amazon Kinesis API reference has them."""
_is_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_list_of_shards(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(shard, str) for shard in value)


def _is_positions(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_shard(shard) and (number is None or (isinstance(number, str) and _is_sequence_number(number)))
        for shard, number in value.items()
    )


def _is_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        type(seconds) in (int, float) and 0 <= seconds < _MAX_SECONDS for seconds in value.values()
    )


def _matches(pattern: Callable[[str], object]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(pattern(value))


_MEMBERS: Final[dict[str, Callable[[Any], bool]]] = {
    "stream_arn": _matches(str.isprintable),
    "function_arn": _matches(str.isprintable),
    "start": _matches(_is_time),
    "end": _matches(_is_time),
    "shards": _is_positions,
    "finished": _is_list_of_shards,
    "expired": _is_list_of_shards,
    "records": _is_count,
    "bytes": _is_count,
    "refused": _is_count,
    "filtered": _is_count,
    "reached": _is_seconds,
    "missed": _is_seconds,
}
"""Checks of the file's members, besides the version."""
