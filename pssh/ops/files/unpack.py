"""The sink of a fetch: takes archives apart as they come and hands each wanted file's content on; nothing else is made.

Promises: only regular files that were asked for are taken, each once; a name in the archive chooses among these and
never makes a path; memory holds one piece, whatever sizes are claimed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files import tar
from pssh.ops.files.facts import digest, garbled, groups
from pssh.ops.files.listing import Found, Listing
from pssh.ops.files.programs import SMALL
from pssh.ops.files.streams import Answer, Marked
from pssh.ops.files.tar import BLOCK, Member

_LONG = 64 << 10  # bytes of a listing that is read in a thread
_MOST_WORDS = 8 << 20  # bytes of hashes behind one archive


class Taker(Protocol):
    """What a file's content is given to."""

    def many(self, files: Sequence[tuple[Found, memoryview]]) -> Awaitable[None] | None:
        """Take small files, all of each; the views are good until the return."""

    def begin(self, found: Found, size: int) -> None: ...
    def piece(self, data: memoryview) -> Awaitable[None] | None: ...
    def end(self) -> None: ...
    def hashed(self, found: Sequence[Found], digests: Sequence[bytes]) -> None: ...


AtOnce = Callable[[Listing], tuple[Sequence[Found], Taker]]  # of a listing, what is wanted in any case


class Piecewise(Marked):
    """Hands on everything behind the mark as the content of one file."""

    def __init__(self, mark: bytes, taker: Taker) -> None:
        super().__init__(mark)
        self._taker = taker

    def take(self, data: memoryview) -> Awaitable[None] | None:
        return self._taker.piece(data)


class Unpacking:
    """Archive, mark, names, hashes, end; and so on until `over`."""

    def __init__(self, mark: bytes, wanted: Sequence[Found], taker: Taker) -> None:
        self.over = False
        self._line, self._end = mark + b"\n", b"end " + mark + b"\n"
        self._taker = taker
        self._paths = {found.path: found for found in wanted}
        self._wanted: dict[bytes, deque[Found] | Found] = {}
        for found in wanted:
            bare = _bare(found.path)
            other = self._wanted.setdefault(bare, found)
            if other is not found:  # tars put two paths in under one name
                several = other if isinstance(other, deque) else deque([other])
                several.append(found)
                self._wanted[bare] = several
        self._rest = bytearray()
        self._reader = tar.Reader()
        self._small: Found | None = None  # whose content is to be taken in one piece
        self._content = 0  # bytes of the member that are still to come
        self._padding = 0
        self._taking = False
        self._words = False  # between the mark and its end

    def take(self, data: memoryview) -> Awaitable[None] | None:
        """Take what comes next; what it returns is to be awaited before more is asked for."""
        if self._rest:
            self._rest += data
            data = memoryview(bytes(self._rest))
            self._rest.clear()
        wait: Awaitable[None] | None = None
        whole: list[tuple[Found, memoryview]] = []
        at, end = 0, len(data)
        while at < end:
            if self._small is not None:
                if end - at < self._content:
                    break
                whole.append((self._small, data[at : at + self._content]))
                at, self._content, self._small = at + self._content, 0, None
            elif self._content:
                piece = data[at : at + self._content]
                at, self._content = at + len(piece), self._content - len(piece)
                if self._taking:
                    wait = self._taker.piece(piece) or wait
                    if not self._content:
                        self._taker.end()
            elif self._padding:
                skipped = min(self._padding, end - at)
                at, self._padding = at + skipped, self._padding - skipped
            elif self._words or (self._reader.between and data[at : at + len(self._line)] == self._line):
                if whole:
                    wait, whole = self._taker.many(whole) or wait, []
                used = self._take_words(bytes(data[at:]))
                if not used:
                    break
                at += used
            elif end - at < BLOCK:
                break
            else:
                member = self._next(bytes(data[at : at + BLOCK]))
                at += BLOCK
                if member is not None:
                    if whole and member.size > SMALL:
                        wait, whole = self._taker.many(whole) or wait, []
                    self._begin(member, whole)
        self._rest += data[at:]
        if whole:
            wait = self._taker.many(whole) or wait
        return wait

    def _next(self, block: bytes) -> Member | None:
        try:
            return self._reader.next(block)
        except tar.Garbled as error:
            message = f"what the host's tar sent cannot be read: {error}"
            raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message)) from None

    def _begin(self, member: Member, whole: list[tuple[Found, memoryview]]) -> None:
        self._content, self._padding = member.size, tar.padding(member.size)
        self._taking = False
        found = self._chosen(member.name) if member.kind == "file" else None
        if found is None:
            return
        if not member.size:
            whole.append((found, memoryview(b"")))
        elif member.size <= SMALL:
            self._small = found
        else:
            self._taking = True
            self._taker.begin(found, member.size)

    def _chosen(self, name: bytes) -> Found | None:
        """Return what was asked for by a name, each once."""
        name = _bare(name)
        found = self._wanted.get(name)
        if isinstance(found, deque):
            return found.popleft() if found else None
        if found is not None:
            del self._wanted[name]
        return found

    def _take_words(self, text: bytes) -> int:
        """Take what stands between the mark and its end, and return how many bytes; 0 if more of it is to come."""
        if not self._words:
            self._words = True
            return len(self._line)
        at = text.find(self._end)
        if at < 0:
            if text == b"over\n":
                self.over, self._words = True, False
                return len(text)
            if len(text) > _MOST_WORDS:
                raise TransportError(Failure(stage="transfer", kind="remote-failed", message="too many hashes came"))
            return 0
        self._words = False
        told = [(self._paths[path], digest) for path, digest in _told(text[:at]) if path in self._paths]
        self._taker.hashed([found for found, _ in told], [digest for _, digest in told])
        return at + len(self._end)


def _told(text: bytes) -> list[tuple[bytes, bytes]]:
    """Return the paths that were to be in an archive, and their hashes, empty for what could not be read."""
    count, _, rest = text.partition(b"\n")
    if not count.isdigit() or len(count) > 6 or rest.count(b"\0") < int(count):
        raise garbled()
    *paths, rest = rest.split(b"\0", int(count))
    if rest.endswith(b"all\n"):
        lines = rest.split(b"\n")[:-2]
        if len(lines) != len(paths):
            raise garbled()
        return list(zip(paths, map(digest, lines), strict=True))
    _, one_by_one, rest = (b"\n" + rest).rpartition(b"\neach\n")
    found = groups(rest)
    if not one_by_one or len(found) != len(paths):
        raise garbled()
    return [(path, there.digest if there is not None else b"") for path, there in zip(paths, found, strict=True)]


class Fetched(Marked):
    """The sink of what was asked for by name."""

    def __init__(self, mark: bytes, wanted: Sequence[Found], taker: Taker) -> None:
        super().__init__(mark)
        self._unpacking = Unpacking(mark, wanted, taker)

    @property
    def over(self) -> bool:
        return self._unpacking.over

    def take(self, data: memoryview) -> Awaitable[None] | None:
        return self._unpacking.take(data)


class Listed(Answer):
    """The sink of a listing behind which small files come, of which those that it shows to be wanted are handed on."""

    def __init__(self, mark: bytes, read: Callable[[bytes], tuple[Sequence[Found], Taker] | None]) -> None:
        """`read` is given the listing with its last line; where that is long, in a thread. None: nothing is wanted."""
        super().__init__(mark)
        self.over = False  # the listing is
        self._bare, self._end, self._read = mark, b"end " + mark + b"\n", read
        self._unpacking: Unpacking | None = None

    def take(self, data: memoryview) -> Awaitable[None] | None:
        if self._unpacking is not None:
            return self._unpacking.take(data)
        before = len(self.data)
        super().take(data)
        if self.over:  # it is being read: what comes meanwhile is no more than our window lets through
            return None
        at = self.data.find(self._end, max(before - len(self._end), 0))
        if at < 0:
            return None
        self.over = True
        listing = bytes(self.data[: at + len(self._end)])
        del self.data[: at + len(self._end)]
        if len(listing) > _LONG:
            return self._aside(listing)
        return self._go_on(self._read(listing))

    async def _aside(self, listing: bytes) -> None:
        if wait := self._go_on(await asyncio.to_thread(self._read, listing)):
            await wait

    def _go_on(self, wanted: tuple[Sequence[Found], Taker] | None) -> Awaitable[None] | None:
        if wanted is None:
            return None
        self._unpacking = Unpacking(self._bare, *wanted)
        data = memoryview(bytes(self.data))
        self.data.clear()
        return self._unpacking.take(data)


def _bare(name: bytes) -> bytes:
    """Return a path as tars put it into archives: without what is in front of its first real part."""
    if name.startswith((b"/", b"./")):
        name = name[1:] if name[0] == 0x2F else name[2:]
    if b"//" not in name and b"/." not in name and name[:1] not in (b"", b"/", b".") and name[-1] != 0x2F:
        return name
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    while b".." in parts:
        del parts[: parts.index(b"..") + 1]
    return b"/".join(parts)
