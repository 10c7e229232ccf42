"""What a folder of this machine holds; one that cannot be read ends it, because its files would seem to be gone."""

import hashlib
import os
import stat

from pssh.errors import UsageError
from pssh.ops.fs.here.folders import Trouble, enter, open_file
from pssh.ops.shellwords import shown
from pssh.ops.sync.items import Item, Items, Rules

_PIECE = 1 << 20


def listed(folder: str, rules: Rules, *, checksum: bool = False) -> Items:
    """Return what is in a folder and not left out; raises UsageError."""
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"`{shown(folder)}` cannot be read: {error.strerror}") from None
    try:
        return _listed(top, folder, rules, checksum)
    finally:
        os.close(top)


def _listed(top: int, folder: str, rules: Rules, checksum: bool) -> Items:
    def trouble(below: bytes, error: OSError) -> None:
        path = shown(f"{folder}/{os.fsdecode(below)}".rstrip("/"))
        raise UsageError(f"`{path}` cannot be read: {error.strerror or error}")

    seen = os.fstat(top)
    found: Items = {b"": Item("dir", stat.S_IMODE(seen.st_mode), 0, int(seen.st_mtime))}
    _below(top, b"", found, trouble)
    kept, _ = rules.parted(found)
    return {path: _hashed(path, item, folder) if checksum else item for path, item in kept.items()}


def _below(folder: int, at: bytes, found: Items, trouble: Trouble) -> None:
    """Add what a folder holds; each folder is entered only if it is the one that was seen."""
    inside = at + b"/" if at else b""
    folders: list[tuple[bytes, bytes, os.stat_result]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                path = inside + name
                try:
                    seen = entry.stat(follow_symlinks=False)
                    item = _item(name, folder, seen)
                except FileNotFoundError:  # it was removed meanwhile
                    continue
                except OSError as error:
                    trouble(path, error)
                    continue
                found[path] = item
                if item.kind == "dir":
                    folders.append((path, name, seen))
    except OSError as error:
        trouble(at, error)
    for path, name, seen in folders:
        try:
            inner = enter(name, folder, seen)
        except OSError as error:
            trouble(path, error)
            continue
        try:
            _below(inner, path, found, trouble)
        finally:
            os.close(inner)


def _item(name: bytes, folder: int, seen: os.stat_result) -> Item:
    mode, when = seen.st_mode, seen.st_mtime_ns // 10**9
    if stat.S_ISREG(mode):
        return Item("file", mode & 0o7777, seen.st_size, when)
    if stat.S_ISDIR(mode):
        return Item("dir", mode & 0o7777, 0, when)
    if stat.S_ISLNK(mode):
        return Item("link", mode & 0o7777, 0, when, os.readlink(name, dir_fd=folder))
    return Item("other")


def _hashed(path: bytes, item: Item, folder: str) -> Item:
    if item.kind != "file":
        return item
    digest = hashlib.sha256()
    whole = os.fsencode(folder) + b"/" + path
    above = os.open(whole.rpartition(b"/")[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.fdopen(open_file(whole.rpartition(b"/")[2], above), "rb", 0) as source:
            buffer = bytearray(_PIECE)
            while size := source.readinto(buffer):
                digest.update(memoryview(buffer)[:size])
    except OSError as error:
        raise UsageError(f"`{shown(os.fsdecode(whole))}` cannot be read: {error.strerror or error}") from None
    finally:
        os.close(above)
    return Item(item.kind, item.mode, item.size, item.mtime, item.target, digest.hexdigest())
