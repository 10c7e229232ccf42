"""What there is: listings, sums and hashes of this machine's own folders."""

import os
import stat
from typing import Any

from pssh.ops.fs.here.folders import open_file, walk
from pssh.ops.fs.here.say import Out

_BLOCK = 128 << 10  # bytes: read and hashed while the processor has them at hand


def _folder(path: bytes) -> int | None:
    """Return a descriptor if it is a folder, or a link to one."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        return None


def _itself(out: Out, path: bytes) -> os.stat_result:
    above, name = os.path.split(path)
    seen = os.lstat(path)
    out.root(path)
    folder = os.open(above or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        out.entry(b"", name, folder, seen)
    finally:
        os.close(folder)
    return seen


def listed(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Say what is in a folder, or all below it, or the one name that it is."""
    folder = None if options.get("itself") else _folder(path)
    if folder is None:
        _itself(out, path)
        return
    try:
        out.root(path)
        if options.get("top"):
            out.entry(b"", b".", folder, os.fstat(folder))
        for below, name, above, seen in walk(folder, _trouble(out, path), depth=options.get("depth", -1)):
            out.entry(below, name, above, seen)
    finally:
        os.close(folder)


def hashed(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Say what `listed` says, and the SHA-256 of each file."""
    from hashlib import sha256

    folder = _folder(path)
    lines: list[bytes] = []
    if folder is None:
        seen = _itself(out, path)
        if stat.S_ISREG(os.stat(path).st_mode):
            found = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            lines = [_hash(found, sha256()) + b"  " + path]
        elif not stat.S_ISLNK(seen.st_mode):
            raise OSError(0, "it is no regular file")
    else:
        out.root(path)
        try:
            out.entry(b"", b".", folder, os.fstat(folder))
            for below, name, above, seen in walk(folder, _trouble(out, path)):
                out.entry(below, name, above, seen)
                if stat.S_ISREG(seen.st_mode):
                    try:
                        lines.append(_hash(open_file(name, above), sha256()) + b"  " + path + b"//./" + below)
                    except OSError as error:
                        out.no(path + b"/" + below, error)
        finally:
            os.close(folder)
    out.say(b"h", b"".join(line + b"\n" for line in lines))


def _hash(file: int, digest: Any) -> bytes:
    """Return a file's hash in hexadecimal, and close it."""
    with os.fdopen(file, "rb", 0) as source:
        buffer = bytearray(_BLOCK)
        view = memoryview(buffer)
        while size := source.readinto(buffer):
            digest.update(view[:size])
    result: str = digest.hexdigest()
    return result.encode()


def summed(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Say what a tree takes; a file with several names counts once."""
    folder = _folder(path)
    size = blocks = files = 0
    if folder is None:
        seen = os.lstat(path)
        size, blocks, files = seen.st_size, seen.st_blocks, 1
    else:
        known: set[tuple[int, int]] = set()
        try:
            blocks = os.fstat(folder).st_blocks
            for _, _, _, seen in walk(folder, _trouble(out, path)):
                if seen.st_nlink > 1 and not stat.S_ISDIR(seen.st_mode):
                    if (seen.st_dev, seen.st_ino) in known:
                        continue
                    known.add((seen.st_dev, seen.st_ino))
                blocks += seen.st_blocks
                if stat.S_ISREG(seen.st_mode):
                    size += seen.st_size
                    files += 1
        finally:
            os.close(folder)
    out.say(b"c", b"%d" % size, b"%d" % (blocks * 512), b"%d" % files, path)


def _trouble(out: Out, root: bytes) -> Any:
    return lambda below, error: out.no(root + b"/" + below if below else root, error)
