"""What an inventory on disk must be before it is read: ours, writable by nobody else, and of a bounded size.

Whoever can write to an inventory chooses where our commands go and with which key. So a file or folder is refused that
others may write to, or that belongs neither to us nor to root (Ansible's CVE-2018-10874 and -10875). A folder with the
sticky bit, such as /tmp, is taken: nobody else can replace what is ours in it, and what is theirs is refused itself.
"""

import os
import stat
from pathlib import Path

from pssh.errors import InventoryError

MOST_BYTES = 64 << 20
MOST_LINE = 1 << 20


def check(path: Path, *, all_above: bool = False) -> None:
    """Raise InventoryError if the file or folder, or the folder it lies in, may not be trusted.

    `all_above`: every folder above it is looked at too, as for what is run and not only read.
    """
    real, above = path.resolve(), path.absolute()
    far = (*above.parents, *real.parents) if all_above else ()
    for place in dict.fromkeys((path, above.parent, real, real.parent, *far)):
        try:
            seen = [place.lstat(), place.stat()]
        except OSError as error:
            raise InventoryError(f"`{place}` cannot be read: {error.strerror}") from None
        for status in seen:
            if reason := refusal(status):
                raise InventoryError(f"The inventory `{path}` is refused: `{place}` {reason}", hint=_HINT)


_HINT = "whoever can write to an inventory chooses where commands go: `chown` it, or `chmod go-w`"


def refusal(status: os.stat_result) -> str:
    """Return why a file or folder may not be trusted, or an empty text."""
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to user {_user(status.st_uid)}, neither to us nor to root"
    if stat.S_ISLNK(status.st_mode) or (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        return ""
    if status.st_mode & stat.S_IWOTH:
        return "may be written to by everybody"
    if status.st_mode & stat.S_IWGRP and not _alone(status.st_gid):
        return f"may be written to by group {status.st_gid}"
    return ""


def read_text(path: Path, *, trusted: bool = False) -> str:
    """Return a file's text without a byte order mark; raises InventoryError for what is refused, too large or no text.

    `trusted`: the person named the file in the targets, so that only its size matters.
    """
    try:
        # A pipe without a writer must not be waited for; one that the person named, as `^<(...)`, has a writer.
        flags = os.O_RDONLY | os.O_CLOEXEC | (0 if trusted else os.O_NONBLOCK)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not trusted and not stat.S_ISREG(status.st_mode):
                raise InventoryError(f"`{path}` is no file")
            if not trusted and (reason := refusal(status)):
                raise InventoryError(f"The inventory `{path}` {reason}", hint=_HINT)
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InventoryError(f"`{path}` cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise InventoryError(f"`{path}` is larger than {MOST_BYTES >> 20} MiB")
    return decoded(data, str(path))


def decoded(data: bytes, shown: str) -> str:
    """Return the text of a file's bytes; raises InventoryError where they are no UTF-8 or a line is too long."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InventoryError(f"{shown}:{line}: byte 0x{data[error.start]:02x} is no UTF-8") from None
    if len(data) > MOST_LINE and (
        long := next((n for n, s in enumerate(data.split(b"\n"), 1) if len(s) > MOST_LINE), 0)
    ):
        raise InventoryError(f"{shown}:{long}: the line is longer than 1 MiB")
    return text


def _alone(gid: int) -> bool:
    """Whether a group has no member but us: root's own, or the private group that many systems give each user."""
    import grp
    import pwd

    try:
        group = grp.getgrgid(gid)
        if gid == 0:
            return set(group.gr_mem) <= {"root"}
        us = pwd.getpwuid(os.geteuid())
    except KeyError:
        return gid == 0
    return us.pw_gid == gid and group.gr_name == us.pw_name and set(group.gr_mem) <= {us.pw_name}


def _user(uid: int) -> str:
    import pwd

    try:
        return f"`{pwd.getpwuid(uid).pw_name}`"
    except KeyError:
        return str(uid)
