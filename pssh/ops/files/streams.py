"""The bytes of a transfer: a composed input that a host reads at its own pace, and sinks for what it answers.

Promises: nothing is held of a file but the piece that is asked for; a source that shrinks ends the transfer; what a
login prints in front of our mark is passed over, and never taken for content.
"""

import asyncio
import os
import threading
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from io import FileIO
from itertools import accumulate
from types import TracebackType
from typing import Self, TypeVar

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.files import tree
from pssh.ops.files.tree import Entry
from pssh.ops.shellwords import shown

_Any = TypeVar("_Any")

_TOLD = 0.2  # seconds between two words of how far it has come
_BURST = 0.1  # seconds of a limited rate that may leave at once
_MOST_BEFORE = 64 << 10  # bytes that a login may print before our mark
MOST_ANSWER = 64 << 20  # bytes of a listing
_PIECE = 256 << 10  # bytes read at once


class _Room(threading.local):
    """Where a thread's inputs, one after the other, are read into: a new piece each time is mapped by the system."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_PIECE))


_room = _Room()


async def aside(much: int, do: Callable[..., _Any], *args: object, **options: object) -> _Any:
    """Return what is worked out from so many names or bytes, in a thread where that would hold up the loop."""
    return await asyncio.to_thread(do, *args, **options) if much > _LITTLE else do(*args, **options)


_LITTLE = 1000


class Block:
    """Small contents and what stands between them: read once, and kept while many hosts ask for it."""

    def __init__(self, parts: Sequence["bytes | Entry"], size: int) -> None:
        self.size = size
        self._parts = parts

    def read(self) -> bytes:
        """Return all of it; raises TransportError for a source that is no longer what was planned."""
        data = _blocks.pop(self, None)
        if data is None:
            data = b"".join(part if isinstance(part, bytes) else _content(part) for part in self._parts)
            if len(_blocks) >= _MOST_BLOCKS:
                del _blocks[next(iter(_blocks))]
        _blocks[self] = data  # as the latest
        return data


BLOCK = 256 << 10  # bytes
_MOST_BLOCKS = 64
_blocks: dict[Block, bytes] = {}

Part = bytes | Entry | Block


class Progress:
    """Tells a session how much content has moved, now and then."""

    def __init__(self, session: Session, total: int) -> None:
        self._session, self.total = session, total
        self._done = 0
        self._told = 0.0
        self._clock = asyncio.get_running_loop().time

    def at(self, done: int) -> None:
        """So many bytes have moved in all."""
        self._done = max(self._done, min(done, self.total))
        now = self._clock()
        if now - self._told >= _TOLD:
            self._told = now
            self._session.moved(self._done, self.total)

    def add(self, count: int) -> None:
        self.at(self._done + count)

    def end(self) -> None:
        self._session.moved(self.total, self.total)


class Sending:
    """An input that is put together from bytes and from the content of entries, read where it lies."""

    def __init__(self, parts: Iterable[Part], progress: Progress | None = None, rate: float = 0.0) -> None:
        """`rate`: bytes a second, 0 for no limit."""
        self._parts = list(parts)
        sizes = [len(part) if isinstance(part, bytes) else part.size for part in self._parts]
        self._starts = list(accumulate(sizes, initial=0))
        self.size = self._starts[-1]
        self.reached = 0  # how far it was read
        self._progress, self._rate = progress, rate
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._opened: tuple[int, FileIO] | None = None  # the part whose file is open, and that
        self._timers: list[asyncio.TimerHandle] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        for timer in self._timers:
            timer.cancel()

    def read(self, at: int, most: int) -> memoryview | None:
        """Return up to `most` bytes from `at` on, empty at the end; None while the rate allows no more."""
        if self._rate and 0 < at < self.size and self._wait(at) > 0:
            return None
        room = _room.view[: max(min(most, self.size - at), 0)]
        index, filled = bisect_right(self._starts, at) - 1, 0
        while filled < len(room):
            filled += self._fill(index, at + filled - self._starts[index], room[filled:])
            if at + filled >= self._starts[index + 1]:
                index += 1
        if filled:
            self.reached = max(self.reached, at + filled)
            if self._progress is not None:
                self._progress.at(at + filled)
        return room

    def when_more(self, call: Callable[[], None]) -> None:
        self._timers = [self._loop.call_later(max(self._wait(self.reached), 0.001), call)]

    def _wait(self, at: int) -> float:
        """Return in how many seconds the rate allows what follows."""
        return at / self._rate - (self._loop.time() - self._began) - _BURST

    def _fill(self, index: int, at: int, room: memoryview) -> int:
        """Put into the room what a part has from `at` on, and return how much that is."""
        part = self._parts[index]
        if isinstance(part, Block):
            part = part.read()
        if isinstance(part, bytes) or part.content:
            data = part if isinstance(part, bytes) else part.content
            filled = min(len(data) - at, len(room))
            room[:filled] = data[at : at + filled]
            return filled
        room = room[: part.size - at]
        if not room:
            return 0
        if self._opened is None or self._opened[0] != index:
            self._close()
            self._opened = index, _open(part)
        self._opened[1].seek(at)
        if not (filled := self._opened[1].readinto(room)):
            raise changed(part)
        return filled

    def _close(self) -> None:
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None


def _content(entry: Entry) -> bytes:
    """Return the content of a small file; raises TransportError where it is not what was planned."""
    if entry.content:
        return entry.content
    with _open(entry) as file:
        data = file.read(entry.size)
        while len(data) < entry.size and (more := file.read(entry.size - len(data))):
            data += more
    if len(data) < entry.size or (entry.digest and sha256(data).digest() != entry.digest):
        raise changed(entry)
    return data


def _open(entry: Entry) -> FileIO:
    try:
        return tree.opened(entry.source)
    except OSError:
        raise changed(entry) from None


def changed(entry: Entry) -> TransportError:
    """Return the error for a source that is no longer what was planned."""
    name = shown(os.fsdecode(entry.source or entry.path))
    message = f"`{name}` changed while it was read; what the host had is untouched"
    return TransportError(Failure(stage="transfer", kind="changed-while-read", message=message))


class Marked:
    """A sink for what follows a mark at the beginning of a line; `noise` is what came before it."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark + b"\n"
        self.found = False
        self.noise = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> Awaitable[None] | None:
        if self.found:
            return self.take(memoryview(data))
        self.noise += data
        at = self.noise.find(self._mark)
        if at < 0:
            if len(self.noise) > _MOST_BEFORE + len(self._mark):
                del self.noise[_MOST_BEFORE : -len(self._mark)]
            return None
        self.found = True
        rest = bytes(self.noise[at + len(self._mark) :])
        del self.noise[at:]
        return self.take(memoryview(rest)) if rest else None

    def take(self, data: memoryview) -> Awaitable[None] | None:
        raise NotImplementedError


class Answer(Marked):
    """Keeps what a host answers, up to a limit."""

    def __init__(self, mark: bytes) -> None:
        super().__init__(mark)
        self.data = bytearray()

    def take(self, data: memoryview) -> Awaitable[None] | None:
        if len(self.data) + len(data) > MOST_ANSWER:
            message = f"the host's listing has more than {MOST_ANSWER >> 20} MiB"
            raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message))
        self.data += data
        return None
