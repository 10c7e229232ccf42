"""The sink of a fetch: takes archives apart as they come and hands each wanted file's content on; nothing else is made.

Promises: only regular files that were asked for are taken, each once; a name in the archive chooses among these and
never makes a path; memory holds one piece, whatever sizes are claimed.
"""

from collections import defaultdict, deque
from collections.abc import Awaitable, Sequence
from typing import Protocol

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files import tar
from pssh.ops.files.facts import groups
from pssh.ops.files.listing import Found
from pssh.ops.files.streams import Marked
from pssh.ops.files.tar import BLOCK, Member

_SMALL = 64 << 10  # bytes of a file
_MOST_WORDS = 8 << 20  # bytes of hashes behind one archive


class Taker(Protocol):
    """What a file's content is given to."""

    def begin(self, found: Found, size: int) -> None: ...
    def piece(self, data: memoryview) -> Awaitable[None] | None: ...
    def end(self) -> None: ...
    def hashed(self, found: Sequence[Found], digests: Sequence[bytes]) -> None: ...


class Piecewise(Marked):
    """Hands on everything behind the mark as the content of one file."""

    def __init__(self, mark: bytes, taker: Taker) -> None:
        super().__init__(mark)
        self._taker = taker

    def take(self, data: memoryview) -> Awaitable[None] | None:
        return self._taker.piece(data)


class Unpacking(Marked):
    """Archive, mark, hashes, end; and so on until `over`."""

    def __init__(self, mark: bytes, wanted: Sequence[Found], taker: Taker) -> None:
        super().__init__(mark)
        self.over = False
        self._line, self._end = mark + b"\n", b"end " + mark + b"\n"
        self._taker = taker
        self._order = list(wanted)
        self._wanted: dict[bytes, deque[Found]] = defaultdict(deque)
        for found in wanted:
            self._wanted[_bare(found.path)].append(found)
        self._at = 0  # how many of the order were told with their hashes
        self._rest = bytearray()
        self._reader = tar.Reader()
        self._content = 0  # bytes of the member that are still to come
        self._padding = 0
        self._taking = False
        self._words = False  # between the mark and its end

    def take(self, data: memoryview) -> Awaitable[None] | None:
        wait = None
        if self._rest:
            self._rest += data
            data = memoryview(bytes(self._rest))
            self._rest.clear()
        while data:
            if self._content:
                if self._content > len(data) and self._content <= _SMALL:  # in one piece it costs least
                    self._rest += data
                    break
                piece, data = data[: self._content], data[self._content :]
                self._content -= len(piece)
                if self._taking:
                    wait = self._taker.piece(piece) or wait
                    if not self._content:
                        self._finish()
            elif self._padding:
                skipped = min(self._padding, len(data))
                self._padding -= skipped
                data = data[skipped:]
            elif (rest := self._step(data)) is None:
                self._rest += data
                break
            else:
                data = rest
        return wait

    def _step(self, data: memoryview) -> memoryview | None:
        """Take one header or word, and return what follows; None if more of it is to come."""
        if self._words:
            return self._take_words(data)
        if self._reader.between and bytes(data[: len(self._line)]) == self._line:
            self._words = True
            return data[len(self._line) :]
        if len(data) < BLOCK:
            return None
        try:
            member = self._reader.next(bytes(data[:BLOCK]))
        except tar.Garbled as error:
            message = f"what the host's tar sent cannot be read: {error}"
            raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message)) from None
        if member is not None:
            self._begin(member)
        return data[BLOCK:]

    def _begin(self, member: Member) -> None:
        self._content, self._padding = member.size, tar.padding(member.size)
        waiting = self._wanted.get(_bare(member.name))
        self._taking = bool(waiting) and member.kind == "file"
        if self._taking and waiting:
            self._taker.begin(waiting.popleft(), member.size)
            if not member.size:
                self._finish()

    def _finish(self) -> None:
        self._taking = False
        self._taker.end()

    def _take_words(self, data: memoryview) -> memoryview | None:
        text = bytes(data)
        at = text.find(self._end)
        if at < 0:
            if text == b"over\n":
                self.over, self._words = True, False
                return data[:0]
            if len(text) > _MOST_WORDS:
                raise TransportError(Failure(stage="transfer", kind="remote-failed", message="too many hashes came"))
            return None
        self._words = False
        found = groups(text[:at])
        told = self._order[self._at : self._at + len(found)]
        self._at += len(told)
        self._taker.hashed(told, [there.digest if there is not None else b"" for there in found[: len(told)]])
        return data[at + len(self._end) :]


def _bare(name: bytes) -> bytes:
    """Return a path as tars put it into archives: without what is in front of its first real part."""
    parts = name.split(b"/")
    if parts[0] in (b"", b"."):
        del parts[0]
    if b"" in parts or b"." in parts:
        parts = [part for part in parts if part not in (b"", b".")]
    while b".." in parts:
        del parts[: parts.index(b"..") + 1]
    return b"/".join(parts)
