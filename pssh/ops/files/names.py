"""Paths on a host as bytes, split and joined as its kernel does; and the names of what is there for a moment only."""

import re
from hashlib import sha256

from msgspec import Struct

from pssh.errors import UsageError
from pssh.ops.shellwords import exact, shown

Place = tuple[bytes, ...]  # below a folder, part by part

LEFT = ".pssh-"  # what every temporary name of ours begins with
_TAG = re.compile(rb"\.pssh-[0-9a-f]{8}-")  # and nothing else: a shell reads it as a pattern


class Where(Struct, frozen=True):
    """A destination on a host, taken apart without asking it."""

    path: bytes  # as it is walked: relative to the home folder, or absolute
    folder: bytes  # what it lies in
    name: bytes  # its own name there; empty where only a folder can be meant
    home: bool = False  # `~` stands for the home folder

    @property
    def into(self) -> bool:
        """Whether it can only be a folder that things are put into."""
        return not self.name


def where(dest: str) -> Where:
    """Return the parts of a destination; raises UsageError for one that is empty or holds NUL."""
    path = exact(dest)
    if not path:
        raise UsageError("DEST is empty", hint="`./` is the home folder on a host")
    home = path == b"~" or path.startswith(b"~/")
    if home:
        path = b"." + path[1:]
    if not path.startswith(b"/"):
        path = b"./" + path
    bare = path.rstrip(b"/")
    folder, _, name = bare.rpartition(b"/")
    if path.endswith(b"/") or name in (b"", b".", b".."):
        return Where(bare or b"/", b"", b"", home)
    return Where(path, folder or b"/", name, home)


def tag(name: bytes) -> str:
    """Return what the temporary names for a target have in common, so that the next run finds what one left."""
    return f"{LEFT}{sha256(name).hexdigest()[:8]}-"


def tag_of(path: bytes) -> str:
    """Return the tag of a temporary name of ours, or of what lies below it; empty for any other name."""
    found = _TAG.match(path)
    return found[0].decode() if found else ""


def refused(name: bytes) -> bool:
    """Whether a host gave a name that leads elsewhere, or is none."""
    return name in (b"", b".", b"..") or b"/" in name or b"\0" in name


def readable(path: bytes) -> str:
    r"""Return a path for people, with bytes that are not UTF-8 as `\xNN`."""
    return shown(path.decode("utf-8", "surrogateescape").removeprefix("./") or ".")


def size(count: int) -> str:
    """Return a number of bytes for people."""
    power = min(max(count.bit_length() - 1, 0) // 10, 4)
    return f"{count / 1024**power:.1f} {' KMGT'[power]}iB" if power else f"{count} B"
