"""A directory of files that one process uses: appended, read at an offset, and replaced atomically.

All that the spool needs of a disk. `tests/simulation` has a double in memory, whose disk fills up and whose process
dies between any two calls.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from producer.errors import SpoolError


class Folder:
    """The files of one directory, created if it is missing. Every method raises OSError.

    Raises:
        SpoolError: the directory cannot be used, or another producer uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[str, int] = {}  # files open for appending, or not yet flushed to the disk
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            message = f"Another producer uses the spool {path}: stop it, or give this one its own --spool."
            raise SpoolError(message) from error
        except OSError as error:
            raise SpoolError(f"The spool {path} cannot be used: {error}.") from error

    def __str__(self) -> str:
        return str(self.path)

    def sizes(self, pattern: str) -> dict[str, int]:
        """Return the names that match a glob pattern, sorted, with their sizes in bytes."""
        return {path.name: path.stat().st_size for path in sorted(self.path.glob(pattern))}

    def append(self, name: str, data: bytes, size: int) -> None:
        """Append to a file of `size` bytes, created if it is missing: all of the data or nothing."""
        file = self._file(name)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, size)  # the next line must not follow half a line
            raise

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return (self.path / name).read_bytes()

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        """Return up to `size` bytes, starting at an offset."""
        file = os.open(self.path / name, os.O_RDONLY)
        try:
            return os.pread(file, size, offset)
        finally:
            os.close(file)

    def replace(self, name: str, content: bytes) -> None:
        """Replace a file's content; the old content stays if that fails."""
        temporary = (self.path / name).with_suffix(".new")
        try:
            temporary.write_bytes(content)
            temporary.replace(self.path / name)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file."""
        (self.path / name).rename(self.path / new_name)

    def empty(self, name: str, new_name: str) -> None:
        """Rename a file, and then free its content."""
        self.rename(name, new_name)
        os.truncate(self.path / new_name, 0)
        if (file := self._open.pop(name, None)) is not None:
            os.close(file)

    def rename_damaged(self, name: str) -> Path:
        """Rename a damaged file to `*.corrupt`, and return its new path; earlier ones stay."""
        path = self.path / name
        free, number = path.with_suffix(".corrupt"), 1
        while free.exists():
            number += 1
            free = path.with_suffix(f".{number}.corrupt")
        path.rename(free)
        return free

    def remove(self, name: str) -> None:
        """Delete a file; a missing one is not an error."""
        (self.path / name).unlink(missing_ok=True)
        if (file := self._open.pop(name, None)) is not None:
            os.close(file)

    def prepare_fsync(self) -> Callable[[], None]:
        """Return a function that flushes the data appended so far to the disk itself, from any thread."""
        files = [os.dup(file) for file in self._open.values()]
        for name in list(self._open)[:-1]:
            os.close(self._open.pop(name))

        def fsync() -> None:
            for file in files:
                os.fsync(file)
                os.close(file)

        return fsync

    def close(self) -> None:
        """Flush everything to the disk itself, and let other processes use the directory."""
        for file in self._open.values():
            os.fsync(file)
            os.close(file)
        self._open.clear()
        os.close(self._lock)

    def _file(self, name: str) -> int:
        if name not in self._open:
            self._open[name] = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self._open[name]
