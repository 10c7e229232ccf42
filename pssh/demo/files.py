"""The `sftp` of a demo host: the files of its home, and no others.

A name means what it means to a command of that host: relative ones begin at the home, absolute ones are those of this
machine. What lies outside the home, also behind a link, is refused.
"""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer
from paramiko.sftp import SFTP_FAILURE, SFTP_OK

_Any = TypeVar("_Any")


def serve(channel: paramiko.Channel, rules: paramiko.ServerInterface, home: Path) -> SFTPServer:
    """Return a file server for one channel; it is a thread that was not started yet."""
    server = SFTPServer(channel, "sftp", rules, sftp_si=Files, home=home)
    server.daemon = True
    return server


def _answered(call: Callable[[], _Any]) -> _Any | int:
    """Return what the call does, or the protocol's word for why it cannot."""
    try:
        return call()
    except OSError as error:
        return int(SFTPServer.convert_errno(error.errno))
    except ValueError:  # a name with NUL in it
        return int(SFTP_FAILURE)


class Files(paramiko.SFTPServerInterface):
    """Answers each request on the files below one folder."""

    def __init__(self, server: paramiko.ServerInterface, home: Path) -> None:
        super().__init__(server)
        self.home = home.resolve()

    def canonicalize(self, path: str) -> str:
        return os.path.normpath(self.home / path)

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        return _answered(lambda: [_attributes(entry.lstat(), entry.name) for entry in self._inside(path).iterdir()])

    def stat(self, path: str) -> SFTPAttributes | int:
        return _answered(lambda: _attributes(self._inside(path).stat()))

    def lstat(self, path: str) -> SFTPAttributes | int:
        return _answered(lambda: _attributes(self._beside(path).lstat()))

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> SFTPHandle | int:
        mode = 0o666 if attr.st_mode is None else stat.S_IMODE(attr.st_mode)
        flags |= os.O_NOCTTY | os.O_CLOEXEC
        return _answered(lambda: _Handle(os.open(self._inside(path), flags, mode), flags))

    def remove(self, path: str) -> int:
        return _done(lambda: self._beside(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        return _done(lambda: self._renamed(oldpath, newpath))

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return _done(lambda: self._beside(oldpath).replace(self._beside(newpath)))

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        return _done(lambda: self._beside(path).mkdir(0o777 if attr.st_mode is None else attr.st_mode))

    def rmdir(self, path: str) -> int:
        return _done(lambda: self._beside(path).rmdir())

    def chattr(self, path: str, attr: SFTPAttributes) -> int:
        return _done(lambda: SFTPServer.set_file_attr(str(self._inside(path)), attr))

    def symlink(self, target_path: str, path: str) -> int:
        return _done(lambda: self._beside(path).symlink_to(target_path))

    def readlink(self, path: str) -> str | int:
        return _answered(lambda: str(self._beside(path).readlink()))

    def _renamed(self, old: str, new: str) -> None:
        if os.path.lexists(self._beside(new)):  # which in version 3 of the protocol is an error
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        self._beside(old).replace(self._beside(new))

    def _inside(self, path: str) -> Path:
        """Return what the name leads to; raises OSError outside the home."""
        try:
            found = (self.home / path).resolve()
        except RuntimeError:  # a link that leads to itself
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
        if not found.is_relative_to(self.home):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return found

    def _beside(self, path: str) -> Path:
        """Return the name itself, whatever it leads to; raises OSError outside the home."""
        whole = Path(self.canonicalize(path))
        return whole if whole == self.home else self._inside(str(whole.parent)) / whole.name


class _Handle(SFTPHandle):
    """One open file."""

    def __init__(self, fd: int, flags: int) -> None:
        super().__init__(flags)
        self._fd = fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, offset: int, length: int) -> bytes | int:
        return _answered(lambda: os.pread(self._fd, length, offset))

    def write(self, offset: int, data: bytes) -> int:
        def written() -> None:
            rest, at = memoryview(data), offset
            while rest:
                count = os.pwrite(self._fd, rest, at)
                rest, at = rest[count:], at + count

        return _done(written)

    def stat(self) -> SFTPAttributes | int:
        return _answered(lambda: _attributes(os.fstat(self._fd)))

    def chattr(self, attr: SFTPAttributes) -> int:
        def changed() -> None:
            if attr.st_size is not None:
                os.ftruncate(self._fd, attr.st_size)
            if attr.st_mode is not None:
                os.fchmod(self._fd, stat.S_IMODE(attr.st_mode))
            if attr.st_mtime is not None:
                os.utime(self._fd, (attr.st_atime or attr.st_mtime, attr.st_mtime))

        return _done(changed)


def _attributes(found: os.stat_result, name: str = "") -> SFTPAttributes:
    attributes: SFTPAttributes = SFTPAttributes.from_stat(found, name or None)
    return attributes


def _done(call: Callable[[], object]) -> int:
    found = _answered(call)
    return found if type(found) is int else int(SFTP_OK)
