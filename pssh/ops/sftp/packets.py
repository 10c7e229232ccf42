"""The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) as OpenSSH speaks it: values here, bytes there.

Promises: a packet that is too short, too long, or says what the protocol does not know is Malformed, never guessed at.
Names are bytes. Why not paramiko's parser: it fills what is missing with zeros.
"""

import stat
import struct
from enum import IntEnum, IntFlag
from typing import Literal

from msgspec import Struct

MAX_PACKET = 256 << 10  # as OpenSSH has it


class Kind(IntEnum):
    """The first byte of a packet."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Flags(IntFlag):
    """How a file is opened."""

    READ = 1
    WRITE = 2
    APPEND = 4
    CREATE = 8
    TRUNCATE = 16
    EXCLUSIVE = 32


class Malformed(Exception):
    """What came is no packet of the protocol; the text says why."""


class Attributes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a file, or is to be set; None: nothing. Times are whole seconds since 1970."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None  # with the bits of its type, where a host says it
    atime: int | None = None
    mtime: int | None = None

    @property
    def type(self) -> Literal["", "file", "folder", "symlink", "other"]:
        """What it is; empty if the host does not say."""
        if self.mode is None or not stat.S_IFMT(self.mode):
            return ""
        known: dict[int, Literal["file", "folder", "symlink"]] = {
            stat.S_IFREG: "file",
            stat.S_IFDIR: "folder",
            stat.S_IFLNK: "symlink",
        }
        return known.get(stat.S_IFMT(self.mode), "other")


class Name(Struct, frozen=True):
    """One entry of a folder."""

    name: bytes
    attributes: Attributes


class Space(Struct, frozen=True):
    """What a file system has left for us, in bytes and in files."""

    free: int
    files: int


class Reader:
    """Takes a packet apart, and lets nothing of it go unread."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._at = memoryview(data), 0

    def u32(self) -> int:
        return self._number(">I", 4)

    def u64(self) -> int:
        return self._number(">Q", 8)

    def string(self) -> bytes:
        return bytes(self.view())

    def view(self) -> memoryview:
        """Return a string without copying it."""
        start = self._at + 4
        end = start + self.u32()
        if end > len(self._data):
            raise Malformed("a packet was cut short")
        self._at = end
        return self._data[start:end]

    def attributes(self) -> Attributes:
        flags = self.u32()
        if flags & ~0x8000000F:
            raise Malformed(f"attributes with unknown flags {flags:#x}")
        size = self.u64() if flags & 1 else None
        uid, gid = (self.u32(), self.u32()) if flags & 2 else (None, None)
        mode = self.u32() if flags & 4 else None
        atime, mtime = (self.u32(), self.u32()) if flags & 8 else (None, None)
        if flags & 0x80000000:
            for _ in range(2 * self.u32()):
                self.string()
        return Attributes(size=size, uid=uid, gid=gid, mode=mode, atime=atime, mtime=mtime)

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def end(self) -> None:
        """Raise Malformed unless everything was read."""
        if self.more:
            raise Malformed("a packet has bytes behind its end")

    def _number(self, code: str, size: int) -> int:
        if self._at + size > len(self._data):
            raise Malformed("a packet was cut short")
        (value,) = struct.unpack_from(code, self._data, self._at)
        self._at += size
        return int(value)


u32 = struct.Struct(">I").pack
u64 = struct.Struct(">Q").pack


def text(data: bytes) -> bytes:
    """Return a string of the protocol."""
    return u32(len(data)) + data


def attributes(given: Attributes) -> bytes:
    """Return attributes that are to be set; both of a pair, or none of it, are given. Raises ValueError."""
    flags, parts = 0, list[bytes]()
    if given.size is not None:
        flags, parts = flags | 1, [*parts, u64(given.size)]
    if given.uid is not None or given.gid is not None:
        flags, parts = flags | 2, [*parts, *_pair(given.uid, given.gid)]
    if given.mode is not None:
        flags, parts = flags | 4, [*parts, u32(given.mode)]
    if given.atime is not None or given.mtime is not None:
        flags, parts = flags | 8, [*parts, *_pair(given.atime, given.mtime)]
    return u32(flags) + b"".join(parts)


def _pair(one: int | None, two: int | None) -> tuple[bytes, bytes]:
    if one is None or two is None:
        raise ValueError("owner and group, or both times, are set together")
    return u32(one), u32(two)
