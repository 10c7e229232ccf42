"""The marks of a run under way: one byte per host, set before a command may leave, and a lock held by who is alive.

A worker sets a host's byte before the first byte of its command is sent (`engine/worker.py`). The byte is then in the
kernel, so that it outlives a `kill -9` of everybody: a host without a result was `not-started` if its byte is not set,
and `end-unknown` if it is. No row of a database says that in time: our process would have to answer each worker before
each command.

The lock is the kernel's (flock). Whoever gets it knows that no process of the run is left, also after a reboot; a
number of a process may be another's by then.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from pssh.errors import HistoryError
from pssh.history.place import open_file

_PIECE = 64 << 10


class Marks:
    """The file of one run, as its main process holds it."""

    def __init__(self, path: Path) -> None:
        """Begin a new file, and lock it together with the workers to come; raises HistoryError."""
        self.path = path
        path.unlink(missing_ok=True)  # of a run of the same number, in a history that is gone
        self._descriptor = open_file(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def fill(self, hosts: int) -> None:
        """Make room for so many hosts, none of them marked: a mark finds its place also on a full disk."""
        for at in range(0, hosts, _PIECE):
            os.pwrite(self._descriptor, bytes(min(_PIECE, hosts - at)), at)

    def remove(self) -> None:
        """End the file together with its run."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self._descriptor)


class Left:
    """The file of a run of which no process is alive; nobody else can take it up meanwhile."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    def begun(self, host: int) -> bool:
        """Whether the command of this host may have left; of what is not known it may."""
        if self._descriptor < 0:
            return True
        return os.pread(self._descriptor, 1, host) != b"\0"

    def close(self, *, remove: bool) -> None:
        if remove:
            self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)


def left(path: Path) -> Left | None:
    """Return the marks of a run that nobody attends any more; None while somebody does."""
    if not path.exists():
        return Left(path, -1)
    try:
        descriptor = open_file(path)
    except HistoryError:
        return Left(path, -1)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return Left(path, descriptor)
