"""Forces what a long run has stored to the disk, once a second and at its end, beside the work.

A commit of ours is safe from everything but a power cut; against that only the disk helps, and it takes 1 to 20 ms. So
a thread does it, and a run that is over within a second does not wait for it: the kernel writes by itself soon.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

EVERY = 1.0  # seconds


class Forced:
    """The files of one run."""

    def __init__(self, log: Path, marks: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        """`log` is that of SQLite, and `marks` forces the marks: a lock may end with any descriptor that is closed."""
        self._log, self._marks = log, marks
        self._clock = clock
        self._next = clock() + EVERY
        self._thread: threading.Thread | None = None
        self._long = False  # it was once done, so that the end is worth it too

    def soon(self) -> None:
        """Begin to force what there is, if the last time is long enough ago; returns at once."""
        if self._clock() < self._next or (self._thread and self._thread.is_alive()):
            return
        self._next, self._long = self._clock() + EVERY, True
        self._thread = threading.Thread(target=self._force, name="pssh-disk", daemon=True)
        self._thread.start()

    def last(self) -> None:
        """Force all, and return once it is there; for a short run nothing is done."""
        if self._thread:
            self._thread.join()
        if self._long:
            self._force()

    def _force(self) -> None:
        with suppress(OSError):  # gone, or a disk that fails: then the next commit says so
            self._marks()
            descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
