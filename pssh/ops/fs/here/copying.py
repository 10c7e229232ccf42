"""Copies of files and folders, by descriptor on both sides; modes, times and where we may owners are kept."""

import os
import stat

from pssh.ops.fs.here.folders import Refused, enter, look, open_file
from pssh.ops.fs.here.say import Out

_PIECE = 1 << 26
Place = tuple[int, bytes]  # a folder's descriptor, and a name in it


def copy(out: Out, path: bytes, source: tuple[int, bytes, os.stat_result], dest: Place, *, follow: bool) -> bool:
    """Copy to a name that does not exist; return whether all of it was. Raises OSError where nothing could be."""
    above, name, seen = source
    if stat.S_ISDIR(seen.st_mode):
        return _folder(out, path, enter(name, above, seen), dest, seen)
    _one(above, name, seen, dest)
    return True


def _folder(out: Out, path: bytes, folder: int, dest: Place, seen: os.stat_result) -> bool:
    there, new = dest
    whole = True
    try:
        os.mkdir(new, 0o700, dir_fd=there)
        inner = enter(new, there, look(new, there))
        try:
            for name in sorted(map(os.fsencode, os.listdir(folder))):
                try:
                    found = look(name, folder)
                    if stat.S_ISDIR(found.st_mode):
                        if found.st_dev == seen.st_dev:
                            below = _folder(out, path + b"/" + name, enter(name, folder, found), (inner, name), found)
                            whole = below and whole
                    else:
                        _one(folder, name, found, (inner, name))
                except OSError as error:
                    out.no(path + b"/" + name, error)
                    whole = False
            _same(inner, seen)
        finally:
            os.close(inner)
    finally:
        os.close(folder)
    return whole


def _one(above: int, name: bytes, seen: os.stat_result, dest: Place) -> None:
    there, new = dest
    if stat.S_ISLNK(seen.st_mode):
        os.symlink(os.readlink(name, dir_fd=above), new, dir_fd=there)
        os.utime(new, ns=(seen.st_atime_ns, seen.st_mtime_ns), dir_fd=there, follow_symlinks=False)
        if os.geteuid() == 0:
            os.chown(new, seen.st_uid, seen.st_gid, dir_fd=there, follow_symlinks=False)
        return
    if not stat.S_ISREG(seen.st_mode):
        raise Refused("is no regular file, folder or link, and was left out")
    source = open_file(name, above)
    try:
        target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=there)
        try:
            _content(source, target)
            _same(target, os.fstat(source))
        finally:
            os.close(target)
    finally:
        os.close(source)


def _content(source: int, target: int) -> None:
    """Let the kernel copy where it can: on some file systems that shares the blocks."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(source, target, _PIECE):
                pass
            return
        except OSError:
            os.lseek(source, 0, os.SEEK_SET)
            os.lseek(target, 0, os.SEEK_SET)
            os.ftruncate(target, 0)
    while data := os.read(source, 1 << 20):
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]


def _same(target: int, seen: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(target, seen.st_uid, seen.st_gid)
    os.fchmod(target, stat.S_IMODE(seen.st_mode))
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
