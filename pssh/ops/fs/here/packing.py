"""Archives of this machine's folders: made aside and renamed; taken out by our own hands.

From an archive come regular files, folders, and links that lead to what lies inside; whatever names something outside,
or would be written through a link, is refused with a line, and setuid bits are dropped. Why not `tarfile`'s own
extraction: its filters were passed by more than once.
"""

import os
import stat
import tarfile
from contextlib import suppress
from typing import Any

from pssh.ops.fs.here.folders import FOLDER, Refused, aside, enter, hold, look, open_file, walk
from pssh.ops.fs.here.say import Out

KINDS = ((".tar.gz", "gz"), (".tgz", "gz"), (".tar.xz", "xz"), (".txz", "xz"), (".tar.bz2", "bz2"), (".tar", ""))


def kind_of(name: str) -> tuple[str, str] | None:
    """Return an archive's ending and how it is compressed; None if its name is none of an archive."""
    return next(((ending, how) for ending, how in KINDS if name.endswith(ending)), None)


def archive(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Pack a file or folder, under its own name, into `to`, or into a file of its name beside it."""
    with hold(path) as (above, name, _):
        seen = look(name, above)
        dest = os.fsencode(options["to"]) if options.get("to") else path.rstrip(b"/") + b".tar.gz"
        if options.get("to") and options.get("into"):
            dest = dest.rstrip(b"/") + b"/" + name + b".tar.gz"
        how = (kind_of(os.fsdecode(dest)) or ("", "gz"))[1]
        with hold(dest) as (there, new, _):
            if not options.get("overwrite") and _exists(new, there):
                raise FileExistsError(0, f"`{os.fsdecode(dest)}` is there already (--overwrite replaces it)")
            with aside(there) as made:
                file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=there)
                with os.fdopen(file, "wb") as target:
                    _pack(out, path, (above, name, seen), target, how)
                    target.flush()
                    os.fsync(target.fileno())
                os.rename(made, new, src_dir_fd=there, dst_dir_fd=there)
    out.did("packed", dest)


def _exists(name: bytes, above: int) -> bool:
    try:
        look(name, above)
    except FileNotFoundError:
        return False
    return True


def _pack(out: Out, path: bytes, source: tuple[int, bytes, os.stat_result], target: Any, how: str) -> None:
    above, name, seen = source
    level = {"compresslevel": 6} if how in ("gz", "bz2") else {}
    options: dict[str, Any] = {"mode": f"w:{how}", "format": tarfile.PAX_FORMAT, **level}
    with tarfile.open(fileobj=target, **options) as tar:
        _add(tar, os.fsdecode(name), above, name, seen)
        if stat.S_ISDIR(seen.st_mode):
            folder = enter(name, above, seen)

            def trouble(below: bytes, error: OSError) -> None:
                out.no(path + b"/" + below, error)

            try:
                for below, inner, holder, found in walk(folder, trouble):
                    try:
                        _add(tar, os.fsdecode(name + b"/" + below), holder, inner, found)
                    except OSError as error:
                        trouble(below, error)
            finally:
                os.close(folder)


def _add(tar: tarfile.TarFile, arc: str, above: int, name: bytes, seen: os.stat_result) -> None:
    member = tarfile.TarInfo(arc)
    member.mode, member.mtime, member.uid, member.gid = (
        stat.S_IMODE(seen.st_mode),
        int(seen.st_mtime),
        seen.st_uid,
        seen.st_gid,
    )
    if stat.S_ISDIR(seen.st_mode):
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
    elif stat.S_ISLNK(seen.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.fsdecode(os.readlink(name, dir_fd=above))
        tar.addfile(member)
    elif stat.S_ISREG(seen.st_mode):
        with os.fdopen(open_file(name, above), "rb") as content:
            member.size = os.fstat(content.fileno()).st_size
            whole: Any = _Whole(content)  # has all that tarfile asks of a file
            tar.addfile(member, whole)
            if whole.short:
                raise OSError(0, "it became shorter while it was read; zeros stand for the rest")


class _Whole:
    """A file that has as much as it said: a member cut short would make garbage of all that follows it."""

    def __init__(self, file: Any) -> None:
        self._file, self.short = file, False

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self.short = self.short or len(data) < size
        return data.ljust(size, b"\0")


def extract(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Unpack into a new folder, which appears when all is there."""
    found = kind_of(os.fsdecode(path))
    if not found:
        raise Refused("its name is none of an archive: .tar, .tar.gz, .tgz, .tar.xz, .tar.bz2")
    dest = os.fsencode(options["to"]) if options.get("to") else path[: -len(found[0])]
    if options.get("to") and options.get("into"):
        dest = dest.rstrip(b"/") + b"/" + os.path.basename(path)[: -len(found[0])]
    with hold(path) as (above, name, _), hold(dest.rstrip(b"/")) as (there, new, _):
        if _exists(new, there):
            raise FileExistsError(0, f"`{os.fsdecode(dest)}` is there already")
        try:
            with aside(there) as made:
                os.mkdir(made, 0o700, dir_fd=there)
                with os.fdopen(open_file(name, above), "rb") as content:
                    _unpack(out, path, content, made, there)
                os.chmod(made, 0o777 & ~_umask(), dir_fd=there)
                os.rename(made, new, src_dir_fd=there, dst_dir_fd=there)
        except tarfile.TarError as error:
            raise OSError(0, f"is no archive that can be read: {error}") from None
    out.did("unpacked", dest)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _unpack(out: Out, path: bytes, content: Any, aside: bytes, there: int) -> None:
    top = os.open(aside, FOLDER, dir_fd=there)
    later: list[tuple[str, tarfile.TarInfo]] = []  # links, when nothing more is written
    try:
        with tarfile.open(fileobj=content, mode="r:*") as tar:
            for member in tar:
                name = member.name.rstrip("/")
                while name.startswith("./"):
                    name = name[2:]
                if name in ("", "."):
                    continue
                try:
                    _member(tar, name, member, top, later)
                except OSError as error:
                    out.no(path + b": " + os.fsencode(name), error)
            for name, member in later:
                try:
                    _link(name, member, top)
                except OSError as error:
                    out.no(path + b": " + os.fsencode(name), error)
    finally:
        os.close(top)


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise Refused("leads elsewhere, and was left out")
    return parts


def _above(name: str, top: int) -> tuple[int, bytes]:
    """Return the folder that a member goes to, made where it is missing, and its last name."""
    parts = [os.fsencode(part) for part in _parts(name)]
    folder = os.dup(top)
    for part in parts[:-1]:
        with suppress(FileExistsError):
            os.mkdir(part, 0o777, dir_fd=folder)
        try:
            inner = os.open(part, FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder, parts[-1]


def _member(tar: tarfile.TarFile, name: str, member: tarfile.TarInfo, top: int, later: list[Any]) -> None:
    if member.issym() or member.islnk():
        _parts(name)
        later.append((name, member))
        return
    if not (member.isdir() or member.isreg()):
        raise Refused("is no file, folder or link, and was left out")
    folder, last = _above(name, top)
    try:
        if member.isdir():
            with suppress(FileExistsError):
                os.mkdir(last, 0o777, dir_fd=folder)
            return
        source = tar.extractfile(member)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(last, flags, 0o600, dir_fd=folder), "wb") as target:
            while source is not None and (data := source.read(1 << 20)):
                target.write(data)
            target.flush()
            os.fchmod(target.fileno(), member.mode & 0o777)
            os.utime(target.fileno(), (member.mtime, member.mtime))
    finally:
        os.close(folder)


def _link(name: str, member: tarfile.TarInfo, top: int) -> None:
    """Make a link that leads to somewhere inside."""
    if member.islnk():
        inside = _parts(member.linkname.removeprefix("./"))
        folder, last = _above(name, top)
        source, old = _above("/".join(inside), top)
        try:
            os.link(old, last, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(folder)
            os.close(source)
        return
    steps = [part for part in member.linkname.split("/") if part not in ("", ".")]
    up = next((number for number, part in enumerate(steps) if part != ".."), len(steps))
    # Going up is counted from real folders; behind another link it would start from elsewhere.
    if member.linkname.startswith("/") or ".." in steps[up:] or up >= len(_parts(name)):
        raise Refused(f"is a link that leads outside, to `{member.linkname}`, and was left out")
    folder, last = _above(name, top)
    try:
        os.symlink(os.fsencode(member.linkname), last, dir_fd=folder)
    finally:
        os.close(folder)
