"""One run of a job at a time on this machine, by kernel locks: they end with their holder, so that none is ever stale.

A lock is `flock` on a file of the state folder. The file says who holds it, by process number and when that began, so
that `stop-old` ends that process and never another that came to its number.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from pssh.schedule.state import StateError, secured

_LOOK = 0.2  # seconds between two looks at a lock that another holds


class Lock:
    """The lock of one job, or of something else by a name."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = (
            secured(folder / "locks") / f"{sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.lock"
        )
        self._file = -1

    def take(self) -> bool:
        """Take it if nobody has it."""
        try:
            opened = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"The lock `{self.path}` cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            return False
        os.ftruncate(opened, 0)
        os.pwrite(opened, f"{os.getpid()} {_born(os.getpid())}\n".encode(), 0)
        self._file = opened
        return True

    def held(self) -> bool:
        """Whether somebody has it, without touching it: whoever takes it at this moment must not find it taken."""
        return bool(self.holder())

    def give(self) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def wait(self, until: Callable[[], bool] = lambda: False, sleep: Callable[[float], object] = time.sleep) -> bool:
        """Take it once it is free; False if `until` became true before."""
        while not self.take():
            if until():
                return False
            sleep(_LOOK)
        return True

    def holder(self) -> int:
        """Return the process that has it, 0 if there is none: it is alive, and began when it says it did."""
        try:
            pid, born = self.path.read_text().split()
            os.kill(int(pid), 0)
        except PermissionError:
            pass
        except (OSError, ValueError):
            return 0
        return int(pid) if born == _born(int(pid)) else 0

    def end_holder(self) -> bool:
        """Ask the process that has it to end, as by `kill`; False if there is none."""
        if not (pid := self.holder()):
            return False
        try:
            if not hasattr(os, "pidfd_open"):
                os.kill(pid, signal.SIGTERM)
                return True
            process = os.pidfd_open(pid)
            try:
                if self.holder() != pid:  # by now the number may be another's; the descriptor stays that process's
                    return False
                signal.pidfd_send_signal(process, signal.SIGTERM)
            finally:
                os.close(process)
        except OSError:
            return False
        return True

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Give it back afterwards."""
        try:
            yield
        finally:
            self.give()


def _born(pid: int) -> str:
    """Return when a process began, in the kernel's own count; `-` where that cannot be known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone" if Path("/proc/self/stat").exists() else "-"
