"""Archives as every host's own tar reads and writes them: ustar headers, with PAX records for what does not fit there.

What a host sends is taken apart here and nowhere else: sizes and names come out as plain values, nothing
is opened or made. Why not `tarfile`: it wants whole files, its text is not bytes, and its filters were passed by
(CVE-2025-4517, -4138, -4330).
"""

import zlib
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

BLOCK = 512
END = bytes(2 * BLOCK)
_NOTHING = bytes(BLOCK)
_MOST_EXTENDED = 1 << 20  # bytes of a long name, or of PAX records
_TYPES = {"file": b"0", "folder": b"5", "link": b"2"}
_OCTAL_SIZE = 0o77777777777
_HEEDED = (b"path", b"size")  # of PAX records; what else is said is not kept

Found = Literal["file", "folder", "link", "hard-link", "other"]
_FOUND: dict[bytes, Found] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"5": "folder",
    b"2": "link",
    b"1": "hard-link",
}


_EMPTY = ("link", "hard-link", "folder")  # whatever size they say


class Garbled(ValueError):
    """What a host sent is no archive."""


class Member(Struct, frozen=True):
    """One header of an archive that a host made; every value is what it says, and none is to be trusted."""

    name: bytes
    kind: Found
    size: int  # bytes of content that follow


def header(
    name: bytes, kind: str, mode: int, *, size: int = 0, mtime: int = 0, uid: int = 0, gid: int = 0, target: bytes = b""
) -> bytes:
    """Return what stands before an entry's content: one block, or three and more where the name is long."""
    if kind == "folder":
        name += b"/"
    records = []
    split = _split(name)
    if split is None:
        records.append((b"path", name))
        split = (b"", name[:100])
    if len(target) > 100:
        records.append((b"linkpath", target))
    numbers = (
        (b"uid", uid, 0o7777777),
        (b"gid", gid, 0o7777777),
        (b"size", size, _OCTAL_SIZE),
        (b"mtime", mtime, _OCTAL_SIZE),
    )
    records += [(key, b"%d" % value) for key, value, most in numbers if value > most]
    block = _block(*split, _TYPES[kind], mode, size, mtime, uid, gid, target)
    return _extended(records) + block if records else block


def padding(size: int) -> int:
    """Return how many zero bytes follow a content of so many."""
    return -size % BLOCK


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Return prefix and name as ustar has them; None if it is too long for that."""
    if len(name) <= 100:
        return b"", name
    at = name.rfind(b"/", 0, 156)
    if at > 0 and 0 < len(name) - at - 1 <= 100:
        return name[:at], name[at + 1 :]
    return None


def _extended(records: list[tuple[bytes, bytes]]) -> bytes:
    data = b"".join(_record(key, value) for key, value in records)
    return _block(b"", b"pax", b"x", 0o600, len(data), 0, 0, 0, b"") + data + bytes(padding(len(data)))


def _record(key: bytes, value: bytes) -> bytes:
    """Return `length key=value`, where the length counts itself too."""
    bare = len(key) + len(value) + 3
    length = bare + len(str(bare))
    length = bare + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _block(
    prefix: bytes, name: bytes, kind: bytes, mode: int, size: int, mtime: int, uid: int, gid: int, target: bytes
) -> bytes:
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        mode & 0o7777,
        min(uid, 0o7777777),
        min(gid, 0o7777777),
        min(size, _OCTAL_SIZE),
        min(max(mtime, 0), _OCTAL_SIZE),
    )
    target = target[:100]
    total = sum(name) + sum(numbers) + sum(kind) + sum(target) + sum(prefix) + _SUM  # NULs count nothing
    return b"".join(
        (
            name.ljust(100, b"\0"),
            numbers,
            b"%06o\0 " % total,
            kind,
            target.ljust(100, b"\0"),
            _MAGIC,
            prefix.ljust(167, b"\0"),
        )
    )


_MAGIC = b"ustar\x0000" + bytes(80)
_SUM = sum(_MAGIC) + sum(b" " * 8)  # the sum itself counts as blanks


class Reader:
    """Takes an archive apart as it comes; `next` is given whole blocks, in order, where a header is due."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] = {}
        self._kind = b""  # of the extension that is being read
        self._data = bytearray()
        self._left = 0

    @property
    def between(self) -> bool:
        """Whether nothing has begun that is not over."""
        return not self._left and not self._records

    def next(self, block: bytes) -> Member | None:
        """Return the member whose content follows, if this block ends a header; raises Garbled."""
        if self._left:
            self._data += block[: self._left]
            self._left -= min(self._left, BLOCK)
            if not self._left:
                self._extend()
            return None
        if block == _NOTHING:
            return None
        _check(block)
        kind, size = block[156:157], _number(block[124:136])
        if kind in b"xgLK":
            if size > _MOST_EXTENDED:
                raise Garbled("a name in it is too long")
            self._kind, self._left, self._data = kind, size, bytearray()
            return None
        return self._member(block, kind, size)

    def _extend(self) -> None:
        data = bytes(self._data)
        if self._kind == b"x":
            self._records.update((key, value) for key, value in _records(data) if key in _HEEDED)
        elif self._kind == b"L":
            self._records[b"path"] = data.rstrip(b"\0")

    def _member(self, block: bytes, kind: bytes, size: int) -> Member:
        said = self._records
        if said:
            self._records = {}
            if b"size" in said:
                size = _decimal(said[b"size"])
        if (name := said.get(b"path")) is None:
            name = _text(block[:100])
            if block[345] and block[257:263] == b"ustar\0":
                name = _text(block[345:500]) + b"/" + name
        found = _FOUND.get(kind, "other")
        return Member(name, found, 0 if found in _EMPTY else size)


def _check(block: bytes) -> None:
    """Raise Garbled unless a header has the sum that it names, by the sum of all bytes that is in their Adler-32."""
    field = block[148:156]
    try:
        said = int(field.rstrip(b"\0 ") or b"0", 8)
    except ValueError:
        raise Garbled("a header is none") from None
    if (said - len(field) * 32 + sum(field) + 1) % 65521 != zlib.adler32(block) & 0xFFFF:
        raise Garbled("a header has the wrong sum")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's and star's form for what eleven octal digits do not hold
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] & 0x40 or value >> 62:
            raise Garbled("a number in it is too large")
        return value
    digits = field.strip(b"\0 ") or b"0"
    if digits.strip(b"01234567"):
        raise Garbled("a number in it is none")
    return int(digits, 8)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise Garbled("a number in it is none")
    return int(text)


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        end = at + _decimal(data[at : max(space, at)])
        if end <= space + 1 or end > len(data) or data[end - 1 : end] != b"\n":
            raise Garbled("a record in it is cut")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise Garbled("a record in it has no value")
        yield key, value
        at = end


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
