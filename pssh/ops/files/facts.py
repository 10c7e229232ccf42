"""What is on a host where something is to be put: asked in one command for all of it, and read from its answer.

The answer begins with a mark of ours, so that what a login prints first is passed over.
"""

import re
import stat
from collections.abc import Sequence

from msgspec import Struct

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.names import readable

_FACTS = re.compile(rb"([0-9a-fA-F]{1,8}) (\d{1,18}) (\d{1,10}) (\d{1,10}) (-?\d{1,11}) (\S+) (\S+)")
_HEX = re.compile(rb"\\?([0-9a-f]{64})\b")


class There(Struct, frozen=True, omit_defaults=True):
    """What lies at one path of a host; links are not followed."""

    mode: int  # with the type
    size: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    user: str = ""
    group: str = ""
    digest: bytes = b""  # SHA-256, where it was asked for and could be had
    target: bytes = b""  # of a link

    @property
    def kind(self) -> str:
        return _KINDS.get(self.mode & 0o170000, "special")

    @property
    def permissions(self) -> int:
        return self.mode & 0o777


_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class Facts(Struct, frozen=True):
    """A destination as a host sees it."""

    folder: bytes  # what things are put into
    name: bytes  # the name that the only source gets in it; empty where there are several
    present: bool  # whether the folder is there
    found: tuple[There | None, ...] = ()  # in the order of what was asked
    uid: int = -1  # who we are there; -1: not known
    gid: int = -1
    hashes: bool = False  # whether it has a tool for SHA-256
    writable: bool = True  # whether we may put something into the folder
    left: bool = False  # whether something of an earlier run may be in it


def read(answer: bytes, asked: int, mark: bytes) -> Facts:
    """Return the facts that `programs.LOOK` printed about so many paths; raises TransportError."""
    head, _, rest = answer.partition(b"\n")
    words = head.split(b" ")
    if words[0] == b"no":
        raise TransportError(refusal(words[1].decode("ascii", "replace") if len(words) > 1 else ""))
    parts = rest.split(b"\0", 2)
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()) or len(parts) != 3:
        raise garbled()
    folder, name, rest = parts
    said, _, rest = rest.partition(b"\n")
    said, left = said.removesuffix(b" left"), said.endswith(b" left")
    if said == b"shut":
        raise TransportError(refusal("denied", folder))
    if said == b"none":
        return Facts(folder, name, False, (None,) * asked, int(words[0]), int(words[1]), words[2] == b"yes")
    hashes, writable = words[2] == b"yes", said == b"there"
    if rest == b"empty\n":
        return Facts(folder, name, True, (None,) * asked, int(words[0]), int(words[1]), hashes, writable, left)
    found = groups(rest.removesuffix(b"end " + mark + b"\n"))
    if len(found) != asked:
        raise garbled()
    return Facts(folder, name, True, tuple(found), int(words[0]), int(words[1]), hashes, writable, left)


def groups(data: bytes) -> list["There | None"]:
    """Return what programs print of a list of paths, in its order; raises TransportError."""
    return _Groups(data).all()


class _Groups:
    """Reads group after group: who is there, then each one's facts, hashes and link targets."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def all(self) -> list[There | None]:
        found: list[There | None] = []
        while self._at < len(self._data):
            marks = self._line()
            if marks.strip(b"-+#@="):
                raise garbled()
            found += self._group(marks)
        return found

    def _group(self, marks: bytes) -> Sequence[There | None]:
        if not marks.strip(b"-="):  # only hashes were asked for
            return [There(0, digest=digest(self._line())) if mark == 0x3D else None for mark in marks]
        if b"=" in marks:
            raise garbled()
        present = iter([there(self._line()) for mark in marks if mark != 0x2D])
        digests = iter([digest(self._line()) for mark in marks if mark == 0x23])
        targets = iter([self._target() for mark in marks if mark == 0x40])
        found: list[There | None] = []
        for mark in marks:
            if mark == 0x2D:
                found.append(None)
                continue
            fields = next(present)
            hashed = next(digests) if mark == 0x23 else b""
            target = next(targets) if mark == 0x40 else b""
            found.append(There(*fields, hashed, target))
        return found

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise garbled()
        line, self._at = self._data[self._at : end], end + 1
        return line

    def _target(self) -> bytes:
        end = self._data.find(b"\0", self._at)
        if end < 1:
            raise garbled()
        target, self._at = self._data[self._at : end - 1], end + 1
        return target


def there(line: bytes) -> tuple[int, int, int, int, int, str, str]:
    if not (said := _FACTS.fullmatch(line)):
        raise garbled()
    user, group = said[6].decode("utf-8", "replace"), said[7].decode("utf-8", "replace")
    return int(said[1], 16), int(said[2]), int(said[3]), int(said[4]), int(said[5]), user, group


def digest(line: bytes) -> bytes:
    """Return the hash that a line of `sha256sum` or a tool like it begins with; raises TransportError."""
    if not (said := _HEX.match(line)):
        raise garbled()
    return bytes.fromhex(said[1].decode())


def garbled() -> TransportError:
    message = "what the host says of its files cannot be read: they changed while it looked, or its tools are not usual"
    return TransportError(Failure(stage="transfer", kind="remote-failed", message=message))


_REFUSALS = {
    "is-directory": ("is-directory", "there is a folder where the file is to be"),
    "is-file": ("is-directory", "there is a file where a folder is to be"),
    "symlink": ("symlink", "there is a symbolic link where the file is to be"),
    "verify": ("verify", "what arrived is not what was sent: its SHA-256 differs"),
    "denied": ("remote-denied", "we may not go into that folder"),
    "short": ("verify", "not all of what was sent arrived"),
}


def refusal(word: str, path: bytes = b"") -> Failure:
    """Return the failure that a program of ours named by one word."""
    kind, message = _REFUSALS.get(word, ("remote-failed", f"the host said `{word[:50]}`"))
    message = f"`{readable(path)}`: {message}" if path else message
    hint = "`--follow` writes to what a link points to" if kind == "symlink" else ""
    return Failure(stage="transfer", kind=kind, message=message, hint=hint)
