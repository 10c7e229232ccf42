"""Tests on names that were listed: a glob, a kind, a size, an age; purely."""

import re
from fnmatch import translate
from typing import Self

from msgspec import Struct

from pssh.errors import UsageError
from pssh.model.files import Kind
from pssh.ops.fs.answer import Seen

_SIZE = re.compile(r"([+-]?)(\d+(?:\.\d+)?)([kKMGT]?)(?:i?B)?")
_UNITS = {"": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> tuple[str, int]:
    """Return a sign and bytes: `+1M` is more than 1 MiB, `-1M` less; raises UsageError."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise UsageError(
            f"`{text}` is no size", hint="write `+1M` for more, `-64K` for less, `0` for exactly so many bytes"
        )
    return found[1], int(float(found[2]) * _UNITS[found[3]])


class Test(Struct, frozen=True):
    """What a name must pass."""

    name: re.Pattern[bytes] | None = None
    kind: Kind | None = None
    sign: str = ""
    size: int | None = None
    before: float | None = None  # seconds since 1970
    after: float | None = None
    empty: bool = False

    @classmethod
    def read(
        cls, *, name: str, kind: Kind | None, size: str, older: float, newer: float, empty: bool, now: float
    ) -> Self:
        """Return the test that options ask for; raises UsageError."""
        sign, number = _read_size(size)
        pattern = re.compile(translate(name.replace("[^", "[!")).encode("utf-8", "surrogateescape")) if name else None
        before = now - older if older else None
        return cls(pattern, kind, sign, number, before, now - newer if newer else None, empty)

    def passes(self, path: bytes, seen: Seen, *, holds: bool) -> bool:
        """Whether a name passes; `holds`: it is a folder with something in it."""
        if self.kind is not None and seen.kind != self.kind:
            return False
        if self.name is not None and not self.name.fullmatch(path.rpartition(b"/")[2]):
            return False
        if self.size is not None and (seen.kind != "file" or not self._fits(seen.size)):
            return False
        if self.empty and not (seen.size == 0 if seen.kind == "file" else seen.kind == "dir" and not holds):
            return False
        young = self.before is not None and seen.mtime > self.before
        return not young and (self.after is None or seen.mtime >= self.after)

    def _fits(self, bytes: int) -> bool:
        assert self.size is not None
        return bytes > self.size if self.sign == "+" else bytes < self.size if self.sign == "-" else bytes == self.size


def _read_size(text: str) -> tuple[str, int | None]:
    return size(text) if text else ("", None)
