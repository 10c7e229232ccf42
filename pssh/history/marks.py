"""The marks of a run under way: one byte per host, set before a command may leave, and locks held by who is alive.

A worker sets a host's byte before the first byte of its command is sent (`engine/marks.py`). The byte is then in the
kernel, so that it outlives a `kill -9` of everybody: a host without a result was `not-started` if its byte is not set,
and `end-unknown` if it is. No row of a database says that in time: our process would have to answer each worker before
each command.

Two locks of the kernel (flock) say who is alive: a file of its own is locked by the main process, the marks by it and
its workers. Where nobody holds the first, the workers are about to end, and are waited for. A lock ends with its
process, while a process number that was written down may be another's by then, as after a reboot.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from pssh.errors import HistoryError
from pssh.history.place import open_file

_PIECE = 64 << 10
_DYING = 3.0  # seconds for workers to end once their parent is gone


class Marks:
    """The files of one run, as its main process holds them."""

    def __init__(self, folder: Path, run: str) -> None:
        """Begin new files, and lock them; raises HistoryError."""
        self.path, self._alive = _paths(folder, run)
        self._descriptors: list[int] = []
        try:
            for path in (self._alive, self.path):
                path.unlink(missing_ok=True)  # of a run of the same number, in a history that is gone
                self._descriptors.append(open_file(path))
                fcntl.flock(self._descriptors[-1], fcntl.LOCK_SH)
        except OSError as error:
            raise HistoryError(f"The history `{folder}` cannot be written: {error.strerror}") from None

    def fill(self, hosts: int, *, unknown: bool = False) -> None:
        """Make room for so many hosts: a mark then finds its place also on a full disk; raises HistoryError.

        `unknown`: nobody will mark them, so that of any of them the command may have left.
        """
        try:
            for at in range(0, hosts, _PIECE):
                os.pwrite(self._descriptors[1], (b"\1" if unknown else b"\0") * min(_PIECE, hosts - at), at)
        except OSError as error:
            raise HistoryError(f"The history `{self.path}` cannot be written: {error.strerror}") from None

    def force(self) -> None:
        """Have what is marked on the disk once this returns; raises OSError."""
        if self._descriptors:
            os.fsync(self._descriptors[1])

    def remove(self) -> None:
        """End the files together with their run."""
        forget(self.path.parent, self.path.stem)
        self.close()

    def close(self) -> None:
        """Let go of the locks, as a process does that ends."""
        while self._descriptors:
            os.close(self._descriptors.pop())


class Left:
    """The marks of a run of which no process is alive; nobody else can take it up meanwhile."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def begun(self, host: int) -> bool:
        """Whether the command of this host may have left; of what is not known it may."""
        return self._descriptor < 0 or os.pread(self._descriptor, 1, host) != b"\0"

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def left(folder: Path, run: str) -> Left | None:
    """Return the marks of a run that nobody attends any more; None while somebody does."""
    path, alive = _paths(folder, run)
    main = _opened(alive)
    if main >= 0:
        try:
            if not _locked(main, 0.0):
                return None
        finally:
            os.close(main)
    descriptor = _opened(path)
    if descriptor >= 0 and not _locked(descriptor, _DYING):
        os.close(descriptor)
        return None
    return Left(descriptor)


def forget(folder: Path, run: str) -> None:
    """Remove the files of a run, if there are any."""
    for path in _paths(folder, run):
        with suppress(OSError):
            path.unlink()


def _paths(folder: Path, run: str) -> tuple[Path, Path]:
    return folder / f"{run}.marks", folder / f"{run}.alive"


def _opened(path: Path) -> int:
    if not path.exists():
        return -1
    try:
        return open_file(path)
    except HistoryError:
        return -1


def _locked(descriptor: int, patience: float) -> bool:
    """Whether we got the lock within so many seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        else:
            return True
