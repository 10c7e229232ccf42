"""Folders held by descriptor, so that nobody can put a link or another folder in their place.

Promises: below a root no link is followed; a folder is entered by its name and must then be the very one that was seen
(device and inode); a file is opened only if it is one, without waiting for a FIFO. On the way to a root a link is
followed only where it was let (`hold`).
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MOST_LINKS = 40

Found = tuple[bytes, bytes, int, os.stat_result]
Trouble = Callable[[bytes, OSError], None]


class Refused(OSError):
    """Something is not done because of where it would lead."""

    def __init__(self, words: str) -> None:
        super().__init__(0, words)


def enter(name: bytes, above: int, seen: os.stat_result) -> int:
    """Return a descriptor of a folder that was seen; raises OSError if another is there by now."""
    found = os.open(name, FOLDER, dir_fd=above)
    now = os.fstat(found)
    if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
        os.close(found)
        raise Refused("it was replaced while we looked")
    return found


def open_file(name: bytes, above: int) -> int:
    """Return a descriptor of a regular file, to read; raises OSError for anything else."""
    found = os.open(name, _FILE, dir_fd=above)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise Refused("it is no regular file")
    return found


def look(name: bytes, above: int) -> os.stat_result:
    return os.stat(name, dir_fd=above, follow_symlinks=False)


def walk(
    top: int, trouble: Trouble, *, depth: int = -1, bottom_up: bool = False, across: bool = False
) -> Iterator[Found]:
    """Yield `(path below the top, name, descriptor of its folder, stat)` for all below, by name.

    Other file systems are entered only where `across`.

    The descriptor is open until the next is asked for. `bottom_up`: a folder comes after what it holds.
    """
    device = os.fstat(top).st_dev

    def below(folder: int, at: bytes, left: int) -> Iterator[Found]:
        try:
            names = sorted(map(os.fsencode, os.listdir(folder)))
        except OSError as error:
            trouble(at, error)
            return
        for name in names:
            path = at + b"/" + name if at else name
            try:
                seen = look(name, folder)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):  # it was removed meanwhile
                    trouble(path, error)
                continue
            if not bottom_up:
                yield path, name, folder, seen
            if stat.S_ISDIR(seen.st_mode) and left and (across or seen.st_dev == device):
                try:
                    inner = enter(name, folder, seen)
                except OSError as error:
                    trouble(path, error)
                    continue
                try:
                    yield from below(inner, path, left - 1)
                finally:
                    os.close(inner)
            if bottom_up:
                yield path, name, folder, seen

    if depth:
        yield from below(top, b"", depth - 1)


@contextmanager
def hold(path: bytes, *, links: bool = True) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the folder that holds a path, the path's last name, and where the folder lies; raises OSError.

    Unless `links`, none is followed on the way; else only one that nobody but root and we could have put there.
    """
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if not parts or parts[-1] == b"..":
        raise Refused("it is no name")
    start = os.getcwdb() if not path.startswith(b"/") else b"/"
    todo = [part for part in start.split(b"/") if part]
    todo += parts[:-1]
    folder, at, followed = os.open(b"/", FOLDER), b"", 0
    try:
        while todo:
            name = todo.pop(0)
            seen = look(name, folder)
            if stat.S_ISLNK(seen.st_mode):
                followed += 1
                if not links or followed > _MOST_LINKS or not _ours(seen, os.fstat(folder)):
                    raise Refused(f"`{os.fsdecode(at + b'/' + name)}` on the way is a link; write where it leads to")
                target = os.readlink(name, dir_fd=folder)
                todo = [part for part in target.split(b"/") if part not in (b"", b".")] + todo
                if target.startswith(b"/"):
                    folder, at = _changed(folder, os.open(b"/", FOLDER)), b""
                continue
            if name == b"..":
                folder, at = _changed(folder, os.open(b"..", FOLDER, dir_fd=folder)), at.rpartition(b"/")[0]
                continue
            folder, at = _changed(folder, enter(name, folder, seen)), at + b"/" + name
        yield folder, parts[-1], at or b"/"
    finally:
        os.close(folder)


@contextmanager
def aside(above: int) -> Iterator[bytes]:
    """Yield a name for what is made there to be renamed; whatever ends that, also a signal, leaves nothing of it."""
    name = b".pssh-" + os.urandom(8).hex().encode()
    try:
        yield name
    except BaseException:
        with suppress(OSError):
            _remove(name, above)
        raise


def _remove(name: bytes, above: int) -> None:
    if stat.S_ISDIR(look(name, above).st_mode):
        import shutil  # which who only looks does not wait for

        shutil.rmtree(name, dir_fd=above, ignore_errors=True)
    else:
        os.unlink(name, dir_fd=above)


def _changed(old: int, new: int) -> int:
    os.close(old)
    return new


def _ours(link: os.stat_result, folder: os.stat_result) -> bool:
    """Whether only root and we could have put a link where it is."""
    us = (0, os.geteuid())
    return link.st_uid in us and folder.st_uid in us and not folder.st_mode & 0o022
