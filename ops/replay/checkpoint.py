"""How far a replay has come, in a file, so that an interrupted one goes on."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from handler.record import iso
from ops.errors import ConfigError

_VERSION = 1


@dataclass(slots=True)
class Checkpoint:
    """A replay: what it was asked for, and how far it has come.

    Attributes:
        path: the file.
        stream_arn, function_arn: what it reads, and what it invokes.
        start, end: the range of arrival times.
        shards: the shards to read, in order, each with the sequence number of its last handled record.
        finished: the shards that were read to the end of the range.
        records, bytes: what was handled, refused records included.
        refused: the records that the function refused to the end, which are in quarantine.
    """

    path: Path
    stream_arn: str
    function_arn: str
    start: datetime
    end: datetime
    shards: dict[str, str | None]
    finished: list[str] = field(default_factory=list)
    records: int = 0
    bytes: int = 0
    refused: int = 0

    @property
    def is_finished(self) -> bool:
        return len(self.finished) == len(self.shards)

    def save(self) -> None:
        """Replace the file; whoever reads it, even after a crash, finds it whole."""
        content = {**asdict(self), "version": _VERSION, "start": iso(self.start), "end": iso(self.end)}
        del content["path"]
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text(json.dumps(content, indent=2))
        temporary.replace(self.path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            ConfigError: the file has another format.
        """
        try:
            content = json.loads(path.read_text())
            if content.pop("version") != _VERSION:
                raise ValueError("another version")
            for name in ("start", "end"):
                content[name] = datetime.fromisoformat(content[name]).astimezone(UTC)
            return cls(path=path, **content)
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path} is not a checkpoint of a replay: {error}.") from error
