"""What is to be sent: the files below the named sources, each with its size and SHA-256, read once for all hosts.

Promises: only regular files are opened, and none through a link that was not there when its folder was listed; names
are bytes as they are; FIFOs, devices and sockets are listed as skipped; whatever changes later is found by its hash.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from io import FileIO
from typing import Literal

from msgspec import Struct

from pssh.errors import UsageError
from pssh.ops.shellwords import shown

Kind = Literal["file", "folder", "link"]
MOST_ENTRIES = 2_000_000
_PIECE = 1 << 20
_PERMISSIONS = 0o777  # neither setuid nor setgid goes along


class Entry(Struct, frozen=True, omit_defaults=True):
    """One file, folder or link; `path` begins with the name of the source that it lies in."""

    path: bytes
    kind: Kind
    mode: int = 0o644
    size: int = 0
    mtime: int = 0  # whole seconds since 1970
    uid: int = 0
    gid: int = 0
    digest: bytes = b""  # SHA-256
    target: bytes = b""  # of a link
    source: bytes = b""  # where a file's content is on this machine
    content: bytes = b""  # or the content itself, where it was made for one host


class Tree(Struct, frozen=True, omit_defaults=True):
    """Every entry, a folder before what it holds; and the paths of what is neither file nor folder nor link."""

    entries: tuple[Entry, ...]
    skipped: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of content."""
        return sum(entry.size for entry in self.entries)

    @property
    def tops(self) -> list[bytes]:
        """The names of the sources."""
        return list(dict.fromkeys(entry.path.partition(b"/")[0] for entry in self.entries))


def gathered(sources: Sequence[str], *, follow: bool = False, skip_links: bool = False) -> Tree:
    """Return what lies at these paths of this machine; raises UsageError for what cannot be read."""
    walk = _Walk(follow, skip_links)
    for source in sources:
        walk.add(source)
    if not walk.entries:
        why = "is neither a file nor a folder" if walk.skipped else "is a link, and `--skip-links` leaves it out"
        raise UsageError(f"`{shown(sources[0])}` {why}" if sources else "There is nothing to send")
    return Tree(tuple(walk.entries), tuple(walk.skipped))


class _Walk:
    def __init__(self, follow: bool, skip_links: bool) -> None:
        self.follow, self.skip_links = follow, skip_links
        self.entries: list[Entry] = []
        self.skipped: list[bytes] = []
        self._names: dict[bytes, str] = {}

    def add(self, source: str) -> None:
        path = os.fsencode(source)
        name = os.path.basename(path.rstrip(b"/"))
        if name in (b"", b".", b".."):
            name = os.path.basename(os.path.realpath(path))
        if not name:
            raise UsageError(f"`{shown(source)}` has no name that it could get on a host", hint="send what is in it")
        if name in self._names:
            said = f"`{shown(self._names[name])}` and `{shown(source)}` would both become `{shown(os.fsdecode(name))}`"
            raise UsageError(said)
        self._names[name] = source
        try:
            # What was typed with a slash at its end means the folder that a link leads to, here as everywhere.
            self._visit(path, name, path.endswith(b"/"), frozenset())
        except OSError as error:
            where = shown(os.fsdecode(error.filename or path))
            raise UsageError(f"`{where}` cannot be read: {error.strerror or error}") from None

    def _visit(self, path: bytes, name: bytes, follow: bool, above: frozenset[tuple[int, int]]) -> None:
        status = os.stat(path) if follow or self.follow else os.lstat(path)
        if stat.S_ISREG(status.st_mode):
            self._keep(_file(path, name, status))
        elif stat.S_ISDIR(status.st_mode):
            place = (status.st_dev, status.st_ino)
            if place in above:
                raise UsageError(f"`{shown(os.fsdecode(path))}` leads back to a folder that it lies in")
            self._keep(_entry(name, "folder", status))
            for below in sorted(os.listdir(path)):
                self._visit(os.path.join(path, below), name + b"/" + below, False, above | {place})
        elif stat.S_ISLNK(status.st_mode):
            if not self.skip_links:
                self._keep(_entry(name, "link", status, target=os.readlink(path)))
        else:
            self.skipped.append(name)

    def _keep(self, entry: Entry) -> None:
        self.entries.append(entry)
        if len(self.entries) > MOST_ENTRIES:
            raise UsageError(f"There are more than {MOST_ENTRIES:,} files", hint="send them folder by folder")


def _entry(name: bytes, kind: Kind, status: os.stat_result, *, target: bytes = b"") -> Entry:
    mode, mtime = status.st_mode & _PERMISSIONS, int(status.st_mtime)
    return Entry(name, kind, mode, mtime=mtime, uid=status.st_uid, gid=status.st_gid, target=target)


def _file(path: bytes, name: bytes, status: os.stat_result) -> Entry:
    """Return a file's entry; it is read to its end, however long it says that it is."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(path):
        digest.update(piece)
        size += len(piece)
    mode, mtime = status.st_mode & _PERMISSIONS, int(status.st_mtime)
    return Entry(
        name,
        "file",
        mode,
        size,
        mtime,
        status.st_uid,
        status.st_gid,
        digest.digest(),
        source=os.path.abspath(path),
    )


def _pieces(path: bytes) -> Iterator[memoryview]:
    buffer = bytearray(_PIECE)
    with opened(path) as file:
        while count := file.readinto(buffer):
            yield memoryview(buffer)[:count]


def opened(path: bytes) -> FileIO:
    """Open a regular file to be read; raises OSError, also for what has meanwhile become something else."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no longer a regular file", path)
    return file


def still(entry: Entry) -> bool:
    """Whether a source is, byte for byte, still what it was."""
    try:
        now = _file(entry.source, entry.path, os.stat(entry.source))
    except OSError:
        return False
    return (now.size, now.digest) == (entry.size, entry.digest)
