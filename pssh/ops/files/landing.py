"""One file on its way into a folder of this machine: written aside, ready on the disk, and then given its name.

Promises: what gets a name is on the disk, with its mode; it keeps mode, owner and group of what it replaces; what got
no name leaves nothing.
"""

import hashlib
import os
from contextlib import suppress

from pssh.ops.files.land import Ground
from pssh.ops.files.names import Place

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_ZEROS = bytes(64 << 10)


class Landing:
    """What becomes of one file; `drop` removes it unless it got its name."""

    digest: bytes  # SHA-256, once all of it is there

    def __init__(self, ground: Ground, place: Place) -> None:
        self.place = place
        self._ground = ground
        self._temporary = b""  # its name in the folder of those that have none

    def ready(self, mode: int, mtime: int | None) -> None:
        """Give it its mode, or that and the owner of what it replaces, and wait for the disk; raises TransportError."""
        ground = self._ground
        try:
            file = self._opened()
            try:
                if (old := ground.replaced(self.place, ground.above(self.place, make=False))) is None:
                    os.fchmod(file, mode & 0o777 & ~ground.umask)
                else:
                    _like(file, old)
                if mtime is not None:
                    os.utime(file, (mtime, mtime))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise ground.worded(error, self.place) from None

    def name(self) -> None:
        """Give it its name; raises TransportError."""
        ground = self._ground
        try:
            above = ground.above(self.place, make=False)
            ground.replaced(self.place, above)
            os.rename(self._temporary, self.place[-1], src_dir_fd=ground.stage, dst_dir_fd=above)
            self._temporary = b""
        except OSError as error:
            raise ground.worded(error, self.place) from None

    def drop(self) -> None:
        """Leave nothing but what got its name; raises nothing."""
        if self._temporary:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._ground.stage)
            self._temporary = b""

    def _opened(self) -> int:
        return os.open(self._temporary, _OLD, dir_fd=self._ground.stage)


class Whole(Landing):
    """A small file, all of which is there: it is not written before it has been compared, unless there are too many."""

    def __init__(self, ground: Ground, place: Place, content: memoryview) -> None:
        super().__init__(ground, place)
        self.digest = hashlib.sha256(content).digest()
        self._content = bytes(content)

    def write(self) -> None:
        """Hold its content no longer; raises TransportError."""
        if not self._temporary:
            with self._ground.errors(self.place):
                os.close(self._written())

    def _opened(self) -> int:
        return super()._opened() if self._temporary else self._written()

    def _written(self) -> int:
        temporary = self._ground.aside(self.place)
        file = os.open(temporary, _NEW, 0o600, dir_fd=self._ground.stage)
        self._temporary = temporary
        try:
            _put(file, memoryview(self._content))
        except BaseException:
            os.close(file)
            raise
        self._content = b""
        return file


class Piecemeal(Landing):
    """A file that comes piece by piece; zeros become a hole."""

    def __init__(self, ground: Ground, place: Place) -> None:
        super().__init__(ground, place)
        self.size = 0
        self._hole = False
        self._hash = hashlib.sha256()
        self._file = -1
        with ground.errors(place):
            temporary = ground.aside(place)
            self._file = os.open(temporary, _NEW, 0o600, dir_fd=ground.stage)
            self._temporary = temporary

    def write(self, data: memoryview) -> None:
        """Take the next bytes; raises TransportError."""
        self._hash.update(data)
        begun = 0
        with self._ground.errors(self.place):
            for at in range(0, len(data), len(_ZEROS)):
                if data[at] or (piece := data[at : at + len(_ZEROS)]) != _ZEROS[: len(piece)]:
                    continue
                self._put(data[begun:at])
                begun = at + len(piece)
                self.size += len(piece)
                os.lseek(self._file, self.size, os.SEEK_SET)
            self._hole = begun == len(data)
            self._put(data[begun:])

    def _put(self, data: memoryview) -> None:
        _put(self._file, data)
        self.size += len(data)

    def close(self) -> None:
        """All of it has come; raises TransportError."""
        if self._hole:  # which makes a file no longer
            with self._ground.errors(self.place):
                os.ftruncate(self._file, self.size)
        self._shut()
        self.digest = self._hash.digest()

    def drop(self) -> None:
        self._shut()
        super().drop()

    def _shut(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _put(file: int, data: memoryview) -> None:
    while data:
        data = data[os.write(file, data) :]


def _like(file: int, old: os.stat_result) -> None:
    """Give a file mode, owner and group of the one that it replaces; the latter as far as we may."""
    with suppress(PermissionError):
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, old.st_mode & 0o777)
