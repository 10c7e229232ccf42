"""Marks a job before its command leaves, where that outlives this process and its parent.

One byte per job in a file that is there already. It is in the kernel once the call returns, so that whoever reads the
file after a `kill -9` knows which commands may have run. The lock says that somebody of the run is still alive.
"""

import fcntl
import os

from pssh.engine.wire import FromLane
from pssh.model.event import JobConnected
from pssh.model.outcome import Failure
from pssh.model.work import TransportError


class Marks:
    """The file of a run; without a path nothing is marked."""

    def __init__(self, path: str = "") -> None:
        self._file = -1
        if path:
            self._file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def mark(self, event: FromLane) -> None:
        """Note of a job that connected that its command may run from now on; raises TransportError if it cannot be."""
        if self._file >= 0 and isinstance(event, JobConnected):
            try:
                os.pwrite(self._file, b"\1", event.job_id)
            except OSError as error:
                message = f"it cannot be noted that the command leaves: {error.strerror}"
                raise TransportError(Failure(stage="local", kind="disk-full", message=message)) from None

    def close(self) -> None:
        """Hold neither file nor lock any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
