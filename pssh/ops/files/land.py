"""Where fetched files come to lie on this machine: written aside, compared, and renamed, below one folder per host.

Promises: every step is taken from the descriptor of the folder above, and through no link; files are written in one
folder that only we may read, and are renamed from there; it goes away whatever happens; a file never replaces a folder,
nor the reverse; what a run that was killed left is removed by the next, unless its writer still lives.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from secrets import token_hex

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.names import LEFT, Place, readable, tag

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_TRIES = 20


class Ground:
    """The folder of one host; it is made when the first file comes."""

    def __init__(self, path: str) -> None:
        self._path = os.fsencode(path)
        self._base = -1
        self.stage = -1  # the folder in which files are written, held by a lock as long as somebody does
        self._staged = b""
        self._count = 0
        self._held: Place | None = None  # the folder that was last gone to, and its descriptor
        self._folder = -1
        self._missing: set[Place] = set()  # folders that are not there yet
        self._new: set[Place] = set()  # those that were made here, in which nothing can be
        self.umask = _umask()

    def close(self) -> None:
        """Leave nothing but what got its name; raises nothing."""
        self._leave()
        if self.stage >= 0:
            _emptied(self._staged, self.stage, self._base)
            os.close(self.stage)
            self.stage = -1
        if self._base >= 0:
            os.close(self._base)
            self._base = -1

    @cached_property
    def folds(self) -> bool:
        """Whether names that differ in case only are one here."""
        with self.errors(()):
            self._begin()
            name = f"{LEFT}Case-{token_hex(16)}"
            os.close(os.open(name, _NEW, 0o600, dir_fd=self._base))
            try:
                os.stat(name.lower(), dir_fd=self._base, follow_symlinks=False)
            except FileNotFoundError:
                return False
            finally:
                os.unlink(name, dir_fd=self._base)
            return True

    def there(self, place: Place) -> os.stat_result | None:
        """Return what lies there already; a link is not followed."""
        if place[:-1] in self._missing:
            self._missing.add(place)
            return None
        try:
            if self._base < 0:
                self._base = os.open(self._path, _FOLDER)
            above = self.above(place, make=False)
        except (FileNotFoundError, NotADirectoryError):
            self._missing.update((place[:-1], place))
            return None
        except OSError as error:
            raise self.worded(error, place) from None
        try:
            return os.stat(place[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            self._missing.add(place)
            return None
        except OSError as error:
            raise self.worded(error, place) from None

    def digest(self, place: Place) -> bytes:
        """Return the SHA-256 of a file that is there; empty if it cannot be read."""
        with suppress(OSError, TransportError):
            above = self.above(place, make=False)
            number = os.open(place[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
            with open(number, "rb", buffering=0) as file:
                if stat.S_ISREG(os.fstat(number).st_mode):
                    return hashlib.file_digest(file, "sha256").digest()
        return b""

    def folder(self, place: Place) -> None:
        """Make a folder, and those above it."""
        with self.errors(place):
            self._begin()
            self.above((*place, b""), make=True)

    def link(self, place: Place, target: bytes) -> None:
        """Make a link, or let it point elsewhere."""
        with self.errors(place):
            self._begin()
            above = self.above(place, make=True)
            self._refuse_folder(place, above)
            name = _temporary(place[-1])
            os.symlink(target, name, dir_fd=above)
            try:
                os.rename(name, place[-1], src_dir_fd=above, dst_dir_fd=above)
            except OSError:
                os.unlink(name, dir_fd=above)
                raise

    def aside(self, place: Place) -> bytes:
        """Return the name that a file gets in `stage` until it gets this place; raises OSError, TransportError."""
        self._begin()
        above = self.above(place, make=True)
        self.replaced(place, above)
        if self.stage < 0:
            self._staged, self.stage = _staged(self._base)
        self._count += 1
        return b"%d" % self._count

    def replaced(self, place: Place, above: int) -> os.stat_result | None:
        """Return the file that lies there, None if nothing does; raises TransportError for anything else."""
        return None if place[:-1] in self._new else self.regular(place, above)

    def regular(self, place: Place, above: int) -> os.stat_result | None:
        """Return the file that lies there, None if nothing does; raises TransportError for anything else."""
        there = self._refuse_folder(place, above)
        if there is None or stat.S_ISREG(there.st_mode):
            return there
        if stat.S_ISLNK(there.st_mode):
            raise _failure("transfer", "symlink", f"`{self._shown(place)}` is a symbolic link here", "remove the link")
        raise _failure("local", "denied", f"`{self._shown(place)}` is no regular file here")

    def _refuse_folder(self, place: Place, above: int) -> os.stat_result | None:
        try:
            there = os.stat(place[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(there.st_mode):
            raise _failure("transfer", "is-directory", f"`{self._shown(place)}` is a folder here")
        return there

    def _begin(self) -> None:
        if self._base < 0:
            os.makedirs(self._path, exist_ok=True)
            self._base = os.open(self._path, _FOLDER)

    def above(self, place: Place, *, make: bool) -> int:
        """Return the descriptor of the folder that a place lies in, reached through no link; good until the next."""
        folder = place[:-1]
        if folder == self._held:
            return self._folder
        here = os.dup(self._base)
        try:
            for depth, name in enumerate(folder, 1):
                below = self._entered(name, here, folder[:depth] if make else None)
                os.close(here)
                here = below
        except BaseException:
            os.close(here)
            raise
        self._leave()
        self._held, self._folder = folder, here
        return here

    def _entered(self, name: bytes, here: int, made: Place | None) -> int:
        with suppress(FileNotFoundError):
            return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
        if made is not None:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=here)
                self._new.add(made)
                self._missing.clear()
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)

    def _leave(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
        self._held, self._folder = None, -1

    @contextmanager
    def errors(self, place: Place) -> Iterator[None]:
        """Word what this machine would not do."""
        try:
            yield
        except OSError as error:
            raise self.worded(error, place) from None

    def worded(self, error: OSError, place: Place) -> TransportError:
        return local(error, self._shown(place))

    def _shown(self, place: Place) -> str:
        return readable(os.path.join(self._path, *place))


def _temporary(name: bytes) -> bytes:
    return f"{tag(name)}{token_hex(16)}".encode()


def _staged(base: int) -> tuple[bytes, int]:
    """Make the folder in which files are written, and remove those whose writers are gone."""
    begins = tag(b"").encode()
    for found in map(os.fsencode, os.listdir(base)):
        if found.startswith(begins):
            with suppress(OSError):
                stage = os.open(found, _FOLDER | os.O_NOFOLLOW, dir_fd=base)
                try:
                    fcntl.flock(stage, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _emptied(found, stage, base)
                finally:
                    os.close(stage)
    for _ in range(_MOST_TRIES):
        name = _temporary(b"")
        os.mkdir(name, 0o700, dir_fd=base)
        with suppress(FileNotFoundError):  # before it was locked, another run may have taken it for one that was left
            stage = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=base)
            if _locked(stage):
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(stage), os.stat(name, dir_fd=base, follow_symlinks=False)):
                        return name, stage
            os.close(stage)
    raise OSError(errno.EBUSY, "other runs remove what this one makes")


def _locked(stage: int) -> bool:
    """Lock a folder; False if another run has it. Where the file system knows no locks it counts as ours."""
    try:
        fcntl.flock(stage, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def _emptied(name: bytes, stage: int, base: int) -> None:
    """Remove such a folder and the files in it; raises nothing."""
    with suppress(OSError):
        for found in os.listdir(stage):
            os.unlink(found, dir_fd=stage)
        os.rmdir(name, dir_fd=base)


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
