"""What the demo streams: tweets of X, the lines of a file, or events made from the samples of their type."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import IO, Final

from event.types import DEFAULT_EVENT_TYPE, load
from local.events import make_events

TERM: Final = "#LanternNight"
EVENTS: Final = 3000
POISONOUS: Final = 2
RATE: Final = 1000
"""Posts per second: four times what one connection to X delivers, to keep the demo short."""

_FROM_X: Final = f"""\
{POISONOUS} of them are planted: they are too large for the table, so they must end
in quarantine and raise an alarm. All others must become rows."""
_MADE: Final = """\
{count} of them {be} invalid, so the producer must reject {them}. Another program puts
the same on the stream, which must end in quarantine and raise an alarm. All
others must become rows."""


@dataclass(frozen=True)
class Load:
    """What the demo streams.

    Attributes:
        arguments: of the producer.
        count: how many events it shall read.
        notice: says what is wrong with some of them on purpose.
        source: the command whose output the producer reads.
        lines: that output.
        invalid: how many events the producer must reject; None if that is not known.
        planted: payloads that another program puts on the stream.
    """

    arguments: Sequence[str]
    count: int
    notice: str = ""
    source: str = ""
    lines: bytes = b""
    invalid: int | None = None
    planted: Sequence[bytes] = ()

    @property
    def command(self) -> str:
        """The command that streams it."""
        pipe = f"{self.source} | " if self.source else ""
        return f"{pipe}python -m producer {shlex.join(self.arguments)}"

    @contextmanager
    def standard_input(self, folder: Path) -> Iterator[int | IO[bytes]]:
        """Yield the producer's standard input, a file in a folder if it reads that."""
        if not self.lines:
            yield DEVNULL
            return
        path = folder / "events.jsonl"
        path.write_bytes(self.lines)
        with path.open("rb") as lines:
            yield lines


def choose_load(event_type: str, path: Path | None) -> Load:
    """Return the lines of a file if there is one, tweets of local X, or events made from samples."""
    if path:
        count = sum(1 for line in path.open("rb") if line.strip())
        return Load(["--source", "file", str(path.resolve()), "--max-rejected", str(count)], count)
    if event_type == DEFAULT_EVENT_TYPE:
        return Load(["--track", TERM, "--limit", str(EVENTS)], EVENTS, _FROM_X)
    event = load(event_type)
    invalid = [message.encode() for message in event.invalid]
    valid = EVENTS - len(invalid)
    is_one = len(invalid) == 1
    return Load(
        ["--source", "file", "-", "--max-rejected", str(len(invalid))],
        EVENTS,
        _MADE.format(count=len(invalid), be="is" if is_one else "are", them="it" if is_one else "them"),
        f"python -m local events {event_type}",
        b"\n".join([*invalid, *make_events(event, valid), b""]),
        len(invalid),
        invalid,
    )
