"""What a host says that lies at some of its paths: names and sizes that it chose, taken for data and held to our rules.

Promises: a path is one that was asked for, or lies below one; no part of it is empty, `.`, `..`, or holds `/` or NUL;
what it lies in is a folder of the same listing; none comes twice. Whatever breaks that is refused by its name, and the
rest goes on.
"""

import re
import stat

from msgspec import Struct

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.facts import There, garbled, there
from pssh.ops.files.names import readable, refused
from pssh.ops.said import transfer_kind

MOST_FOUND = 1_000_000
_PRINTED = re.compile(rb"(.) ([0-7]{1,5}) (\d{1,18}) (-?\d{1,11})(?:\.\d*)?\0([^\0]*)\0([^\0]*)\0")
_TYPES = {b"f": stat.S_IFREG, b"d": stat.S_IFDIR, b"l": stat.S_IFLNK}


class Found(Struct, frozen=True):
    """One thing on a host; `path` is where it lies there, `place` where it goes below the folder of the host."""

    path: bytes
    place: tuple[bytes, ...]
    there: There


class Listing(Struct, frozen=True):
    """All that was found, a folder before what it holds; what was refused or skipped, by readable name."""

    found: tuple[Found, ...]
    refused: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    hashes: bool = False


class Root(Struct, frozen=True):
    """One path that was asked for, and what a host listed below it: full paths, each with its facts."""

    path: bytes
    below: tuple[tuple[bytes, There], ...]


def settled(roots: list[Root], *, hashes: bool, links: bool) -> Listing:
    """Return what of it may be fetched; raises TransportError if two of them would be one."""
    settle = _Settle(links)
    for root in roots:
        settle.add(root)
    return Listing(tuple(settle.found.values()), tuple(settle.refused), tuple(settle.skipped), hashes)


class _Settle:
    def __init__(self, links: bool) -> None:
        self.links = links
        self.found: dict[tuple[bytes, ...], Found] = {}
        self.refused: list[str] = []
        self.skipped: list[str] = []
        self._root: bytes | None = None  # the last folder that was asked about: which one, its place, whether it is one
        self._folder = b""
        self._above: tuple[bytes, ...] = ()
        self._whole = False

    def add(self, root: Root) -> None:
        base = root.path.rstrip(b"/")
        name = base.rpartition(b"/")[2]
        if refused(name):
            message = f"`{readable(root.path)}` has no name that it could get here"
            raise TransportError(Failure(stage="transfer", kind="name-refused", message=message))
        if (name,) in self.found:
            message = f"two of the sources are called `{readable(name)}`"
            raise TransportError(Failure(stage="transfer", kind="name-refused", message=message))
        for path, what in root.below:
            place = self._place(path, root.path, base, name)
            if place is None:
                self.refused.append(readable(path))
            else:
                self._keep(Found(path, place, what))

    def _place(self, path: bytes, root: bytes, base: bytes, name: bytes) -> tuple[bytes, ...] | None:
        if path in (root, base):
            return (name,) if (name,) not in self.found else None
        inside = root if root.endswith(b"/") else base + b"/"
        if not path.startswith(inside):
            return None
        folder, slash, last = path[len(inside) :].rpartition(b"/")
        if slash and not folder:
            return None
        if folder != self._folder or root != self._root:
            self._above = (name, *folder.split(b"/")) if folder else (name,)
            above = self.found.get(self._above)
            self._whole = above is not None and above.there.kind == "folder"
            self._folder, self._root = folder, root
        place = (*self._above, last)
        # What it lies in was looked at when it was found.
        return place if self._whole and not refused(last) and place not in self.found else None

    def _keep(self, found: Found) -> None:
        kind = found.there.kind
        if kind in ("file", "folder") or (kind == "link" and self.links and _inside(found)):
            self.found[found.place] = found
            if len(self.found) > MOST_FOUND:
                message = f"there are more than {MOST_FOUND:,} files"
                raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message))
        else:
            self.skipped.append(readable(found.path))


def _inside(link: Found) -> bool:
    """Whether a link stays within the source that it lies in, looked at as words."""
    target = link.there.target
    if not target or target.startswith(b"/") or b"\0" in target:
        return False
    depth = len(link.place) - 2  # folders above it, below the source's own
    for part in target.split(b"/"):
        depth += -1 if part == b".." else 0 if part in (b"", b".") else 1
        if depth < 0:
            return False
    return True


class Reader:
    """Reads what `programs.LIST` printed."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def roots(self, end: bytes) -> tuple[list[Root], bool]:
        """Return what was found, and whether the host has a tool for SHA-256.

        Raises TransportError for a pattern of which nothing was found, and for what the host may not look into.
        """
        hashes = self._until(b"\n") == b"yes"
        roots: list[Root] = []
        missing: list[bytes] = []
        shut: list[bytes] = []  # what the host's tools say of that
        while not self._data.startswith(end + b"\n", self._at):
            word, path = self._until(b"\0"), self._until(b"\0")
            if word == b"none":
                missing.append(path)
            elif word == b"shut":
                shut.append(path)
            elif word == b"root":
                printed = self._printed(path)
                roots.append(Root(path, tuple(self._below() if printed is None else printed)))
            else:
                raise garbled()
        if shut:
            words = readable(shut[0].partition(b"\n")[0])
            raise TransportError(Failure(stage="transfer", kind=transfer_kind(words), message=words))
        if missing:
            message = f"there is no `{readable(missing[0])}`"
            raise TransportError(Failure(stage="transfer", kind="remote-missing", message=message))
        return roots, hashes

    def _printed(self, root: bytes) -> list[tuple[bytes, There]] | None:
        """Return what GNU's find said; None where another find could not say it."""
        found: list[tuple[bytes, There]] = []
        inside = root if root.endswith(b"/") else root + b"/"
        while said := _PRINTED.match(self._data, self._at):
            kind, mode, size, mtime, name, target = said.groups()
            what = There(_TYPES.get(kind, 0) | int(mode, 8), int(size), mtime=int(mtime), target=target)
            found.append((inside + name if name else root, what))
            self._at = said.end()
        end = self._until(b"\0")
        if end == b"-" and not found:
            return None
        if end != b".":
            raise garbled()
        return found

    def _below(self) -> list[tuple[bytes, There]]:
        found: list[tuple[bytes, There]] = []
        while (count := self._until(b"\n")) != b".":
            if not count.isdigit() or len(count) > 6:
                raise garbled()
            facts = [there(self._until(b"\n")) for _ in range(int(count))]
            names = [self._until(b"\0") for _ in facts]
            for name, fields in zip(names, facts, strict=True):
                what = There(*fields)
                if what.kind == "link":
                    what = There(*fields, target=self._until(b"\0").removesuffix(b"\n"))
                found.append((name, what))
        return found

    def _until(self, end: bytes) -> bytes:
        at = self._data.find(end, self._at)
        if at < 0:
            raise garbled()
        found, self._at = self._data[self._at : at], at + 1
        return found
