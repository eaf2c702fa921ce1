"""A disk that fills up and is damaged, and a process that dies between any two bytes that it writes.

Written data survives a crash, as with `kill -9`: a power failure is not simulated.
"""

import errno
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from producer.spooling.folder import Folder
from tests.simulation.scheduler import Process, current


class Disk:
    """The files of one directory, which outlive the processes that use it.

    Attributes:
        files: the content of each.
        capacity: bytes that fit.
        crash: None, or how many more operations the process that uses the disk survives, and which share of the
            last one it still does.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.capacity = 1 << 30
        self.crash: tuple[int, float] | None = None

    @property
    def used(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


class SimulatedFolder(Folder):
    """`producer.spooling.folder.Folder` on a simulated disk, for one process."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self.path = Path("spool")
        self._disk = disk
        self._process = process

    def sizes(self, pattern: str) -> dict[str, int]:
        return {
            name: len(content)
            for name, content in sorted(self._disk.files.items())
            if fnmatchcase(name, pattern)
        }

    def append(self, name: str, data: bytes, size: int) -> None:
        dies_after = self._operation()
        file = self._disk.files.setdefault(name, bytearray())
        if self._disk.used + len(data) > self._disk.capacity:
            del file[size:]
            raise OSError(errno.ENOSPC, "No space left on device")
        if dies_after is not None:
            file += data[: int(len(data) * dies_after)]
            current().kill(self._process)
        file += data

    def read(self, name: str) -> bytes:
        self._find(name)
        return bytes(self._disk.files[name])

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        self._find(name)
        return bytes(self._disk.files[name][offset : offset + size])

    def replace(self, name: str, content: bytes) -> None:
        temporary = str(PurePath(name).with_suffix(".new"))
        self._disk.files.pop(temporary, None)
        try:
            self.append(temporary, content, 0)
        except OSError:
            self._disk.files.pop(temporary)
            raise
        self._mutate(lambda: self._disk.files.update({name: self._disk.files.pop(temporary)}))

    def rename(self, name: str, new_name: str) -> None:
        self._find(name)
        self._mutate(lambda: self._disk.files.update({new_name: self._disk.files.pop(name)}))

    def empty(self, name: str, new_name: str) -> None:
        self.rename(name, new_name)
        self._mutate(lambda: self._disk.files.update({new_name: bytearray()}))

    def rename_damaged(self, name: str) -> Path:
        self._find(name)
        free = f"{name}.{len(self._disk.files)}.corrupt"
        self._mutate(lambda: self._disk.files.update({free: self._disk.files.pop(name)}))
        return self.path / free

    def remove(self, name: str) -> None:
        self._mutate(lambda: self._disk.files.pop(name, None))

    def prepare_fsync(self) -> Callable[[], None]:
        return lambda: None

    def close(self) -> None:
        pass

    def _find(self, name: str) -> None:
        if name not in self._disk.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)

    def _mutate(self, change: Callable[[], object]) -> None:
        """Make an atomic change, or die before it."""
        if self._operation() is not None:
            current().kill(self._process)
        change()

    def _operation(self) -> float | None:
        """Count an operation that changes the disk; return which share of it is done before the crash, if any."""
        if not self._process.alive:
            current().park()
        if self._disk.crash is None:
            return None
        left, share = self._disk.crash
        self._disk.crash = (left - 1, share) if left else None
        return share if not left else None
