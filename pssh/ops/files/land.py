"""Where fetched files come to lie on this machine: written aside, compared, and renamed, below one folder per host.

Promises: every step is taken from the descriptor of the folder above, and through no link; a temporary name is made
exclusively, is ours alone to read, and goes away whatever happens; a file never replaces a folder, nor the reverse; what
a run that was killed left for the same target is removed by the next, unless its writer still lives.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.names import readable, tag

Place = tuple[bytes, ...]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ZEROS = bytes(64 << 10)


class Ground:
    """The folder of one host; it is made when the first file comes."""

    def __init__(self, path: str, *, follow: bool = False) -> None:
        self._path = os.fsencode(path)
        self._follow = follow  # the target may be a link, and is written through
        self._base = -1
        self._umask = _umask()

    def close(self) -> None:
        if self._base >= 0:
            os.close(self._base)
            self._base = -1

    def there(self, place: Place) -> os.stat_result | None:
        """Return what lies there already; a link is not followed."""
        with _errors(self._shown(place)), suppress(FileNotFoundError, NotADirectoryError):
            if self._base < 0:
                self._base = os.open(self._path, _FOLDER)
            with self._folder(place[:-1], make=False) as above:
                return os.stat(place[-1], dir_fd=above, follow_symlinks=False)
        return None

    def digest(self, place: Place) -> bytes:
        """Return the SHA-256 of a file that is there; empty if it cannot be read."""
        with suppress(OSError, TransportError), self._folder(place[:-1], make=False) as above:
            number = os.open(place[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
            with open(number, "rb", buffering=0) as file:
                if stat.S_ISREG(os.fstat(number).st_mode):
                    return hashlib.file_digest(file, "sha256").digest()
        return b""

    def folder(self, place: Place) -> None:
        """Make a folder, and those above it."""
        with _errors(self._shown(place)):
            self._begin()
            with self._folder(place, make=True):
                pass

    def link(self, place: Place, target: bytes) -> None:
        """Make a link, or let it point elsewhere."""
        with _errors(self._shown(place)):
            self._begin()
            with self._folder(place[:-1], make=True) as above:
                self._refuse(place, above, link=True)
                name = _temporary(place[-1])
                os.symlink(target, name, dir_fd=above)
                try:
                    os.rename(name, place[-1], src_dir_fd=above, dst_dir_fd=above)
                except OSError:
                    os.unlink(name, dir_fd=above)
                    raise

    def file(self, place: Place) -> "Landing":
        """Return a new file that will get this place; raises TransportError."""
        with _errors(self._shown(place)):
            self._begin()
            with self._folder(place[:-1], make=True) as above:
                self._refuse(place, above, link=False)
                _sweep(place[-1], above)
                return Landing(self, place, os.dup(above), self._umask)

    def _refuse(self, place: Place, above: int, *, link: bool) -> None:
        try:
            there = os.stat(place[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(there.st_mode):
            raise _failure("transfer", "is-directory", f"`{self._shown(place)}` is a folder here")
        if stat.S_ISLNK(there.st_mode) and not link:
            raise _failure("transfer", "symlink", f"`{self._shown(place)}` is a symbolic link here", "remove the link")
        if not stat.S_ISREG(there.st_mode) and not link:
            raise _failure("local", "denied", f"`{self._shown(place)}` is no regular file here")

    def _begin(self) -> None:
        if self._base < 0:
            os.makedirs(self._path, exist_ok=True)
            self._base = os.open(self._path, _FOLDER)

    @contextmanager
    def _folder(self, place: Place, *, make: bool) -> Iterator[int]:
        here = os.dup(self._base)
        try:
            for name in place:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=here)
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def _shown(self, place: Place) -> str:
        return readable(os.path.join(self._path, *place))


class Landing:
    """One file on its way; `close` removes it unless it was `finish`ed."""

    def __init__(self, ground: Ground, place: Place, above: int, umask: int) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._name, self._above, self._umask = place[-1], above, umask
        self._shown = ground._shown(place)
        self._temporary = _temporary(self._name)
        try:
            self._file = os.open(self._temporary, _NEW, 0o600, dir_fd=above)
        except OSError:
            os.close(above)
            raise
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._open = True

    def write(self, data: memoryview) -> None:
        """Take the next bytes; zeros become a hole."""
        with _errors(self._shown):
            self._hash.update(data)
            self.size += len(data)
            if data == _ZEROS[: len(data)]:
                os.lseek(self._file, self.size, os.SEEK_SET)
                return
            while data:
                data = data[os.write(self._file, data) :]

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    async def finish(self, mode: int, mtime: int | None) -> None:
        """Give it its name; raises TransportError."""
        await asyncio.to_thread(self._finish, mode, mtime)

    def _finish(self, mode: int, mtime: int | None) -> None:
        with _errors(self._shown):
            os.ftruncate(self._file, self.size)
            try:
                old = os.stat(self._name, dir_fd=self._above, follow_symlinks=False)
            except FileNotFoundError:
                os.fchmod(self._file, mode & 0o777 & ~self._umask)
            else:
                if not stat.S_ISREG(old.st_mode):
                    raise _failure("transfer", "is-directory", f"`{self._shown}` is no file any more")
                _like(self._file, old)
            if mtime is not None:
                os.utime(self._file, (mtime, mtime))
            os.fsync(self._file)
            os.rename(self._temporary, self._name, src_dir_fd=self._above, dst_dir_fd=self._above)
            self._temporary = b""

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._temporary:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._above)
        os.close(self._file)
        os.close(self._above)


def _like(file: int, old: os.stat_result) -> None:
    """Give a file mode, owner and group of the one that it replaces; the latter as far as we may."""
    with suppress(PermissionError):
        if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(file, old.st_uid, old.st_gid)
    os.fchmod(file, old.st_mode & 0o777)


def _temporary(name: bytes) -> bytes:
    return f"{tag(name)}{token_hex(16)}".encode()


def _sweep(name: bytes, above: int) -> None:
    """Remove what was left for this name by a writer that is gone."""
    begins = tag(name).encode()
    for found in map(os.fsencode, os.listdir(above)):
        if not found.startswith(begins):
            continue
        with suppress(OSError):
            number = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(found, dir_fd=above)
            finally:
                os.close(number)


@contextmanager
def _errors(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and error.errno == errno.ENOENT:
            raise
        raise local(error, shown) from None


def local(error: OSError, shown: str) -> TransportError:
    """Return the error for what this machine would not do."""
    words = error.strerror or str(error)
    if error.errno in _FULL:
        return _failure("local", "disk-full", f"`{shown}`: {words}")
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return _failure("transfer", "symlink", f"`{shown}`: a link or a file lies on the way here")
    return _failure("local", "denied", f"`{shown}`: {words}")


def _failure(stage: str, kind: str, message: str, hint: str = "") -> TransportError:
    made = Failure(stage="local" if stage == "local" else "transfer", kind=kind, message=message, hint=hint)
    return TransportError(made)


def _umask() -> int:
    """Return this process's umask, as /proc shows it: to ask for it is to change it for a moment."""
    with suppress(OSError, ValueError), open("/proc/self/status") as status:
        return next(int(line.split()[1], 8) for line in status if line.startswith("Umask:"))
    old = os.umask(0o077)
    os.umask(old)
    return old
