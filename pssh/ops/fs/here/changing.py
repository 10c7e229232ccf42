"""What is done to this machine's own files: each name by the descriptor of its folder, and looked at again before.

Whoever swaps a folder for a link meanwhile gains nothing: a link is removed as a link, a folder is entered only if it
is the one that was seen, and other file systems are left alone.
"""

import os
import stat
from collections.abc import Callable
from typing import Any

from pssh.ops.fs.here.copying import copy
from pssh.ops.fs.here.folders import Refused, aside, enter, hold, look, walk
from pssh.ops.fs.here.say import Out

_KEPT_HERE = ("/", "/root", "/home")


def rm(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Remove a name, and with `recursive` a folder with all it holds."""
    with hold(path, links=False) as (above, name, _):
        try:
            seen = look(name, above)
        except FileNotFoundError:
            out.did("absent", path)
            return
        if not stat.S_ISDIR(seen.st_mode):
            if not options.get("dry"):
                os.unlink(name, dir_fd=above)
            out.did("would remove" if options.get("dry") else "removed", path)
            return
        if not options.get("recursive"):
            raise Refused("is a folder (--recursive removes it)")
        if (seen.st_dev, seen.st_ino) in _kept():
            raise Refused("refused: a system or a person lives there")
        if seen.st_dev != os.fstat(above).st_dev:
            raise Refused("another file system is mounted there")
        folder = enter(name, above, seen)
        try:
            whole = _empty(out, path, folder, dry=bool(options.get("dry")))
        finally:
            os.close(folder)
        if options.get("dry"):
            out.did("would remove", path)
        elif whole:
            os.rmdir(name, dir_fd=above)
            out.did("removed", path)


def _empty(out: Out, path: bytes, folder: int, *, dry: bool) -> bool:
    """Remove all below a folder; return whether it is empty now."""
    device = os.fstat(folder).st_dev
    failed = False

    def trouble(below: bytes, error: OSError) -> None:
        nonlocal failed
        failed = True
        out.no(path + b"/" + below if below else path, error)

    for below, name, above, seen in walk(folder, trouble, bottom_up=True):
        if dry:
            out.did("would remove", path + b"/" + below)
            continue
        try:
            if stat.S_ISDIR(seen.st_mode):
                if seen.st_dev != device:
                    raise Refused("another file system is mounted there")
                os.rmdir(name, dir_fd=above)  # a link in its place is none, and stays
            else:
                os.unlink(name, dir_fd=above)  # a folder in its place is none, and stays
        except FileNotFoundError:
            continue
        except OSError as error:
            trouble(below, error)
    return not failed


def _kept() -> set[tuple[int, int]]:
    found = set()
    for path in (*_KEPT_HERE, os.path.expanduser("~")):
        try:
            seen = os.stat(path)
        except OSError:
            continue
        found.add((seen.st_dev, seen.st_ino))
    return found


def mkdir(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Make a folder, with `parents` also those above it."""
    made = False
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    first = b"/" if path.startswith(b"/") else b""
    for end in range(1 if options.get("parents") else len(parts), len(parts) + 1):
        with hold(first + b"/".join(parts[:end])) as (above, name, _):
            try:
                os.mkdir(name, options.get("mode") or 0o777, dir_fd=above)
                made = True
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=above).st_mode):
                    raise
                continue
            if options.get("mode") and end == len(parts):
                os.chmod(name, options["mode"], dir_fd=above)
    out.did("made" if made else "same", path)


def touch(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Make an empty file, or set a file's time to now."""
    with hold(path) as (above, name, _):
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=above))
            out.did("made", path)
        except FileExistsError:
            os.utime(name, dir_fd=above, follow_symlinks=False)
            out.did("touched", path)


Set = Callable[[bytes, int, os.stat_result], bool]


def _each(out: Out, path: bytes, options: dict[str, Any], change: Set) -> None:
    with hold(path) as (above, name, _):
        seen = look(name, above)
        changed = 0

        def trouble(below: bytes, error: OSError) -> None:
            out.no(path + b"/" + below, error)

        if options.get("recursive") and stat.S_ISDIR(seen.st_mode):
            folder = enter(name, above, seen)
            try:
                for below, inner, holder, found in walk(folder, trouble):
                    try:
                        changed += change(inner, holder, found)
                    except OSError as error:
                        trouble(below, error)
            finally:
                os.close(folder)
        changed += change(name, above, seen)
        word = f"set {changed}" if changed and options.get("recursive") else "set" if changed else "same"
        out.did(f"would {word}" if changed and options.get("dry") else word, path)


def chmod(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Set modes; links have none and are passed over, but one that is named is refused."""
    from pssh.ops.fs.here.modes import applied

    def change(name: bytes, above: int, seen: os.stat_result) -> bool:
        if stat.S_ISLNK(seen.st_mode):
            return False
        mode = applied(options["mode"], stat.S_IMODE(seen.st_mode), stat.S_ISDIR(seen.st_mode))
        if mode == stat.S_IMODE(seen.st_mode):
            return False
        if not options.get("dry"):
            _set_mode(name, above, seen, mode)
        return True

    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise Refused("is a link, which has no mode of its own; name where it leads to")
    _each(out, path, options, change)


def _set_mode(name: bytes, above: int, seen: os.stat_result, mode: int) -> None:
    """Set a mode by descriptor, so that it is that of what was seen."""
    flags = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC
    found = os.open(name, flags, dir_fd=above)
    try:
        now = os.fstat(found)
        if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
            raise Refused("it was replaced while we looked")
        if hasattr(os, "O_PATH"):
            os.chmod(f"/proc/self/fd/{found}", mode)
        else:
            os.fchmod(found, mode)
    finally:
        os.close(found)


def chown(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Set owner and group, of links themselves."""
    user, group = _owner(options["owner"])

    def change(name: bytes, above: int, seen: os.stat_result) -> bool:
        if (user in (-1, seen.st_uid)) and (group in (-1, seen.st_gid)):
            return False
        if not options.get("dry"):
            os.chown(name, user, group, dir_fd=above, follow_symlinks=False)
        return True

    _each(out, path, options, change)


def _owner(text: str) -> tuple[int, int]:
    import grp
    import pwd

    user, _, group = text.partition(":")
    try:
        uid = -1 if not user else int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        gid = -1 if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise Refused(f"there is no {error.args[0]} here") from None
    return uid, gid


def link(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Make a link at the path: its text is `target`, or with `hard` it is another name of that file."""
    target = os.fsencode(options["target"])
    with hold(path) as (above, name, _):
        try:
            seen = look(name, above)
        except FileNotFoundError:
            seen = None
        if seen is not None:
            if not options.get("hard") and stat.S_ISLNK(seen.st_mode):
                if os.readlink(name, dir_fd=above) == target:
                    out.did("same", path)
                    return
            elif options.get("hard") and os.path.samestat(os.lstat(target), seen):
                out.did("same", path)
                return
            if not options.get("overwrite") or stat.S_ISDIR(seen.st_mode):
                raise FileExistsError(0, "is there already (--overwrite replaces it)")
        with aside(above) as made:
            if options.get("hard"):
                os.link(target, made, dst_dir_fd=above, follow_symlinks=False)
            else:
                os.symlink(target, made, dir_fd=above)
            os.rename(made, name, src_dir_fd=above, dst_dir_fd=above)
        out.did("linked", path)


def place(out: Out, path: bytes, options: dict[str, Any]) -> None:
    """Move or copy to `dest`: to a name in it if it is a folder, or ends in `/`; else it is the new name."""
    dest = os.fsencode(options["dest"])
    if options["dest"].startswith("~/") or options["dest"] == "~":
        dest = os.fsencode(os.path.expanduser("~") + options["dest"][1:])
    with hold(path) as (above, name, _):
        seen = look(name, above)
        inside = dest.endswith(b"/") or options.get("into") or os.path.isdir(dest)
        with hold(dest.rstrip(b"/") + b"/" + name if inside else dest) as (there, new, _):
            try:
                old = look(new, there)
            except FileNotFoundError:
                old = None
            if old is not None:
                if os.path.samestat(old, seen):
                    out.did("same", path)
                    return
                if stat.S_ISDIR(old.st_mode) or stat.S_ISDIR(seen.st_mode) or not options.get("overwrite"):
                    words = "(--overwrite replaces files)"
                    raise FileExistsError(0, f"`{os.fsdecode(dest)}` has that name already {words}")
            _placed(out, path, options, (above, name, seen), (there, new))


def _placed(
    out: Out, path: bytes, options: dict[str, Any], source: tuple[int, bytes, os.stat_result], dest: tuple[int, bytes]
) -> None:
    (above, name, seen), (there, new) = source, dest
    if options.get("move"):
        try:
            os.rename(name, new, src_dir_fd=above, dst_dir_fd=there)
            out.did("moved", path)
            return
        except OSError as error:
            if error.errno != 18:  # EXDEV: another file system
                raise
    if stat.S_ISDIR(seen.st_mode) and _lies_in(there, seen):
        raise Refused("a folder cannot be copied into itself")
    with aside(there) as made:
        whole = copy(out, path, (above, name, seen), (there, made), follow=bool(options.get("follow")))
        if not whole and options.get("move"):
            raise OSError(0, "not all of it could be copied; it stays where it was")
        os.rename(made, new, src_dir_fd=there, dst_dir_fd=there)
    if options.get("move"):
        rm(out, path, {"recursive": True})
    out.did("moved" if options.get("move") else "copied", path)


def _lies_in(folder: int, seen: os.stat_result) -> bool:
    """Whether a folder is, or lies in, one that was seen."""
    here = os.dup(folder)
    try:
        while not os.path.samestat(now := os.fstat(here), seen):
            up = os.open(b"..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = up
            if os.path.samestat(os.fstat(here), now):
                return False
        return True
    finally:
        os.close(here)
