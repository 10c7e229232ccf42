"""What a sync does in a folder of this machine besides files: what is not wanted goes, modes and times are set.

Every step is taken from the descriptor of the folder above and through no link; whatever was put in the place of a
folder meanwhile is not entered.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pssh.ops.fs.here.folders import FOLDER, enter, look, walk
from pssh.ops.sync.plan import Plan


class Ground:
    """One folder; raises OSError, with the path as its file name."""

    def __init__(self, folder: str) -> None:
        self._top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._top)

    def clear(self, plan: Plan) -> None:
        """Remove what stands in the way of something else."""
        for path in plan.clear:
            self._remove(path)

    def settle(self, plan: Plan) -> None:
        """Remove what is not wanted, and give modes and times."""
        for path in plan.remove:
            self._remove(path)
        for path, when in reversed(plan.times):
            with self._within(path) as (above, name), _named(path):
                os.utime(name, (when, when), dir_fd=above, follow_symlinks=False)
        for path, mode in reversed(plan.chmod):
            with self._within(path) as (above, name), _named(path):
                self._chmod(above, name, mode)

    def _chmod(self, above: int, name: bytes, mode: int) -> None:
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
        try:
            if stat.S_IMODE(os.fstat(found).st_mode) != mode:
                os.fchmod(found, mode)
        finally:
            os.close(found)

    @contextmanager
    def _within(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the folder that a path lies in, and its name there; that of the folder itself is `.`."""
        folder = os.dup(self._top)
        *parts, name = path.split(b"/") if path else [b"."]
        try:
            for part in parts:
                with _named(path):
                    inner = os.open(part, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, name
        finally:
            os.close(folder)

    def _remove(self, path: bytes) -> None:
        with self._within(path) as (above, name), _named(path), suppress(FileNotFoundError):
            seen = look(name, above)
            if not stat.S_ISDIR(seen.st_mode):
                os.unlink(name, dir_fd=above)
                return
            folder = enter(name, above, seen)
            try:
                for _, inner, holder, found in walk(folder, _raised, bottom_up=True):
                    if stat.S_ISDIR(found.st_mode):
                        os.rmdir(inner, dir_fd=holder)
                    else:
                        os.unlink(inner, dir_fd=holder)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=above)


def _raised(path: bytes, error: OSError) -> None:
    raise error


@contextmanager
def _named(path: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = "a link or a file lies on the way" if error.errno in (errno.ELOOP, errno.ENOTDIR) else error.strerror
        raise OSError(error.errno, words or str(error), path) from None
